"""The sides of benchmarks/input_pipeline.py: each is what gives the batches of an epoch.

Both ours and theirs end with normalised float32 batches in memory and make the same random changes.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from cladenet.data.augment.crops import Augment
from cladenet.data.batches import TrainBatches
from cladenet.data.dataset import DataSet
from cladenet.data.preprocess import Preprocess
from cladenet.data.resample import resize_short_side
from cladenet.data.sources.open import open_dataset
from cladenet.plural import counted
from cladenet.vision import torchvision

Epoch = Callable[[int], Iterable[Tensor]]  # the number of an epoch -> its batches
Sides = dict[str, Epoch]
PROCESS = "process"  # in the name of a side whose work this process's CPU clock does not see
SIDE, BATCH = 224, 32


class Decoded:
    """Images in memory, for a transform of Pillow images."""

    def __init__(self, images: list[Image.Image], transform: Callable[[Any], Tensor]) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), 0


class Photographs:
    """ImageNet's way with photographs: a random box resized to 224, mirrored; batches of 32."""

    def __init__(self, data: Path, cache: str) -> None:
        self.folder = data / "hymenoptera"
        self.cache = cache
        self.dataset: DataSet = open_dataset(str(self.folder))
        self.preprocess = Preprocess.for_dataset(self.dataset, (3, SIDE, SIDE))
        self.boxes = Augment(crop="resized", flip=0.5)

    def batches(
        self, augment: Augment, workers: int = 0, cache_limit: int | None = None
    ) -> TrainBatches:
        """Ours; with a `cache_limit` of 0 each epoch decodes."""
        return TrainBatches(
            self.dataset.train,
            self.preprocess,
            augment,
            BATCH,
            seed=0,
            workers=workers,
            cache_dir=self.cache,
            cache_limit=cache_limit,
        )

    def ours(self, augment: Augment, workers: int = 0, cache_limit: int | None = None) -> Epoch:
        """Batches as a training step takes them; those from the cache after their first epoch."""
        batches = self.batches(augment, workers, cache_limit)
        if cache_limit != 0:
            for epoch in range(2):  # what the first leaves out at its end
                for _ in batches.epoch(epoch):
                    pass
        return inputs(batches, self.preprocess)

    def from_files(self) -> Sides:
        """JPEG files to batches, as in the first epoch, or in all where no cache has room."""
        sides = {"timm, DataLoader 0": loader(self._folder(self.timm()), BATCH, 0)}
        for workers in (1, 2):
            name = f"timm, DataLoader {workers} {PROCESS}"
            sides[name] = loader(self._folder(self.timm()), BATCH, workers)
        sides["torchvision v1, DataLoader 0"] = loader(self._folder(self.v1()), BATCH, 0)
        sides["torchvision v2, DataLoader 0"] = loader(self._folder(self.v2()), BATCH, 0)
        for workers in (0, 1, 2):
            sides[f"cladenet, {counted(workers, 'thread')}"] = self.ours(self.boxes, workers, 0)
        return sides

    def from_pixels(self) -> Sides:
        """Decoded images to batches: ours read the cache, theirs are in memory."""
        return {
            "timm, decoded": loader(Decoded(self._decoded(), self.timm()), BATCH, 0),
            "cladenet, packed": self.ours(self.boxes),
            "cladenet, packed, 2 threads": self.ours(self.boxes, 2),
        }

    def crops_alone(self) -> Sides:
        """Views of 224 pixels, padded by 4, cropped and mirrored: nothing is resized."""
        from torchvision.transforms import RandomCrop

        views = [
            Image.fromarray(self.preprocess.prepare(self.dataset.train.images.read(i)))
            for i in range(len(self.dataset.train))
        ]
        fill = tuple(self.preprocess.mean_colour().tolist())
        chain = self.v1(RandomCrop(SIDE, padding=4, fill=fill))
        return {
            "torchvision v1, decoded": loader(Decoded(views, chain), BATCH, 0),
            "cladenet, packed": self.ours(Augment(crop="pad", flip=0.5)),
        }

    def policies(self) -> Sides:
        """The same boxes, and TrivialAugment, which is torchvision's on both sides."""
        from torchvision.transforms import InterpolationMode, TrivialAugmentWide

        fill = [float(level) for level in self.preprocess.mean_colour()]
        policy = TrivialAugmentWide(interpolation=InterpolationMode.BILINEAR, fill=fill)
        augment = Augment(crop="resized", flip=0.5, policy="trivialaugment")
        return {
            "torchvision v1, decoded": loader(
                Decoded(self._decoded(), self.v1(None, policy)), BATCH, 0
            ),
            "cladenet, packed": self.ours(augment),
            f"cladenet, packed, 2 {PROCESS}es": self.ours(augment, 2),
        }

    def timm(self) -> Any:
        """timm's transform for training with what it adds to the above switched off."""
        from timm.data import create_transform

        return create_transform(
            SIDE,
            is_training=True,
            color_jitter=None,
            interpolation="bilinear",
            mean=self.preprocess.mean,
            std=self.preprocess.std,
        )

    def v1(self, crop: Any = None, *more: Any) -> Any:
        """torchvision's first transforms, which work on Pillow images."""
        from torchvision import transforms

        return transforms.Compose(
            [
                crop or transforms.RandomResizedCrop(SIDE),
                transforms.RandomHorizontalFlip(),
                *more,
                transforms.ToTensor(),
                transforms.Normalize(self.preprocess.mean, self.preprocess.std),
            ]
        )

    def v2(self) -> Any:
        """torchvision's second transforms, on tensors, as its own recipes have them."""
        return second_transforms(self.preprocess, lambda v2: v2.RandomResizedCrop(SIDE))

    def _folder(self, transform: Any) -> Any:
        from torchvision import datasets

        return datasets.ImageFolder(str(self.folder / "train"), transform)

    def _decoded(self) -> list[Image.Image]:
        """Images as our cache holds them: short side at most 384."""
        side = self.boxes.stored_side(self.preprocess)
        images = (self.dataset.train.images.read(i) for i in range(len(self.dataset.train)))
        return [
            Image.fromarray(resize_short_side(image[None], min(side, *image.shape[:2]))[0])
            for image in images
        ]


