"""Lookahead against its equations, written out with one number."""

import pytest
import torch

from cladenet.errors import CheckpointError
from cladenet.training.lookahead import Lookahead
from tiny import Tiny


def test_the_weights_return_to_a_slow_average_every_fifth_step_and_at_the_end() -> None:
    model = Tiny()
    weight = model.get_parameter("stages.0.0.0.weight")
    with torch.no_grad():
        weight.fill_(1.0)
    lookahead = Lookahead(model, every=5, decay=0.8)
    slow = now = 1.0
    for step in range(1, 13):
        with torch.no_grad():
            weight.add_(1.0)
        now += 1.0
        lookahead.update(step, steps=12)
        if step % 5 == 0:
            kept = 0.8 * (step / 12) ** 3
            slow = kept * slow + (1 - kept) * now
            now = slow
        if step == 12:
            now = slow
        assert weight.flatten()[0].item() == pytest.approx(now, rel=1e-6), step
    assert int(model.get_buffer("stem.1.0.num_batches_tracked")) == 0


def test_slow_weights_of_another_network_are_refused() -> None:
    lookahead = Lookahead(Tiny(), every=5, decay=0.8)
    with pytest.raises(CheckpointError, match="slow weights are not those of the network"):
        lookahead.restore({"stem.0.weight": torch.zeros(1)})
