"""Search by reinforcement: a controller learns to make the decisions of good networks.

Zoph, Vasudevan, Shlens, Le. CVPR 2018. arXiv:1707.07012, Appendix; Zoph, Le. Neural Architecture
Search with Reinforcement Learning. ICLR 2017. arXiv:1611.01578. With R the validation accuracy, b
a moving average of R that begins at 0, p and q the probabilities of a decision now and when it was
drawn, H the entropy of the softmax, and sums over the decisions of 20 architectures:

    REINFORCE  (R - b) log p + w H
    PPO        min((p / q)(R - b), clip(p / q, 1 - e, 1 + e)(R - b)) + w H     a few steps

The rate, 0.00035, the weight w = 0.00001, the 20 architectures and the average's 0.95 are printed;
e = 0.2, four steps of PPO and the optimiser, Adam, are not: they are those of Schulman et al. 2017,
arXiv:1707.06347. A trial that failed teaches nothing.

A tell takes the gradient of ten architectures at most: the first tells of a lesson come with the
20th reward and those after it, a step with every second of them, and until the last step is made
architectures are drawn from the controller as it was before the lesson. So no tell takes long, and
the probabilities that PPO divides by are those of the journal, whatever the number of workers.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cladenet.errors import BadArgument
from cladenet.search.searchers.lstm import Controller, Draw, Sampler
from cladenet.search.searchers.searcher import Proposal, draws
from cladenet.search.spaces.space import Sequenced
from cladenet.training.without_compiler import without_compiler

DIGITS = 6  # of a log-probability in the journal
AT_A_TIME = 10  # architectures whose gradient a tell takes


class Rewarded(NamedTuple):
    """A draw and its reward."""

    draw: Draw
    reward: float


class Lesson(NamedTuple):
    """Rewarded draws as tensors.

    Args:
        choices: int64 (N, T).
        before: log-probabilities when they were drawn, (N, T).
        advantage: rewards less the baseline, (N, 1).
    """

    choices: Tensor
    before: Tensor
    advantage: Tensor


class ControllerSearch:
    """The search above.

    Args:
        space: whose architectures are sequences of choices.
        seed: of the controller's first weights and of all draws.
        algorithm: `ppo` or `reinforce`.
        controller_lr: of Adam.
        entropy: w.
        baseline: how much of the moving average stays.
        batch: architectures a lesson.
        hidden: units of the controller.
        clip: e of PPO.
        steps: of PPO on each batch.

    Raises:
        BadArgument: the algorithm is unknown.
    """

    def __init__(
        self,
        space: Sequenced,
        seed: int,
        algorithm: str = "ppo",
        controller_lr: float = 0.00035,
        entropy: float = 0.00001,
        baseline: float = 0.95,
        batch: int = 20,
        hidden: int = 100,
        clip: float = 0.2,
        steps: int = 4,
    ) -> None:
        if algorithm not in ("ppo", "reinforce"):
            raise BadArgument(f"algorithm is {algorithm!r}; expected ppo or reinforce")
        if batch < 1 or steps < 1 or not 0 <= baseline < 1:
            raise BadArgument(
                f"batch is {batch}, steps {steps}, baseline {baseline}; expected 1 or more, 1 or "
                "more, and a share below 1"
            )
        self.name = "nasnet" if algorithm == "ppo" else "nasnet_reinforce"
        self.space, self.seed, self.algorithm = space, seed, algorithm
        self.entropy, self.decay, self.batch = entropy, baseline, batch
        self.clip, self.steps = clip, steps if algorithm == "ppo" else 1
        self.baseline = 0.0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.controller = Controller(space.decisions, hidden)
        self.optimizer = without_compiler(torch.optim.Adam)(
            self.controller.parameters(), lr=controller_lr, fused=True
        )
        self._sampler: Sampler | None = None  # of the controller as it was after the last lesson
        self._open: dict[int, Draw] = {}
        self._rewarded: list[Rewarded] = []
        self._lesson: Lesson | None = None
        self._steps_made = self._taken = 0  # of the lesson; architectures of its step

    def ask(self, number: int) -> Proposal | None:
        """Draw from the controller."""
        choices, log_probs = self._learnt().draw(draws(self.seed, number))
        rounded = [round(value, DIGITS) for value in log_probs]
        proposal = Proposal(
            self.space.of_choices(choices), None, "controller", {"log_probs": rounded}
        )
        self.restore(number, proposal)
        return proposal

    def restore(self, number: int, proposal: Proposal) -> None:
        """Remember what was drawn, and how probable it was."""
        choices = self.space.choices_of(proposal.architecture)
        self._open[number] = Draw(choices, proposal.notes["log_probs"])

    def tell(self, number: int, val: float | None) -> None:
        """Collect rewards; every 20 of them are a lesson."""
        draw = self._open.pop(number)
        if val is None:
            return
        self._rewarded.append(Rewarded(draw, val))
        if self._lesson is not None:
            self._learn(self._lesson)
        if len(self._rewarded) == self.batch:
            while self._lesson is not None:  # there are fewer tells than the lesson wants
                self._learn(self._lesson)
            self._lesson = self._begun()
            self._learn(self._lesson)

    def _begun(self) -> Lesson:
        """The rewards since the last lesson as one."""
        advantages = []
        for one in self._rewarded:
            self.baseline = self.decay * self.baseline + (1 - self.decay) * one.reward
            advantages.append([one.reward - self.baseline])
        lesson = Lesson(
            torch.tensor([one.draw.choices for one in self._rewarded]),
            torch.tensor([one.draw.log_probs for one in self._rewarded]),
            torch.tensor(advantages),
        )
        self._rewarded, self._steps_made, self._taken = [], 0, 0
        self.optimizer.zero_grad()
        return lesson

    def _learn(self, lesson: Lesson) -> None:
        """The gradient of the next architectures; with the last of them the step.

        After the last step architectures are drawn from what has been learnt.
        """
        choices, before, advantage = (
            part[self._taken : self._taken + AT_A_TIME] for part in lesson
        )
        log_probs, entropies = self.controller(choices)
        if self.algorithm == "ppo":
            ratio = (log_probs - before).exp()
            clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
            gain = torch.minimum(ratio * advantage, clipped * advantage)
        else:
            gain = log_probs * advantage
        loss = -(gain + self.entropy * entropies).sum() / self.batch
        loss.backward()
        self._taken += len(choices)
        if self._taken < self.batch:
            return
        self._learnt()  # before it is another
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._taken = 0
        self._steps_made += 1
        if self._steps_made == self.steps:
            self._lesson = self._sampler = None

    def _learnt(self) -> Sampler:
        """What architectures are drawn from."""
        if self._sampler is None:
            self._sampler = Sampler(self.controller)
        return self._sampler
