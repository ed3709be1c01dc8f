"""Fine-tuning fits a new last layer first, unless it is asked not to or cannot."""

from pathlib import Path
from typing import Any

import pytest

import cladenet
from cladenet.runs.folder.config import to_yaml
from cladenet.runs.folder.folder import RunFolder
from cladenet.runs.train.choose import probing
from faults.kills import digits

BRIEF: dict[str, Any] = {"threads": 1, "device": "cpu", "quiet": True, "precision": "fp32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on ten digits, and two folders: the same ten, and two classes of other names."""
    root = tmp_path_factory.mktemp("probing")
    ten = digits(root / "ten")
    for name in sorted(path.name for path in ten.iterdir())[:2]:
        (root / "two" / f"new-{name}").mkdir(parents=True)
        for image in sorted((ten / name).iterdir())[:8]:
            (root / "two" / f"new-{name}" / image.name).write_bytes(image.read_bytes())
    cladenet.train("lenet5_relu", str(ten), out=root / "run", steps=1, **BRIEF)
    return root


def tune(folder: Path, out: Path, data: str = "two", **options: Any) -> tuple[Path, bool]:
    """Fine-tune for a step; the run's folder, and whether the last layer was fitted first."""
    given = {
        "weights": folder / "run",
        "data": str(folder / data),
        "recipe": "fine_tune",
        "steps": 1,
    }
    cladenet.train(out=out, **BRIEF | given | options)
    first = RunFolder(out).metrics.read_text().splitlines()[0]
    return out, '"step": 0' in first


def test_a_new_last_layer_is_fitted_first_as_probe_true_does(folder: Path, tmp_path: Path) -> None:
    auto, fitted = tune(folder, tmp_path / "auto")
    assert fitted
    assert "probe: true" in to_yaml(RunFolder(auto).read_config())
    true, _ = tune(folder, tmp_path / "true", probe=True)
    assert (auto / "metrics.jsonl").read_text() == (true / "metrics.jsonl").read_text()


@pytest.mark.parametrize(
    "options",
    [{"probe": False}, {"data": "ten"}, {"recipe": "default_small"}],
    ids=["asked not to", "the same classes", "another recipe"],
)
def test_it_is_not_fitted(folder: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    out, fitted = tune(folder, tmp_path / "run", **options)
    assert not fitted
    assert "probe: false" in to_yaml(RunFolder(out).read_config())


@pytest.mark.parametrize("limit", ["MOST_IMAGES", "MOST_CLASSES"])
def test_many_images_or_classes_are_left_to_training(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(probing, limit, 1)
    assert not tune(folder, tmp_path / "run")[1]


def test_a_last_layer_that_is_not_linear_is_trained_alone(folder: Path, tmp_path: Path) -> None:
    """Network in Network ends in an average of maps; fine-tuning it is not refused."""
    cladenet.train("nin_mnist", str(folder / "ten"), out=tmp_path / "nin", steps=1, **BRIEF)
    again = tune(folder, tmp_path / "run", weights=tmp_path / "nin")
    assert not again[1]
