"""A small run by the loop of each library, which a fault may strike after any step."""

import hashlib
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

EVERY = 4  # steps between two checkpoints
Mishap = Callable[[int], None]


class Library(NamedTuple):
    """`train` starts or resumes a run in a folder; `files` are its checkpoints, newest last."""

    train: Callable[[Path, bool, float, Mishap], None]
    files: Callable[[Path], list[Path]]
    step_of: Callable[[Path], int]


class Pictures(Dataset[tuple[Tensor, int]]):
    """64 noisy images of two colours, flipped at random."""

    def __init__(self) -> None:
        draw = np.random.default_rng(3)
        self.images = draw.integers(0, 100, (64, 3, 32, 32)).astype(np.float32) / 255
        self.images[::2, 0] += 0.5

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = torch.from_numpy(self.images[index])
        return (image.flip(-1) if torch.rand(()) < 0.5 else image), index % 2


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 2),
    )  # fmt: skip


def weights_sum(tensors: dict[str, Tensor]) -> str:
    parts = (tensors[name].numpy().tobytes() for name in sorted(tensors))
    return hashlib.sha256(b"".join(parts)).hexdigest()


def train_timm(folder: Path, resume: bool, lr: float, mishap: Mishap) -> None:
    """The order of train.py: recovery files within an epoch, `last` at its end, seed at start."""
    from timm.models import resume_checkpoint
    from timm.utils import CheckpointSaver

    torch.manual_seed(42)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    begin = 0
    if resume:
        begin = resume_checkpoint(model, str(timm_files(folder)[-1]), optimizer) or 0
    saver = CheckpointSaver(
        model, optimizer, checkpoint_dir=str(folder), recovery_dir=str(folder), max_history=2
    )
    loader = DataLoader(Pictures(), 8, shuffle=True)
    for epoch in range(begin, 2):
        for batch, (images, labels) in enumerate(loader):
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step = 8 * epoch + batch + 1
            mishap(step)
            if (batch + 1) % EVERY == 0 and batch + 1 < 8:
                saver.save_recovery(epoch, batch_idx=batch)
        saver.save_checkpoint(epoch, metric=float(loss))
    (folder / "final").write_text(weights_sum(model.state_dict()))


def timm_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[lr]*.tar"), key=lambda path: path.stat().st_mtime_ns)


def timm_step(file: Path) -> int:
    content = torch.load(file, weights_only=True)
    parts = file.name.split(".")[0].split("-")
    return 8 * int(parts[1]) + int(parts[2]) + 1 if len(parts) > 2 else 8 * (content["epoch"] + 1)


def train_lightning(folder: Path, resume: bool, lr: float, mishap: Mishap) -> None:
    lightning: Any = import_module("lightning")
    callbacks: Any = import_module("lightning.pytorch.callbacks")

    class Module(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = network()

        def training_step(self, batch: Any) -> Tensor:
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr, momentum=0.9)

    class At(callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            mishap(trainer.global_step)

    lightning.seed_everything(42, verbose=False)
    keep = callbacks.ModelCheckpoint(folder, "{step}", every_n_train_steps=EVERY, save_last=True)
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, callbacks=[At(), keep],
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    module = Module()
    last = str(folder / "last.ckpt") if resume else None
    trainer.fit(module, DataLoader(Pictures(), 8, shuffle=True), ckpt_path=last)
    (folder / "final").write_text(weights_sum(module.net.state_dict()))


def lightning_step(file: Path) -> int:
    return int(torch.load(file, weights_only=True)["global_step"])


def train_cladenet(folder: Path, resume: bool, lr: float, mishap: Mishap) -> None:
    """The command line, with a look at each step."""
    from cladenet.cli import main as cladenet
    from cladenet.runs.train.progress import TrainingSums

    data = folder.parent / "pictures"
    if not data.is_dir():
        for index, image in enumerate(Pictures().images):
            path = data / "ab"[index % 2] / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((255 * image).astype(np.uint8).transpose(1, 2, 0)).save(path)
    count = TrainingSums.add

    def counting(sums: TrainingSums, report: Any) -> None:
        count(sums, report)
        mishap(report.step)

    vars_of: Any = TrainingSums
    vars_of.add = counting
    words = ["train", "--resume", str(folder)]
    if not resume:
        words = ["train", "lenet5_relu", "--data", str(data), "--out", str(folder), f"lr={lr}"]
        words += ["batch_size=8", "epochs=3", f"save_steps={EVERY}", "threads=1", "device=cpu"]
    status = cladenet([*words, "--quiet"])
    if status:
        os._exit(status)
    (folder / "final").write_text(
        hashlib.sha256((folder / "checkpoints/last/weights.safetensors").read_bytes()).hexdigest()
    )


def cladenet_files(folder: Path) -> list[Path]:
    found = sorted((folder / "checkpoints").glob("step-*"))
    return [step / "weights.safetensors" for step in found]


def cladenet_step(file: Path) -> int:
    from cladenet.checkpoints import folder as folders

    folders.read(file.parent)
    return int(file.parent.name.split("-")[1])


LIBRARIES = {
    "cladenet": Library(train_cladenet, cladenet_files, cladenet_step),
    "timm": Library(train_timm, timm_files, timm_step),
    "lightning": Library(train_lightning, lambda folder: [folder / "last.ckpt"], lightning_step),
}
