"""Tables of other benchmarks: NAS-Bench-201's file, read without running what it names."""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cladenet.cli import main
from cladenet.errors import DataError
from cladenet.search.oracles.nas_bench_201 import read_nas_bench_201, read_table, write_columns
from cladenet.search.oracles.table import ExactTable
from cladenet.search.spaces.edge_cells import FIVE, EdgeCells
from cladenet.search.spaces.space import Scale

# Edges (0,1); (0,2), (1,2); (0,3), (1,3), (2,3): as the benchmark writes them, and here.
FIRST = "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_1x1~1|none~2|"
FIRST_HERE = ["conv_3x3", "zero", "avg_pool_3x3", "skip", "conv_1x1", "zero"]
SECOND = "|none~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"
SECOND_HERE = ["zero"] * 5 + ["skip"]


def result(evals: dict[str, float], epochs: int, seconds: float | None) -> dict[str, Any]:
    """A training: the accuracies given are those of the last epoch, before it nothing was right."""
    accuracies = {f"{name}@{epochs - 1}": value for name, value in evals.items()}
    accuracies |= {f"{name}@0": 0.0 for name in evals}
    times = None if seconds is None else OrderedDict((k, seconds) for k in range(epochs))
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": {0: 1.0},
        "train_times": times,
        "params": np.float64(0.3),  # NumPy's own mean of sizes is no Python number
        "epochs": epochs,
        "latency": [0.1],
        "eval_names": list(evals),
        "eval_acc1es": accuracies,
    }


def benchmark(kind: type[dict[Any, Any]]) -> dict[str, Any]:
    """Two cells; the second was not trained on all of CIFAR-10."""
    first = {
        ("cifar10-valid", 777): result({"x-valid": 80.0, "ori-test": 11.0}, 3, 2.0),
        ("cifar10-valid", 888): result({"x-valid": 82.0, "ori-test": 12.0}, 3, 4.0),
        ("cifar10", 777): result({"ori-test": 84.0}, 3, 2.0),
        ("cifar100", 777): result({"x-valid": 50.0, "x-test": 51.0}, 3, 2.0),
    }
    second = {("cifar10-valid", 777): result({"x-valid": 10.0, "ori-test": 9.5}, 3, None)}
    infos = kind()
    for number, (text, results) in enumerate(((FIRST, first), (SECOND, second))):
        short = {key: result({"x-valid": 5.0, "ori-test": 6.0}, 2, 1.0) for key in results}
        infos[number] = OrderedDict(
            full={"arch_index": number, "arch_str": text, "all_results": results},
            less={"arch_index": number, "arch_str": text, "all_results": short},
        )
    return {"meta_archs": [FIRST, SECOND], "arch2infos": infos, "evaluated_indexes": {0, 1}}


def place(cell: list[str]) -> int:
    """By hand: digits of base 5, the first edge's the most significant."""
    number = 0
    for name in cell:
        number = 5 * number + FIVE.index(name)
    return number


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_the_file_gives_what_was_validated_and_what_was_tested(
    kind: type[dict[Any, Any]], zipped: bool, tmp_path: Path
) -> None:
    path = tmp_path / "NAS-Bench-201.pth"
    torch.save(benchmark(kind), path, _use_new_zipfile_serialization=zipped)
    found = read_nas_bench_201(path)
    assert EdgeCells(FIVE).all()[place(FIRST_HERE)] == FIRST_HERE
    assert found["val_cell"].tolist() == [place(FIRST_HERE)] * 2 + [place(SECOND_HERE)]
    assert found["val"].tolist() == pytest.approx([0.80, 0.82, 0.10])
    assert found["seconds"].tolist() == pytest.approx([6.0, 12.0, float("nan")], nan_ok=True)
    assert found["test_cell"].tolist() == [place(FIRST_HERE), place(SECOND_HERE)]
    assert found["test"].tolist() == pytest.approx([0.84, 0.095])
    of_100 = read_nas_bench_201(path, "cifar100")
    assert of_100["val"].tolist() == pytest.approx([0.5])
    assert of_100["test"].tolist() == pytest.approx([0.51])
    assert read_nas_bench_201(path, epochs=12)["val"].tolist() == pytest.approx([0.05] * 3)
    with pytest.raises(DataError, match="no trainings of 200 epochs on ImageNet16-120"):
        read_nas_bench_201(path, "ImageNet16-120")


