"""The published formats, from files made here by their specifications, and the real ones."""

import gzip
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cladenet.data.dataset import ArrayImages, DataSet, Split
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument, DataError, MissingExtra


def pixels(split: Split | None) -> np.ndarray[Any, np.dtype[np.uint8]]:
    assert split is not None
    assert isinstance(split.images, ArrayImages)
    return split.images.array


def idx(*sizes: int, values: bytes) -> bytes:
    return bytes([0, 0, 8, len(sizes)]) + struct.pack(f">{len(sizes)}I", *sizes) + values


def write_mnist(folder: Path, zipped: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for part, count in (("train", 3), ("t10k", 2)):
        images = idx(count, 28, 28, values=bytes(range(count)) * 784)
        labels = idx(count, values=bytes(range(count)))
        for name, content in (("images-idx3", images), ("labels-idx1", labels)):
            path = folder / f"{part}-{name}-ubyte"
            if zipped:
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
            else:
                path.write_bytes(content)


def write_cifar10(folder: Path) -> None:
    """Image n: red plane n, green plane 10 + n, blue plane 20 + n; labels 9, 8, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.repeat(np.array([[n, 10 + n, 20 + n] for n in range(4)], np.uint8), 1024, axis=1)
    for file in ("data_batch_1", "data_batch_3", "test_batch"):
        batch = {"data": rows, "labels": [9, 8, 7, 6]}
        (folder / file).write_bytes(pickle.dumps(batch, 2))
    names = {"label_names": [f"class{n}" for n in range(10)]}
    (folder / "batches.meta").write_bytes(pickle.dumps(names, 2))


def test_embedded_digits_are_ucis_test_part_scaled_to_bytes() -> None:
    """The first scan of optdigits.tes begins 0 0 5 13 9 1 and is a 0; 16 becomes 255."""
    dataset = open_dataset("digits")
    assert (len(dataset.train), len(dataset.test or ())) == (1442, 355)
    assert dataset.classes == tuple("0123456789")
    # 5 * 255 / 16 = 79.7, 13 * 255 / 16 = 207.2, 9 * 255 / 16 = 143.4, 1 * 255 / 16 = 15.9
    assert pixels(dataset.train)[0, 0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert dataset.train.labels[0] == 0
    assert pixels(dataset.train).max() == 255
    everything = np.concatenate([dataset.train.labels, pixels_labels(dataset)])
    # UCI's optdigits.names gives these counts of the digits 0 to 9 for the test part.
    expected = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.bincount(everything).tolist() == expected


def pixels_labels(dataset: DataSet) -> np.ndarray[Any, np.dtype[np.int64]]:
    assert dataset.test is not None
    return dataset.test.labels


def test_embedded_digits_have_a_fixed_stratified_test_part() -> None:
    dataset = open_dataset("digits")
    assert dataset.test is not None
    shares = np.bincount(dataset.test.labels) / np.array(
        [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    )
    assert np.all((shares > 0.19) & (shares <= 0.2))
    assert set(dataset.train.ids).isdisjoint(dataset.test.ids)
    # The file begins 0 to 9 three times, then 0 9 5 5: scan 33 is the fifth 5, and the first fifth.
    assert dataset.test.ids[0] == "digits[33]"
    assert dataset.test.labels[0] == 5


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("place", ["", "raw", "MNIST/raw"])
def test_mnist_is_found_raw_or_gzipped_in_the_default_places(
    place: str, zipped: bool, tmp_path: Path
) -> None:
    write_mnist(tmp_path / place, zipped)
    dataset = open_dataset(f"mnist:{tmp_path}")
    assert dataset.train.labels.tolist() == [0, 1, 2]
    assert pixels(dataset.test).shape == (2, 28, 28, 1)
    assert dataset.classes == tuple("0123456789")
    assert dataset.spec == f"mnist:{tmp_path / place}"
    assert "3 of the 60,000 train images are here" in dataset.notes[0]


def test_fashion_mnist_has_its_own_place_and_names(tmp_path: Path) -> None:
    write_mnist(tmp_path / "FashionMNIST" / "raw")
    assert open_dataset(f"fashion_mnist:{tmp_path}").classes[9] == "Ankle boot"
    with pytest.raises(DataError, match="mnist is not in"):
        open_dataset(f"mnist:{tmp_path}")


def test_real_mnist_is_whole(real_data: Path) -> None:
    """Counts by class are those of the data's own description."""
    dataset = open_dataset(f"mnist:{real_data}")
    counts = np.bincount(dataset.train.labels)
    assert (counts[5], counts[1]) == (counts.min(), counts.max()) == (5421, 6742)
    assert (len(dataset.train), len(dataset.test or ()), dataset.notes) == (60_000, 10_000, ())
    # LeCun et al. and everybody since: mean 0.1307, standard deviation 0.3081.
    values = pixels(dataset.train) / np.float32(255)
    np.testing.assert_allclose([values.mean(), values.std()], [0.1307, 0.3081], atol=1e-4)


@pytest.mark.parametrize("root", ["", "cifar-10-batches-py"])
def test_the_real_part_of_cifar10_says_how_much_it_is(root: str, real_data: Path) -> None:
    dataset = open_dataset(f"cifar10:{real_data / root}")
    expected = [1989, 1981, 2042, 2011, 2009, 1925, 2038, 2027, 2012, 1966]
    assert np.bincount(dataset.train.labels).tolist() == expected
    assert dataset.classes[:4] == ("airplane", "automobile", "bird", "cat")
    assert (
        "20,000 of the 50,000 training images are here (data_batch_1, data_batch_2)"
        in (dataset.notes[0])
    )
    assert "1,000 of the 10,000 test images" in dataset.notes[1]
    means = pixels(dataset.train).reshape(-1, 3).mean(axis=0) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=0.005)