def cifar(data: Path) -> Sides:
    """CIFAR-10: a border of 4, a crop, mirrored; batches of 128."""
    dataset = open_dataset(f"cifar10:{data}")
    preprocess = Preprocess.for_dataset(dataset, (3, 32, 32))
    batches = TrainBatches(dataset.train, preprocess, Augment(crop="pad", flip=0.5), 128, seed=0)
    torchvision()
    from torchvision import transforms

    fill = tuple(preprocess.mean_colour().tolist())
    v1 = transforms.Compose(
        [
            transforms.RandomCrop(32, padding=4, fill=fill),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(preprocess.mean, preprocess.std),
        ]
    )
    v2 = second_transforms(preprocess, lambda v2: v2.RandomCrop(32, padding=4, fill=fill))
    images = [
        Image.fromarray(np.asarray(dataset.train.images.read(i))) for i in range(len(dataset.train))
    ]
    return {
        "torchvision v1, DataLoader 0": loader(Decoded(images, v1), 128, 0),
        f"torchvision v1, DataLoader 2 {PROCESS}es": loader(Decoded(images, v1), 128, 2),
        "torchvision v2, DataLoader 0": loader(Decoded(images, v2), 128, 0),
        "cladenet": inputs(batches, preprocess),
    }


def second_transforms(preprocess: Preprocess, crop: Callable[[Any], Any]) -> Any:
    """Pillow image -> tensor -> `crop` -> mirrored -> normalised, by torchvision's v2."""
    import torch
    from torchvision.transforms import v2

    return v2.Compose(
        [
            v2.ToImage(),
            crop(v2),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(preprocess.mean, preprocess.std),
        ]
    )


def inputs(batches: TrainBatches, preprocess: Preprocess) -> Epoch:
    """Our batches, normalised."""
    return lambda epoch: (preprocess.to_input(batch.images) for batch in batches.epoch(epoch))


def loader(dataset: Any, batch_size: int, workers: int) -> Epoch:
    """A DataLoader whose workers live across epochs."""
    batches: DataLoader[Any] = DataLoader(
        dataset,
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    return lambda epoch: (images for images, _ in batches)
