"""Runs under protocols, from the run folder to the table: what is asked, what is printed."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

import cladenet
from cladenet import processor
from cladenet.cli import main
from cladenet.data.sources.open import open_dataset
from cladenet.data.split import write_index
from cladenet.errors import BadArgument, CheckpointError, DataError
from cladenet.evaluation.protocol import NAMES
from cladenet.recipes import Recipe
from cladenet.runs.evaluate import protocol_table
from cladenet.runs.folder.config import RunConfig, to_yaml
from cladenet.runs.folder.division import decide_division
from pictures import smooth
from saved_run import save_run

CLASSES = ("ant", "bee", "wasp", "fly", "moth", "gnat")  # six: there is a top-5 error
SHAPES = ((60, 75), (75, 60), (64, 64), (58, 99))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two images a class to train on, four to test on."""
    root = tmp_path_factory.mktemp("photographs")
    for split, each in (("train", 2), ("test", 4)):
        for label, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(each):
                pixels = smooth(*SHAPES[number], seed=100 * label + number + each)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def photo_run(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for 32x32 middles of images with a short side of 36."""
    folder = tmp_path_factory.mktemp("runs") / "photographs"
    return save_run(folder, open_dataset(str(photographs)), fit="crop")


def write_config(run: Path, recipe: Recipe) -> None:
    config = RunConfig("lenet5_relu", "x", "own", recipe)
    (run / "config.yaml").write_text(to_yaml(config))


def train_scales(table: protocol_table.ProtocolTable) -> set[tuple[tuple[int, int], ...]]:
    return {row.viewing.trained for row in table.rows if row.viewing}


def test_all_protocols_are_rows_in_their_order(photo_run: Path) -> None:
    table = cladenet.evaluate_protocols([photo_run])
    assert [row.protocol for row in table.rows] == list(NAMES)
    assert {row.n for row in table.rows} == {24}
    assert {row.split for row in table.rows} == {"test"}
    assert train_scales(table) == {((36, 36),)}


def test_a_row_of_the_table_is_the_protocol_by_itself(photo_run: Path) -> None:
    rows = cladenet.evaluate_protocols([photo_run], protocol="ten-crop,dense").rows
    alone = cladenet.evaluate(photo_run, protocol="dense")
    assert rows[1].evaluation.to_json() == alone.evaluation.to_json()
    assert (alone.protocol, alone.viewing) == ("dense", rows[1].viewing)


def test_single_scale_is_the_checkpoints_own_view(photo_run: Path) -> None:
    plain = cladenet.evaluate(photo_run)
    assert plain.viewing is None
    assert not {"views", "train_scale", "test_scales"} & set(plain.to_json())
    row = cladenet.evaluate_protocols([photo_run], protocol="single-scale").rows[0]
    assert row.evaluation.confusion.tolist() == plain.evaluation.confusion.tolist()
    assert row.evaluation.loss == pytest.approx(plain.evaluation.loss, abs=1e-6)


def test_the_table_on_the_terminal(photo_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """VGG's columns: network, S, Q, protocol, errors; and how many images they rest on."""
    assert main(["evaluate", str(photo_run), "--protocol", "dense,multi-crop+dense"]) == 0
    title, weights, _, head, *lines = capsys.readouterr().out.splitlines()
    assert title.endswith(", test")
    assert weights.startswith("weights  ")
    assert re.split(r"\s{2,}", head) == [
        "network", "train S", "test Q", "protocol", "views", "images",
        "top-1 err", "95 %", "top-5 err", "95 %",
    ]  # fmt: skip
    table = cladenet.evaluate_protocols(photo_run, protocol="dense, multi-crop+dense")
    for line, row in zip(lines, table.rows, strict=True):
        found = row.evaluation
        low, high = found.top1_interval
        cells = re.split(r"\s{2,}", line)
        assert cells[6:8] == [f"{found.top1_error:.2f} %", f"[{low:.2f}, {high:.2f}]"]
        assert cells[8] == f"{found.top5_error:.2f} %"
    assert re.split(r"\s{2,}", lines[0])[:6] == [
        "lenet5_relu", "36", "36", "dense", "2 maps", "24",
    ]  # fmt: skip
    assert re.split(r"\s{2,}", lines[1])[:6] == [
        "lenet5_relu", "36", "32,36,40", "multi-crop+dense", "150 crops + 6 maps", "24",
    ]  # fmt: skip


def test_one_protocol_is_told_in_full(photo_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(photo_run), "--protocol", "ten-crop", "--worst", "1"]) == 0
    text = capsys.readouterr().out
    assert "test, ten-crop: 10 crops at Q = 36\n" in text
    assert "worst mistakes" in text
    assert "confusion: rows are the true classes" in text


