"""`cladenet bench`: measuring in another process, what rows say, what is refused."""

import json
import sys
from pathlib import Path

import pytest

from cladenet import processor
from cladenet.bench import limits, training
from cladenet.bench.apart import Apart
from cladenet.bench.inference import example_images, inference_speed, row_of
from cladenet.bench.input import input_speed
from cladenet.bench.limits import Limits
from cladenet.bench.training import training_speed
from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.registry import find
from processors import AVX2

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import day_one_page
import speed_page

LIMITS = Limits("cpu", 1, {"fp32": 100.0, "bf16": 50.0}, {"fp32": 80.0, "bf16": 200.0}, 10.0, 5.0)
ANSWERING = """
from cladenet.bench.apart import Answers
answers = Answers()
print("a library that prints", flush=True)
answers.serve(iter([0.5, 0.25]).__next__, {"engine": "steam"})
"""
REFUSING = "from cladenet.bench.apart import Answers; Answers().refuse(ValueError('no coal'))"


def test_another_process_tells_facts_then_seconds_whatever_it_prints() -> None:
    with Apart(["-c", ANSWERING]) as side:
        assert side.facts == {"engine": "steam"}
        assert (side(), side()) == (0.5, 0.25)
        assert side.peak_mib > 1
        with pytest.raises(BadArgument, match="ended with status 1"):
            side()


def test_a_process_that_cannot_measure_says_why() -> None:
    with pytest.raises(BadArgument, match="no coal"):
        Apart(["-c", REFUSING])


def test_a_row_counts_images_times_and_the_share_of_the_peak() -> None:
    """LeNet-5's MACs twice, 8 images in 2 ms, of a peak of 100 billion."""
    assert (LIMITS.peak("fp32"), LIMITS.peak("bf16"), LIMITS.peak("int8")) == (100.0, 200.0, 0.0)
    with Apart(["-c", ANSWERING]) as side:
        row = row_of("lenet5", 8, "fp32", [0.002] * 3, [0.006] * 3, LIMITS.peak("fp32"), side)
    assert row.images_s == 4000.0
    assert row.times == pytest.approx((3.0, 3.0, 3.0))
    assert row.share == pytest.approx(2 * find("lenet5").macs * 4000 / 100e9, abs=1e-4)
    assert json.loads(json.dumps(row.to_json()))["ms"] == {"median": 2.0, "low": 2.0, "high": 2.0}


def test_what_cannot_be_measured_is_refused_before_anything_starts() -> None:
    with pytest.raises(BadArgument, match="no model is called 'lenet55'"):
        next(iter(inference_speed(["lenet5", "lenet55"])))
    with pytest.raises(BadArgument, match="precision is 'fp8'; expected fp32, bf16, int8"):
        next(iter(inference_speed(["lenet5"], precisions=["fp8"])))
    with pytest.raises(BadArgument, match="batch is 1; a batch norm needs 2 or more"):
        next(iter(training_speed(["lenet5"], 1)))


def test_example_images_are_smooth_and_always_the_same() -> None:
    images = example_images(2, (3, 32, 32))
    assert images.shape == (2, 3, 32, 32)
    assert images.equal(example_images(2, (3, 32, 32)))
    assert not images.equal(example_images(2, (3, 32, 32), seed=1))
    assert (images.diff(dim=-1).std() / images.std()).item() < 0.5


def test_the_input_of_images_in_memory_is_measured() -> None:
    (row,) = input_speed("digits", rounds=1)
    assert row.way == "in memory"
    assert row.images_s.median > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["training", "lenet5", "--batch", "8,16"], "--batch is 8,16; training takes one size"),
        (["inference", "lenet5", "--batch", "many"], "--batch is many; expected numbers such as"),
    ],
)
def test_a_batch_that_is_none_is_refused(
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("cladenet.bench.limits.measure_limits", lambda _: LIMITS)
    assert main(["bench", *words]) == 2
    assert message in capsys.readouterr().err


def test_bf16_is_not_measured_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """One product of it would take minutes there, and a step of training as well."""
    monkeypatch.setattr(processor, "abilities", lambda: AVX2)
    monkeypatch.setitem(limits.GEMMS, "bf16", lambda _: pytest.fail("a product in bfloat16"))
    for name, small in {"SIZE": 64, "COPY": 1024, "ENOUGH": 0.0}.items():
        monkeypatch.setattr(limits, name, small)
    monkeypatch.setattr(limits, "jpegs_a_second", lambda _: 1.0)
    found = limits.measure_limits()
    assert (set(found.gemm), set(found.conv)) == ({"fp32", "int8"}, {"fp32"})
    assert found.peak("bf16") == 0.0
    with pytest.raises(BadArgument, match=r"has no instructions .*\nfp32 is measured"):
        training._ours(training.Case("lenet5_relu", "bf16", 8))


def test_a_side_of_training_that_cannot_be_measured_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def apart(words: list[str]) -> Apart:
        return Apart(["-c", REFUSING if '"bf16"' in words[-1] else ANSWERING])

    monkeypatch.setattr(training, "Apart", apart)
    (compared,) = training_speed(["lenet5_relu"], 8, rounds=1)
    assert [row.form for row in compared.rows] == ["plain", "fp32"]
    assert compared.refused == {"bf16": "no coal"}


def test_limits_are_printed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cladenet.bench.limits.measure_limits", lambda _: LIMITS)
    assert main(["bench", "limits", "--json", str(tmp_path / "limits.json")]) == 0
    assert "bf16 200 (50 GEMM) billion operations/s" in capsys.readouterr().out
    assert json.loads((tmp_path / "limits.json").read_text())["limits"]["copy_gb_s"] == 10.0


def test_the_page_of_the_first_day_is_what_its_script_writes_from_the_results() -> None:
    results = json.loads(day_one_page.RESULTS.read_text())
    assert day_one_page.PAGE.read_text() == day_one_page.page(results), (
        "run `python benchmarks/day_one_page.py`"
    )


def test_the_page_of_speed_is_what_its_script_writes_from_the_results() -> None:
    assert speed_page.PAGE.read_text() == speed_page.page(speed_page.RESULTS), (
        "run `python benchmarks/speed_page.py --write`"
    )
