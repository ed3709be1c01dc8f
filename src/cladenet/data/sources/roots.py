"""Where the named data sets come from, and where their files may lie under a root.

A root is forgiving: for CIFAR-10, both the folder `cifar-10-batches-py` and its parent will do.
Nothing is downloaded: a missing set gets a message with the files, their origin and their place.
"""

import os
from dataclasses import dataclass

from cladenet.errors import DataError


@dataclass(frozen=True)
class Source:
    """A published data set.

    Args:
        folders: where its files may lie under a root, the default place first.
        markers: files or folders of which one at least is there.
        get: what to fetch, for people.
        origin: where its authors publish it.
    """

    folders: tuple[str, ...]
    markers: tuple[str, ...]
    get: str
    origin: str


IDX = tuple(
    f"{part}-ubyte{suffix}"
    for part in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    for suffix in ("", ".gz")
)
IDX_FILES = "{train,t10k}-{images-idx3,labels-idx1}-ubyte.gz (four files; unpacked ones work too)"

SOURCES = {
    "mnist": Source(
        folders=("MNIST/raw", "MNIST", "mnist/raw", "mnist", "raw"),
        markers=IDX,
        get=IDX_FILES,
        origin="http://yann.lecun.com/exdb/mnist/ "
        "(mirror: https://ossci-datasets.s3.amazonaws.com/mnist/)",
    ),
    "fashion_mnist": Source(
        folders=("FashionMNIST/raw", "FashionMNIST", "fashion_mnist", "fashion-mnist", "raw"),
        markers=IDX,
        get=IDX_FILES,
        origin="https://github.com/zalandoresearch/fashion-mnist",
    ),
    "cifar10": Source(
        folders=("cifar-10-batches-py", "cifar-10-batches-bin", "cifar10", "CIFAR10"),
        markers=tuple(
            f"{part}{suffix}"
            for part in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch")
            for suffix in ("", ".bin")
        ),
        get="cifar-10-python.tar.gz (or cifar-10-binary.tar.gz), unpacked",
        origin="https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    "cifar100": Source(
        folders=("cifar-100-python", "cifar-100-binary", "cifar100", "CIFAR100"),
        markers=("train", "test", "train.bin", "test.bin"),
        get="cifar-100-python.tar.gz (or cifar-100-binary.tar.gz), unpacked",
        origin="https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    "svhn": Source(
        folders=("svhn", "SVHN"),
        markers=("train_32x32.mat", "test_32x32.mat"),
        get="train_32x32.mat and test_32x32.mat",
        origin="http://ufldl.stanford.edu/housenumbers/",
    ),
    "stl10": Source(
        folders=("stl10_binary", "stl10", "STL10"),
        markers=("train_X.bin", "test_X.bin"),
        get="stl10_binary.tar.gz, unpacked",
        origin="https://cs.stanford.edu/~acoates/stl10/",
    ),
    "imagenet": Source(
        folders=("imagenet", "ILSVRC2012", "ILSVRC/Data/CLS-LOC", "ImageNet"),
        markers=("train", "val"),
        get="ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar, unpacked into train/ and val/ "
        "with one folder for each synset (n01440764, ...)",
        origin="https://image-net.org/download.php (after registering)",
    ),
}


def locate(name: str, root: str | None) -> str:
    """The absolute folder that holds the files of data set `name`.

    Args:
        name: a key of `SOURCES`.
        root: the folder itself or a parent; None looks under the environment's CLADENET_DATA.

    Raises:
        DataError: it is not there; the message says what to get, from where, and where to put it.
    """
    source = SOURCES[name]
    if root is not None:
        places = [root, *(os.path.join(root, folder) for folder in source.folders)]
        asked = f"{name} is not in {root}"
    elif shared := os.environ.get("CLADENET_DATA"):
        places = [os.path.join(shared, folder) for folder in source.folders if folder != "raw"]
        asked = f"{name} is not in {shared} (CLADENET_DATA)"
    else:
        raise DataError(
            f"where is {name}? Write {name}:FOLDER, or set CLADENET_DATA to a folder that holds "
            f"{source.folders[0]}/. It is not downloaded for you: get {source.get}, from "
            f"{source.origin}"
        )
    if root is not None and not os.path.isdir(root):
        raise DataError(f"{root} is not a folder; {name}:FOLDER needs one that holds {source.get}")
    for place in places:
        if any(os.path.exists(os.path.join(place, marker)) for marker in source.markers):
            return os.path.abspath(place)
    goal = os.path.join(os.path.abspath(places[0] if root is None else root), "")
    raise DataError(
        f"{asked}: no {source.markers[0]} there, nor in {', '.join(source.folders)} under it. "
        f"Get {source.get}, from {source.origin}, and put it into {goal}"
    )


def partial(count: int, complete: int, what: str, parts: str = "") -> tuple[str, ...]:
    """A note if fewer images are here than were published; none if all are."""
    if count == complete:
        return ()
    files = f" ({parts})" if parts else ""
    return (
        f"{count:,} of the {complete:,} {what} images are here{files}: "
        "results are not comparable with published ones",
    )