def test_verbose_says_what_has_run_each_network_on_crops(
    photo_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(photo_run), "-v", "--protocol"]
    assert main([*words, "ten-crop,dense"]) == 0
    assert (
        capsys.readouterr().err.count("engine packed, fp32, 1 thread: packed is ready at once") == 1
    )
    if processor.has_bf16("cpu"):
        assert main([*words, "ten-crop", "--precision", "bf16"]) == 0
        assert "engine packed, bf16" in capsys.readouterr().err
    assert main([*words, "dense"]) == 0
    assert "engine" not in capsys.readouterr().err
    assert main([*words, "ten-crop,dense", "--engine", "eager"]) == 0
    assert "engine eager" in capsys.readouterr().err


def test_json_of_a_table_in_a_file_and_on_the_terminal(
    photo_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["evaluate", str(photo_run), str(photo_run), "--protocol", "dense", "--json"]
    assert main([*words, "--output", str(tmp_path / "t.json")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert json.loads((tmp_path / "t.json").read_text()) == printed
    alone, _, ensemble = printed["rows"]
    assert (alone["train_scale"], alone["test_scales"], alone["views"]) == ([36], [36], "2 maps")
    assert (ensemble["train_scale"], ensemble["views"]) == ([[36], [36]], ["2 maps", "2 maps"])
    assert ensemble["checkpoints"] == [alone["checkpoint"]] * 2
    assert alone["n"] == 24
    assert alone["top1_interval"][0] <= alone["top1_error"] <= alone["top1_interval"][1]


def test_small_images_are_enlarged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The 8x8 scans of digits, which the network saw stretched to 32, at 32, 36 and 40."""
    run = save_run(tmp_path / "run", open_dataset("digits"))
    assert main(["evaluate", str(run), "--protocol", "dense,multi-crop"]) == 0
    captured = capsys.readouterr()
    assert re.search(r"32 +32,36,40 +multi-crop +75 crops +355", captured.out)
    assert "trained without mirror images and is not shown any; --flip shows" in captured.err


# ------------------------------------------------------------------ what a run tells of itself


def test_the_training_scales_of_a_recipe_are_those_of_its_crops(
    photographs: Path, tmp_path: Path
) -> None:
    run = save_run(tmp_path / "run", open_dataset(str(photographs)), fit="crop")
    jitter = Recipe(source="made", epochs=1, crop="jitter", short_side=(40, 64), flip=0.5)
    write_config(run, jitter)
    table = cladenet.evaluate_protocols([run], protocol="dense,multi-scale")
    assert train_scales(table) == {((40, 64),)}
    assert [row.viewing and row.viewing.scales for row in table.rows] == [((52,),), ((40, 52, 64),)]
    write_config(run, replace(jitter, crop="resized"))
    assert train_scales(cladenet.evaluate_protocols([run], protocol="dense")) == {((36, 36),)}


def test_the_training_scales_can_be_given(photo_run: Path) -> None:
    row = cladenet.evaluate(photo_run, protocol="multi-crop", train_scale=(34, 44))
    assert row.viewing
    assert (row.viewing.trained, row.viewing.scales) == (((34, 44),), ((34, 39, 44),))
    row = cladenet.evaluate(photo_run, protocol="multi-crop", train_scale=(38,))
    assert row.viewing
    assert row.viewing.scales == ((34, 38, 42),)


def test_mirror_images_are_shown_to_who_has_learnt_from_them(
    photographs: Path, tmp_path: Path
) -> None:
    run = save_run(tmp_path / "run", open_dataset(str(photographs)), fit="crop")
    write_config(run, Recipe(source="made", epochs=1, flip=0.0))
    without = cladenet.evaluate(run, protocol="ten-crop")
    assert without.viewing
    assert without.viewing.views == ("5 crops",)
    assert any("without mirror images" in note for note in without.notes)
    asked = cladenet.evaluate(run, protocol="ten-crop", flip=True)
    assert asked.viewing
    assert asked.viewing.views == ("10 crops",)
    assert not any("mirror" in note for note in asked.notes)


# ------------------------------------------------------------------ ensembles


def test_runs_are_rows_and_their_fusion_comes_last(
    photographs: Path, photo_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second lists its classes backwards; one sees stretched images, the other crops."""
    turned = save_run(
        tmp_path / "turned", open_dataset(str(photographs)), classes=tuple(sorted(CLASSES))[::-1]
    )
    assert main(["evaluate", str(photo_run), str(turned), "--protocol", "dense,ten-crop"]) == 0
    out = capsys.readouterr().out
    names = re.findall(r"^(\d.*?)  +(?:36|32)", out, re.M)
    assert (
        names
        == ["1: lenet5_relu"] * 2
        + ["2: lenet5_relu"] * 2
        + ["1 + 2: lenet5_relu + lenet5_relu"] * 2
    )
    assert f"weights 2  {turned}" in out
    assert re.search(r"lenet5_relu  36; 32 +36; 32 +dense ", out)
    ensemble = cladenet.evaluate([photo_run, turned], protocol="dense")
    assert ensemble.classes == tuple(sorted(CLASSES))
    assert ensemble.n == 24


def test_fusion_of_runs_with_other_classes_is_refused(
    photographs: Path, photo_run: Path, tmp_path: Path
) -> None:
    strange = (*sorted(CLASSES)[:-1], "yak")
    other = save_run(tmp_path / "other", open_dataset(str(photographs)), classes=strange)
    message = "cannot form an ensemble: only the first knows 'wasp', only the second knows 'yak'"
    with pytest.raises(CheckpointError, match=message) as caught:
        cladenet.evaluate([photo_run, other], protocol="dense")
    assert caught.value.exit_status == 4


def test_fusion_of_grey_and_colour_is_refused(
    photographs: Path, photo_run: Path, tmp_path: Path
) -> None:
    grey = save_run(tmp_path / "grey", open_dataset(str(photographs), channels=1))
    with pytest.raises(CheckpointError, match="in different ways: channels is 3 and 1"):
        cladenet.evaluate([photo_run, grey], protocol="dense")


def test_fusion_of_runs_that_held_out_different_images_is_refused(tmp_path: Path) -> None:
    dataset = open_dataset("digits")
    runs = [save_run(tmp_path / name, dataset) for name in ("a", "b")]
    for seed, run in enumerate(runs):
        write_index(run / "split.json", decide_division(dataset, 0.1, 0.1, seed), dataset.train)
    assert cladenet.evaluate(runs, protocol="dense").n == 355  # the test set is that of the data
    with pytest.raises(BadArgument, match="are not the same: the runs held out different ones"):
        cladenet.evaluate(runs, split="val", protocol="dense")


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--protocol", "crops"], 2, "protocol is 'crops'; expected one of single-scale, dense"),
        (["--protocol", "multi-crop", "--scales", "24"], 2, "give --scales of 32 or more"),
        (["--protocol", "dense", "--scales", "big"], 2, "'big' is not a list of short sides"),
        (["--protocol", "dense", "--train-scale", "64,32"], 2, "train_scale is 64,32; expected"),
        (["--protocol", "all", "--worst", "3"], 2, "--worst lists the mistakes of one run under"),
        (["--protocol", "dense", "--average", "x"], 2, "average is 'x'; expected scores or"),
        (["--protocol", "dense", "--split", "dev"], 2, "has no split 'dev'"),
        (["--protocol", "dense", "--batch-size", "0"], 2, "batch_size is 0"),
        (["--protocol", "dense", "--workers", "-1"], 2, "workers is -1"),
        (["--protocol", "dense", "--device", "tpu"], 2, "device is 'tpu'"),
        (["nowhere", "--protocol", "dense"], 4, "nowhere does not exist"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(
    photo_run: Path,
    words: list[str],
    status: int,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["evaluate", str(photo_run), *words]) == status
    error = capsys.readouterr().err
    assert error.startswith("cladenet: ")
    assert message in error
    assert len(error.splitlines()) == 1


def test_no_run_and_two_protocols_are_refused_from_python(photo_run: Path) -> None:
    with pytest.raises(BadArgument, match="no run is given"):
        cladenet.evaluate_protocols([])
    with pytest.raises(BadArgument, match=r"measure several with cladenet\.evaluate_protocols"):
        cladenet.evaluate(photo_run, protocol="dense,ten-crop")


def test_an_unreadable_image_is_as_in_single_scale(
    photographs: Path, photo_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "data/test"
    for name in CLASSES:
        (other / name).mkdir(parents=True)
        Image.fromarray(smooth(40, 50, seed=1)).save(other / name / "a.png")
    (other / "ant/b.png").write_bytes((other / "ant/a.png").read_bytes()[:200])
    words = ["evaluate", str(photo_run), "--data", str(other.parent), "--protocol", "dense"]
    assert main(words) == 3
    assert "1 of 7 images cannot be read" in capsys.readouterr().err
    assert main([*words, "--on-unreadable", "skip", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 6


def test_a_protocol_that_a_network_cannot_have_is_left_out_of_all(
    photo_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise BadArgument("Tokens cannot be slid over an image")

    monkeypatch.setattr(protocol_table, "to_fully_convolutional", refuse)
    table = cladenet.evaluate_protocols([photo_run])
    assert [row.protocol for row in table.rows] == [
        "single-scale", "multi-crop", "ten-crop", "googlenet-144", "mirror-shift",
    ]  # fmt: skip
    left_out = "left out: dense, multi-scale, multi-crop+dense; Tokens cannot be slid"
    assert any(note.startswith(left_out) for note in table.notes)


# ------------------------------------------------------------------ large images and memory

PEAK = """
import sys
from cladenet.cli import main
status = main(sys.argv[1:])
lines = open("/proc/self/status").read().splitlines()
print("peak", *[line.split()[1] for line in lines if line.startswith("VmHWM")])
sys.exit(status)
"""


def peak_of(words: list[str], cache: Path) -> tuple[str, float]:
    """What a command printed, and the most memory that its process had, in GiB."""
    environment = {"PYTHONPATH": str(Path(cladenet.__file__).parents[1]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *words],
        env={**environment, "CLADENET_CACHE": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    text, _, peak = done.stdout.rpartition("peak ")
    return text, int(peak) / 2**20


@pytest.fixture(scope="module")
def giants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph of 12 megapixels in one class, a strip of 20x3000 in another."""
    root = tmp_path_factory.mktemp("giants")
    for name in CLASSES:
        (root / "test" / name).mkdir(parents=True)
        Image.fromarray(smooth(40, 50, seed=1)).save(root / "test" / name / "a.jpg")
    Image.fromarray(smooth(3000, 4000, seed=2)).save(root / "test/ant/photograph.jpg")
    Image.fromarray(smooth(20, 3000, seed=3)).save(root / "test/bee/strip.jpg")
    return root


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc")


@needs_proc
def test_giants_are_seen_under_all_protocols_in_little_memory(
    giants: Path, photo_run: Path, tmp_path: Path
) -> None:
    words = ["evaluate", str(photo_run), "--data", str(giants), "--protocol", "all", "--json"]
    text, peak = peak_of(words, tmp_path)
    assert {row["n"] for row in json.loads(text)["rows"]} == {8}
    assert peak < 1


def test_a_strip_that_is_too_long_for_a_map_is_refused_or_left_out(
    giants: Path, photo_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At a short side of 256 it is 38,400 pixels long."""
    words = ["evaluate", str(photo_run), "--data", str(giants), "--scales", "256"]
    assert main([*words, "--protocol", "dense"]) == 3
    error = capsys.readouterr().err
    assert "bee/strip.jpg is 20x3000; with its short side at 256 it is 256x38400, 9.8" in error
    assert len(error.splitlines()) <= 5
    assert main([*words, "--protocol", "multi-crop", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n"] == 8
    assert main([*words, "--protocol", "dense", "--on-unreadable", "skip", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["n"] == 7
    assert "left out as too large at a scale: 1 of 8 images" in captured.err


def test_where_no_image_would_be_left_the_reason_is_given(
    giants: Path, photo_run: Path, tmp_path: Path
) -> None:
    for name in CLASSES:
        (tmp_path / "test" / name).mkdir(parents=True)
        strip = giants / "test/bee/strip.jpg"
        (tmp_path / "test" / name / "a.jpg").write_bytes(strip.read_bytes())
    with pytest.raises(DataError, match="6 of 6 images are too large"):
        cladenet.evaluate(
            photo_run, str(tmp_path), protocol="dense", scales=(256,), on_unreadable="skip"
        )


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("words", [
    ["--protocol", "multi-scale", "--train-scale", "256,512"],
    ["--protocol", "multi-crop"],
    ["--protocol", "dense", "--scales", "512", "--on-unreadable", "skip"],
])  # fmt: skip
def test_vgg16_sees_giants_in_less_than_2_gib(
    words: list[str], giants: Path, tmp_path: Path
) -> None:
    few = tmp_path / "few"
    for name in CLASSES[:2]:
        (few / "test" / name).mkdir(parents=True)
    for name, size in (("ant/a", None), ("bee/a", (64, 512))):
        image = Image.open(giants / "test/ant/photograph.jpg")
        (image if size is None else image.resize(size[::-1])).save(few / "test" / f"{name}.jpg")
    (few / "test/bee/strip.jpg").write_bytes((giants / "test/bee/strip.jpg").read_bytes())
    run = save_run(
        tmp_path / "run", open_dataset(str(few), channels=3), network="vgg16", fit="crop", size=224
    )
    if "skip" not in words:
        (few / "test/bee" / ("strip.jpg" if "multi-scale" in words else "a.jpg")).unlink()
    text, peak = peak_of(
        ["evaluate", str(run), "--data", str(few), "--json", *words], tmp_path / "cache"
    )
    assert json.loads(text)["n"] == 2
    assert peak < 2
