"""A program as a module, for what takes modules, such as exporters."""

from torch import Tensor, nn

from cladenet.inference.graph.program import Program
from cladenet.inference.graph.running import runner


class AsModule(nn.Module):
    """Runs the steps of a program, with its constants as buffers.

    Args:
        program: not changed from then on.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        for slot, value in program.constants.items():
            self.register_buffer(f"constant{slot.number}", value)
        self._run = runner(program, from_python=True)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K)."""
        return self._run(images)
