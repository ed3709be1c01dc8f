import json
from pathlib import Path

import pytest

from cladenet.analysis.gallery import BLOCKS, page, show
from cladenet.cli import main
from cladenet.errors import BadArgument


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
    ],
)
def test_costs_are_those_of_hand_arithmetic(
    name: str, output: tuple[int, int, int], params: int, macs: int
) -> None:
    found = show(name)
    assert (found.output, found.params, found.macs) == (output, params, macs)


def test_searched_cells_give_as_many_maps_as_they_concatenate() -> None:
    assert show("nasnet_a").output == (6 * 44, 28, 28)
    assert show("amoebanet_a").output == (4 * 50, 28, 28)


def test_one_block_is_printed_with_its_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["blocks", "bottleneck"]) == 0
    assert "Conv2d(64, 64, kernel_size=(3, 3)" in capsys.readouterr().out
    assert main(["blocks", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == list(BLOCKS)
    with pytest.raises(BadArgument, match="no block is called 'brick'; there are: convolution"):
        show("brick")
