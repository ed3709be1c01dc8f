import json
from pathlib import Path

import pytest

from cladenet.analysis.gallery import BLOCKS, page, show
from cladenet.cli import main
from cladenet.errors import BadArgument
from cladenet.ledger import ancestors, families
from html_page import Page, parsed_svg


def test_the_documentation_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks"]) == 0
    printed = capsys.readouterr().out
    assert printed == page()
    assert printed == (Path(__file__).parents[1] / "docs" / "blocks.md").read_text()


@pytest.mark.parametrize(
    ("name", "output", "params", "macs"),
    [
        # 9 x 256 x 256 and a norm's 512
        ("convolution", (256, 28, 28), 590_336, 784 * 589_824),
        # 256 x 64 + 9 x 64 x 64 + 64 x 256, norms of 128 + 128 + 512
        ("bottleneck", (256, 28, 28), 70_400, 784 * 69_632),
        # 192 x 64 + 9 x 192 x 128 + 25 x 192 x 32 and 224 biases; the pool's 192 maps go through
        ("inception_naive", (416, 28, 28), 387_296, 784 * 387_072),
        # GoogLeNet's Table 1 prints 159K and 128M for 3a
        ("inception", (256, 28, 28), 163_696, 784 * 163_328),
        # 256 x 128 + 9 x 4 x 128 + 128 x 256, norms of 256 + 256 + 512
        ("resnext", (256, 28, 28), 71_168, 784 * 70_144),
        # 256 x 128 + 9 x 128 x 32, norms of 512 + 256
        ("dense", (32, 28, 28), 70_400, 784 * 69_632),
        # 2 x 256 x 16 and biases, on one position
        ("squeeze_excite", (256, 28, 28), 8_464, 8_192),
        ("se_bottleneck", (256, 28, 28), 70_400 + 8_464, 784 * 69_632 + 8_192),
        # 32 x 192 + 9 x 192 + 192 x 32, norms of 384 + 384 + 64
        ("inverted_residual", (32, 28, 28), 14_848, 784 * 14_016),
        # 2 x (9 x 80 x 80 + 80), on 16x16
        ("highway", (80, 16, 16), 115_360, 256 * 115_200),
        # 2 x 9 x 128 x 128, norms of 256 + 256
        ("basic", (128, 28, 28), 295_424, 784 * 294_912),
        ("preactivation", (128, 28, 28), 295_424, 784 * 294_912),
        # 256 x 32 + 32 x 128 + 9 x 32 x 128 and 32 + 256 biases
        ("fire", (256, 28, 28), 49_440, 784 * 49_152),
        # 9 x 256 + 256 x 256, norms of 512 + 512
        ("separable", (256, 28, 28), 68_864, 784 * 67_840),
        # 240 x 60 / 3 twice + 9 x 60, norms of 120 + 120 + 480
        ("shuffle", (240, 28, 28), 10_860, 784 * 10_140),
        # 58 x 58 twice + 9 x 58, norms of 3 x 116
        ("split_shuffle", (116, 28, 28), 7_598, 784 * 7_250),
        # 9 x 2 x 48 + 24 x 48, on 32x32
        ("interleaved", (48, 32, 32), 2_016, 1024 * 2_016),
        # 40 x 240 twice + 25 x 240, norms of 480 + 480 + 80; 240 x 64 twice and 304 biases
        ("inverted_residual_se", (40, 14, 14), 57_264, 196 * 25_200 + 30_720),
        # 256 x 128 / 4 + 9 x 128 x 32 / 4, norms of 512 + 256
        ("condense", (288, 28, 28), 18_176, 784 * 17_408),
        # 9 x 36 windows of 64 + 3 x 36 channels in each of 4 layers; norms of 472 and 432
        # channels, which are read in the two stages
        ("clique", (144, 28, 28), 4 * 55_728 + 1_808, 784 * 9 * 36 * (472 + 432)),
        # 12 x 192 x 192, 9 x 192 biases, norms of 2 x 384; q k and its sum over v, 197 x 197
        ("transformer", (197, 192), 444_864, 197 * 442_368 + 2 * 197**2 * 192),
    ],
)
def test_costs_are_those_of_hand_arithmetic(
    name: str, output: tuple[int, ...], params: int, macs: int
) -> None:
    found = show(name)
    assert (found.output, found.params, found.macs) == (output, params, macs)


def test_searched_cells_give_as_many_maps_as_they_concatenate() -> None:
    assert show("nasnet_a").output == (6 * 44, 28, 28)
    assert show("amoebanet_a").output == (4 * 50, 28, 28)


def test_each_block_builds_on_older_ones_of_its_family_or_of_those_that_the_ledger_names() -> None:
    for place, (name, kind) in enumerate(BLOCKS.items()):
        family = families()[kind.family]
        line = [*ancestors(family.name), family]
        known = {member.name for member in line}
        known |= {taken.family for member in line for taken in member.takes}
        for before in kind.ancestors:
            assert list(BLOCKS).index(before) < place, (name, before)
            assert BLOCKS[before].family in known, (name, before)
            assert families()[BLOCKS[before].family].year <= family.year, (name, before)


def test_the_gallery_has_the_blocks_that_the_field_names() -> None:
    assert {
        "basic", "fire", "separable", "shuffle", "highway", "inverted_residual_se", "transformer",
        "interleaved", "clique", "condense", "convolution", "bottleneck", "inception_naive",
        "inception", "resnext", "dense", "squeeze_excite", "se_bottleneck", "inverted_residual",
        "nasnet_a", "amoebanet_a",
    } <= set(BLOCKS)  # fmt: skip
    assert all(kind.equation and kind.idea for kind in BLOCKS.values())


def test_the_page_has_a_card_with_a_drawing_for_each_block(tmp_path: Path) -> None:
    assert main(["blocks", "--html", str(tmp_path / "blocks.html")]) == 0
    found = Page((tmp_path / "blocks.html").read_text())
    assert [card["id"] for card in found.of("article")] == list(BLOCKS)
    assert len(found.of("svg")) == len(BLOCKS)
    links = [link["href"] or "" for link in found.of("a")]
    assert {link.removeprefix("#") for link in links} == set(BLOCKS)
    assert not found.of("script")


def test_a_drawing_is_written_as_svg(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks", "fire", "--svg", str(tmp_path / "fire.svg")]) == 0
    drawn = parsed_svg((tmp_path / "fire.svg").read_text())
    words = [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("concatenate") == 1
    assert {"1x1 conv 32", "1x1 conv 128", "3x3 conv 128"} <= set(words)
    assert main(["blocks", "--svg", str(tmp_path / "all.svg")]) == 2
    assert "--svg draws one block; name it" in capsys.readouterr().err


def test_one_block_is_printed_with_its_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks", "bottleneck"]) == 0
    assert "Conv2d(64, 64, kernel_size=(3, 3)" in capsys.readouterr().out
    assert main(["blocks", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(BLOCKS)
    with pytest.raises(BadArgument, match="no block is called 'bottlneck'; nearest: bottleneck"):
        show("bottlneck")
