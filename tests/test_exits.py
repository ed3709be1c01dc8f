import json
from pathlib import Path

import numpy as np
import pytest
import torch

import cladenet
from cladenet.checkpoints import load
from cladenet.cli import main
from cladenet.data.sources.open import open_dataset
from cladenet.errors import BadArgument
from saved_run import save_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exits") / "run"
    return save_run(folder, open_dataset("digits"), network="msdnet_budget_4_cifar")


def test_each_exit_is_counted_as_its_own_answers_say(run: Path) -> None:
    """Against the network's own logits, some images at a time."""
    found = cladenet.evaluate_exits(run, batch_size=100)
    loaded = load(run)
    split = open_dataset("digits").splits()[found.split]
    wrong = np.zeros(4, dtype=int)
    with torch.inference_mode():
        for indices in torch.arange(len(split)).split(70):
            pixels = [loaded.card.preprocess.prepare(split.images.read(int(i))) for i in indices]
            images = loaded.card.preprocess.to_input(torch.from_numpy(np.stack(pixels)))
            labels = torch.from_numpy(split.labels[indices])
            wrong += [
                int((logits.argmax(1) != labels).sum()) for logits in loaded.model.exits(images)
            ]
    assert [row.n for row in found.rows] == [len(split)] * 4
    assert [round(row.top1_error * len(split) / 100) for row in found.rows] == wrong.tolist()
    # The last exit is what the plain evaluation says.
    assert found.rows[-1].top1_error == cladenet.evaluate(run).top1_error


def test_costs_add_up_to_the_ledgers(run: Path) -> None:
    """One channel and ten classes here, three channels there: 9 x 16 x 2 kernels of 32 x 32."""
    less = 2 * 9 * 16 * 32 * 32
    ledger = cladenet.find("msdnet_budget_4_cifar").exits_macs
    assert cladenet.evaluate_exits(run).macs == tuple(macs - less for macs in ledger)


def test_the_command_prints_a_line_for_each_exit(
    run: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["evaluate", str(run), "--exits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("msdnet_budget_4_cifar on digits, test, exit by exit")
    assert [line.split()[0] for line in lines[-4:]] == ["1", "2", "3", "4"]
    assert main(["evaluate", str(run), "--exits", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [row["exit"] for row in said["exits"]] == [1, 2, 3, 4]


def test_a_network_with_one_exit_and_other_views_are_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = save_run(tmp_path / "plain", open_dataset("digits"))
    with pytest.raises(BadArgument, match="lenet5_relu has one exit; evaluate it without --exits"):
        cladenet.evaluate_exits(plain)
    for words in (["--protocol", "dense"], ["--scales", "40"], [str(plain)]):
        assert main(["evaluate", str(run), "--exits", *words]) == 2
        assert "--exits measures one run" in capsys.readouterr().err