class Runs:
    """What a pickle can do where nothing stops it."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


def test_a_file_that_would_run_code_is_refused_before_it_does(tmp_path: Path) -> None:
    path, touched = tmp_path / "x.pth", tmp_path / "touched"
    path.write_bytes(pickle.dumps({"arch2infos": {0: Runs(touched)}}))
    with pytest.raises(DataError, match="pickle with code refused"):
        read_nas_bench_201(path)
    assert not touched.exists()


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    for content, message in (
        (pickle.dumps({"weights": 1}), "is not NAS-Bench-201"),
        (pickle.dumps(benchmark(dict))[:-90], "cut off or damaged"),
        (b"", "cut off or damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_nas_bench_201(path)
    other = benchmark(dict)
    other["arch2infos"][0]["full"]["arch_str"] = "|zero~0|"
    path.write_bytes(pickle.dumps(other))
    with pytest.raises(DataError, match="is not a cell of NAS-Bench-201"):
        read_nas_bench_201(path)


@pytest.fixture(scope="session")
def columns() -> dict[str, Any]:
    """All 15,625 cells: the validation accuracy of one counts its 3x3 convolutions, all noise."""
    cells = EdgeCells(FIVE).all()
    val = np.array([cell.count("conv_3x3") / 10 + cell.count("skip") / 100 for cell in cells])
    number = np.arange(len(cells), dtype=np.uint16)
    return {
        "name": np.array("made by hand"),
        "val_cell": number[::-1],
        "val": val[::-1],
        "seconds": np.ones(len(cells)),
        "test_cell": np.repeat(number, 2),
        "test": np.stack([val - 0.1, val + 0.3], 1).ravel(),
    }


def test_searches_are_compared_on_a_table_that_a_user_has(
    columns: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.npz"
    write_columns(path, columns)
    table = ExactTable(0, read_table(path))
    assert table.optimum == pytest.approx(0.7)  # six 3x3 convolutions: 0.6, tests of 0.5 and 0.9
    assert table.val(0, ["conv_3x3"] * 6) == pytest.approx(0.6)
    assert table.truth(["conv_3x3"] * 5 + ["skip"]) == pytest.approx(0.61)
    arguments = ["search", "compare", "aging", "--table", str(path), "--seeds", "2"]
    assert main([*arguments, "--trials", "150"]) == 0
    printed = capsys.readouterr().out
    assert "table of 15,625 cells (made by hand)" in printed
    aging, random = printed.splitlines()[-2:]
    assert float(aging.split()[-4]) < float(random.split()[-4])  # medians after 150 trials


def test_a_table_that_lacks_cells_is_refused(columns: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    write_columns(path, columns | {"val_cell": np.minimum(columns["val_cell"], 15_600)})
    with pytest.raises(DataError, match="lacks 24 of the 15,625 cells"):
        read_table(path)
    path.write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"is not a table.*search convert"):
        read_table(path)


def test_the_command_converts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "x.pth", tmp_path / "t.npz"
    torch.save(benchmark(OrderedDict), source)
    command = ["search", "convert", str(source), "--out", str(target)]
    assert main([*command, "dataset=cifar100"]) == 0
    assert "1 training in" in capsys.readouterr().out
    assert main(["search", "compare", "aging", "--table", str(target)]) == 3
    assert "lacks 15,624 of the 15,625 cells" in capsys.readouterr().err
    for words, status, message in (
        (["epoch=12"], 2, "expected the benchmark's file"),
        (["epochs=13"], 2, "expected cifar10, cifar100, ImageNet16-120, and 12 or 200"),
        (["epochs=x"], 2, "epochs"),
    ):
        assert main([*command, *words]) == status
        assert message in capsys.readouterr().err


def test_an_edge_that_pools_averages_what_is_there() -> None:
    """At a border, padding counts in no average: a map of ones stays one."""
    network = EdgeCells(FIVE).build(["avg_pool_3x3"] + ["zero"] * 4 + ["skip"], Scale())
    pools = [module for module in network.modules() if isinstance(module, torch.nn.AvgPool2d)]
    assert len(pools) == 1
    assert torch.equal(pools[0](torch.ones(1, 8, 4, 4)), torch.ones(1, 8, 4, 4))