def test_cifar_planes_become_pixels_and_missing_batches_are_counted(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    dataset = open_dataset(f"cifar10:{tmp_path}")
    assert pixels(dataset.train).shape == (8, 32, 32, 3)
    assert pixels(dataset.train)[3, 5, 7].tolist() == [3, 13, 23]
    assert dataset.train.labels.tolist() == [9, 8, 7, 6] * 2
    assert "(data_batch_1, data_batch_3)" in dataset.notes[0]


def test_cifars_binary_versions_hold_the_same(tmp_path: Path) -> None:
    planes = bytes([1]) * 1024 + bytes([2]) * 1024 + bytes([3]) * 1024
    ten = tmp_path / "cifar-10-batches-bin"
    ten.mkdir()
    (ten / "data_batch_1.bin").write_bytes(bytes([7]) + planes)
    (ten / "test_batch.bin").write_bytes(bytes([5]) + planes)
    (ten / "batches.meta.txt").write_text("\n".join(f"c{n}" for n in range(10)) + "\n")
    dataset = open_dataset(f"cifar10:{tmp_path}")
    assert dataset.train.labels.tolist() == [7]
    assert pixels(dataset.train)[0, 31, 31].tolist() == [1, 2, 3]

    hundred = tmp_path / "cifar-100-binary"
    hundred.mkdir()
    (hundred / "train.bin").write_bytes(bytes([19, 99]) + planes)  # coarse, fine
    (hundred / "fine_label_names.txt").write_text("\n".join(f"f{n}" for n in range(100)))
    assert open_dataset(f"cifar100:{tmp_path}").train.labels.tolist() == [99]


def test_cifar100_uses_fine_labels(tmp_path: Path) -> None:
    batch = {"data": np.zeros((2, 3072), np.uint8), "fine_labels": [3, 99], "coarse_labels": [1, 2]}
    (tmp_path / "train").write_bytes(pickle.dumps(batch, 2))
    names = {"fine_label_names": [f"fine{n}" for n in range(100)]}
    (tmp_path / "meta").write_bytes(pickle.dumps(names, 2))
    dataset = open_dataset(f"cifar100:{tmp_path}")
    assert dataset.train.labels.tolist() == [3, 99]
    assert dataset.test is None


def test_svhn_ten_is_the_digit_zero(tmp_path: Path) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    images = np.zeros((32, 32, 3, 2), np.uint8)
    images[4, 5, :, 1] = [1, 2, 3]
    savemat(tmp_path / "train_32x32.mat", {"X": images, "y": np.array([[10], [3]], np.uint8)})
    dataset = open_dataset(f"svhn:{tmp_path}")
    assert dataset.train.labels.tolist() == [0, 3]
    assert pixels(dataset.train)[1, 4, 5].tolist() == [1, 2, 3]
    content = (tmp_path / "train_32x32.mat").read_bytes()
    (tmp_path / "train_32x32.mat").write_bytes(content[:200])
    with pytest.raises(DataError, match=r"train_32x32\.mat is cut off or damaged"):
        open_dataset(f"svhn:{tmp_path}")


def test_svhn_without_scipy_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train_32x32.mat").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(MissingExtra, match=r"scipy.*pip install 'cladenet\[svhn\]'"):
        open_dataset(f"svhn:{tmp_path}")


def test_stl10_planes_are_stored_column_by_column(tmp_path: Path) -> None:
    """The dataset's page: red, green, blue plane, each in column-major order; labels from 1."""
    image = np.zeros((3, 96, 96), np.uint8)  # plane, column, row
    image[0, 5, 2] = 200
    for part in ("train", "test"):
        (tmp_path / f"{part}_X.bin").write_bytes(image.tobytes())
        (tmp_path / f"{part}_y.bin").write_bytes(bytes([10]))
    names = "airplane bird car cat deer dog horse monkey ship truck"
    (tmp_path / "class_names.txt").write_text(names.replace(" ", "\n") + "\n")
    dataset = open_dataset(f"stl10:{tmp_path}")
    assert dataset.train.labels.tolist() == [9]
    assert pixels(dataset.train)[0, 2, 5].tolist() == [200, 0, 0]  # row 2, column 5
    assert pixels(dataset.train).sum() == 200


def test_channels_convert_grey_to_rgb_and_rgb_to_luminance(tmp_path: Path) -> None:
    three = pixels(open_dataset("digits", channels=3).train)
    assert three.shape == (1442, 8, 8, 3)
    assert (three[..., 0] == three[..., 2]).all()
    write_cifar10(tmp_path)
    grey = pixels(open_dataset(f"cifar10:{tmp_path}", channels=1).train)
    # 0.299 * 3 + 0.587 * 13 + 0.114 * 23 = 11.15
    assert grey.shape == (8, 32, 32, 1)
    assert grey[3, 0, 0, 0] == 11
    with pytest.raises(BadArgument, match="channels is 2"):
        open_dataset("digits", channels=2)


def test_a_name_alone_looks_under_the_environments_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CLADENET_DATA", raising=False)
    with pytest.raises(
        DataError, match=r"where is cifar10\? Write cifar10:FOLDER.*cifar-10-python"
    ):
        open_dataset("cifar10")
    monkeypatch.setenv("CLADENET_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"is not in .* \(CLADENET_DATA\).*put it into"):
        open_dataset("cifar10")
    write_cifar10(tmp_path / "cifar-10-batches-py")
    assert len(open_dataset("cifar10").train) == 8


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("mnist", "yann.lecun.com"),
        ("fashion_mnist", "zalandoresearch"),
        ("cifar10", "cs.toronto.edu"),
        ("cifar100", "cs.toronto.edu"),
        ("svhn", "ufldl.stanford.edu"),
        ("stl10", "cs.stanford.edu"),
        ("imagenet", "image-net.org"),
    ],
)
def test_a_missing_set_says_what_to_get_from_where_and_where_to_put_it(
    name: str, origin: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=rf"Get .*{origin}.*put it into {tmp_path}/"):
        open_dataset(f"{name}:{tmp_path}")


def test_unknown_names_get_the_nearest_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'cifar-10'; nearest: cifar10"):
        open_dataset("cifar-10")
    with pytest.raises(DataError, match=r"is a file, but not a table \(\.csv, "):
        open_dataset(__file__)
    with pytest.raises(BadArgument, match="names no folder"):
        open_dataset("mnist:")
    with pytest.raises(DataError, match="is not a folder"):
        open_dataset(f"mnist:{tmp_path / 'gone'}")
