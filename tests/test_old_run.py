"""A run that version 0.1.0 began goes on to the end that it would have had."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

import cladenet
from cladenet.checkpoints.atomic import read_facts, to_json, write_folder
from cladenet.checkpoints.folder import point
from cladenet.errors import CheckpointError

# As version 0.1.0 wrote them for `cladenet train lenet5_relu --data digits steps=6 save_steps=2
# ema=0.9 mixup=0.2 threads=1 device=cpu`: configuration, division, and of the checkpoint after
# step 4 the metadata and the manifest. The bits of the files depend on the processor, and so do the
# sum of the losses and the errors so far: those are the straight run's.
OLD = Path(__file__).parent / "run_of_0_1_0"
TENSORS = ("weights.safetensors", "state.safetensors")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run from its first step on, without an interruption."""
    run = tmp_path_factory.mktemp("runs") / "straight"
    run.mkdir()
    for name in ("config.yaml", "split.json"):
        shutil.copy(OLD / name, run)
    cladenet.train(resume=run, quiet=True)
    return run


@pytest.fixture
def interrupted(straight: Path, tmp_path: Path) -> Path:
    return killed(straight, tmp_path / "interrupted")


def killed(straight: Path, run: Path, unknown: str = "") -> Path:
    """What 0.1.0 would have left of it after step 4, had it not known the option `unknown`."""
    checkpoints = run / "checkpoints"
    checkpoints.mkdir(parents=True)
    for name in ("config.yaml", "split.json"):
        shutil.copy(OLD / name, run)
    now = straight / "checkpoints" / "step-000000004"
    card = json.loads((OLD / "card.json").read_text())
    card["self_test"] = json.loads((now / "card.json").read_text())["self_test"]
    files = {name: (now / name).read_bytes() for name in TENSORS}
    facts = json.loads((OLD / "manifest.json").read_text())
    own = read_facts(now)["progress"]
    facts["progress"].update({name: own[name] for name in ("loss_units", "wrong")})
    facts["decisions"].pop(unknown, None)
    write_folder(checkpoints / now.name, {**files, "card.json": to_json(card)}, facts)
    point(checkpoints / "last", checkpoints / now.name)
    return run


def final(run: Path) -> Path:
    return run / "checkpoints" / "step-000000006"


def test_it_resumes_to_the_same_bits(straight: Path, interrupted: Path) -> None:
    result = cladenet.train(resume=interrupted, quiet=True)
    for name in TENSORS:
        assert (final(interrupted) / name).read_bytes() == (final(straight) / name).read_bytes()
    assert read_facts(final(interrupted))["progress"] == read_facts(final(straight))["progress"]
    rows = [(run / "metrics.jsonl").read_text() for run in (interrupted, straight)]
    assert rows[0] == rows[1]
    assert result.split == "test"


def test_an_option_that_came_later_was_at_its_default(straight: Path, tmp_path: Path) -> None:
    run = killed(straight, tmp_path / "run", unknown="lookahead")
    cladenet.train(resume=run, quiet=True)
    assert (final(run) / TENSORS[0]).read_bytes() == (final(straight) / TENSORS[0]).read_bytes()
    other = killed(straight, tmp_path / "other", unknown="mixup")
    with pytest.raises(CheckpointError, match=r"mixup was 0\.0 and is 0\.2"):
        cladenet.train(resume=other, quiet=True)


def test_its_weights_can_be_used(interrupted: Path) -> None:
    loaded = cladenet.load(interrupted)
    saved: dict[str, Any] = load_file(loaded.folder / "weights.safetensors")
    assert loaded.model.state_dict().keys() == saved.keys()
    assert loaded.card.network == "lenet5_relu"
    assert cladenet.evaluate(interrupted).n == 355
