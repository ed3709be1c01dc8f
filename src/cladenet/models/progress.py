"""Layers that change in the course of a training run: they get its progress."""

from torch import nn


class FollowsProgress(nn.Module):
    """A layer whose behaviour depends on how much of the training is done.

    Whatever it decides that later steps depend on is a buffer, so that a resumed run goes on alike.
    """

    def at_progress(self, progress: float) -> None:
        """Called before each step with the share of all steps that are done, 0 to below 1."""
        raise NotImplementedError


def followers(model: nn.Module) -> list[FollowsProgress]:
    """The layers to tell."""
    return [module for module in model.modules() if isinstance(module, FollowsProgress)]
