"""How a notebook shows a network: its parts, without running it."""

from collections import Counter

from torch import nn

from cladenet.html_table import html_table
from cladenet.plural import counted


class HtmlMethods(nn.Module):
    """A table in place of torch's text of hundreds of lines, which `print` still gives."""

    stem: nn.Module
    stages: nn.Sequential
    head: nn.Sequential
    num_classes: int
    in_channels: int
    architecture: str

    def _repr_html_(self) -> str:
        """Stem, stages and head, with the units and the parameters of each."""
        stages = {f"stages.{name}": stage for name, stage in self.stages.named_children()}
        parts = {"stem": self.stem, **stages, "head": self.head}
        rows = [(name, _units(part), f"{_params(part):,}") for name, part in parts.items()]
        title = (
            f"{self.architecture or type(self).__name__}: {_params(self):,} params, "
            f"{counted(self.in_channels, 'channel')} in, {counted(self.num_classes, 'class')}"
        )
        return html_table(("part", "units", "params"), rows, title)


def _units(part: nn.Module) -> str:
    """`3 Unit, 1 Linear`: the classes of its children; of a layer its own."""
    kinds = Counter(type(child).__name__ for child in part.children())
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return listed or type(part).__name__


def _params(part: nn.Module) -> int:
    return sum(values.numel() for values in part.parameters())
