"""Networks that torch.jit.script compiles."""

from typing import Any

from torch import fx, nn


def scriptable(model: nn.Module) -> nn.Module:
    """The network as torch.jit.script understands it: recorded by torch.fx in evaluation mode.

    torch.jit.script compiles Python, of which it knows little; of the recording it needs to know
    calls of layers and functions alone. Layers that do something else in training, such as
    dropout, stay layers, so that `train()` and `eval()` work on the result. Where a network trains
    with classifiers on the way, the result gives the logits of the last one in training, too.

    Args:
        model: keeps its mode; weights are shared. A layer whose class has `whole_in_scripts` is
            compiled as it is.
    """
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        graph = _Scripts().trace(model)
        for node in graph.nodes:
            if node.op == "output":
                node.type = None  # a tuple of any length, which a network gives in training
        recorded = fx.GraphModule(model, graph, type(model).__name__)
    finally:
        for module, mode in modes.items():
            module.training = mode
    # A module without the rest of a GraphModule, about which torch.jit.script warns.
    name = type(model).__name__
    plain: nn.Module = type(name, (nn.Module,), {"forward": type(recorded).forward})()
    for kind in ("_modules", "_parameters", "_buffers"):
        plain.__dict__[kind] = recorded.__dict__[kind]
    plain.training = model.training
    return plain


class _Scripts(fx.Tracer):
    """Records all layers down to torch's own, and to those that change with the mode."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Is it called in the recording, not looked into?"""
        whole: Any = getattr(m, "whole_in_scripts", False)
        return bool(whole) or super().is_leaf_module(m, module_qualified_name)
