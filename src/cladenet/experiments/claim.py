"""What an experiment is: networks that are trained alike, and which of them should be better."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Scale = Literal["laptop", "paper"]
SCALES: tuple[Scale, ...] = ("laptop", "paper")


@dataclass(frozen=True)
class Arm:
    """One network and how it is trained; repeated with several seeds.

    Args:
        name: what tables and plots call it.
        network: a name of `list_models()`.
        laptop: words of a training, as on the command line, in place of the claim's.
        paper: the same at the paper's scale; the network as it is printed needs none.
        paper_network: the network at the paper's scale, where it has another name.
        scored: how its networks are scored where the measure is `score`: words of `evaluate`, and
            `shift`, levels that are added to red, green and blue. Arms of one training and
            different words are one network under several protocols.
        joined: another arm, whose network of the same seed answers too: the mean of posteriors.
    """

    name: str
    network: str
    laptop: Mapping[str, Any] = field(default_factory=dict)
    paper: Mapping[str, Any] = field(default_factory=dict)
    paper_network: str = ""
    scored: Mapping[str, Any] = field(default_factory=dict)
    joined: str = ""

    def at(self, scale: Scale) -> tuple[str, Mapping[str, Any]]:
        """Its network and words at a scale."""
        if scale == "laptop":
            return self.network, self.laptop
        return self.paper_network or self.network, self.paper


class Comparison(NamedTuple):
    """One arm should be above another in one measure.

    Args:
        better: name of the arm for which the paper claims the better figure.
        worse: the other.
        measure: a name of `measures.MEASURES`.
        printed: what the paper prints of both, with the place; empty where it prints none.
        margin: by how much the better may be worse, where the paper says that it is no worse.
    """

    better: str
    worse: str
    measure: str
    printed: str = ""
    margin: float = 0.0


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper, and the trainings that would show it.

    Args:
        name: on the command line.
        sentence: what is claimed.
        source: paper, section, table or figure.
        arms: the networks.
        comparisons: which should be better.
        laptop: words of every training at laptop scale.
        recipe: of every training; `paper` is each network's own.
        if_not: the likely reason where the claim does not come again at laptop scale.
        seeds: repetitions of every arm.
        laptop_data: the one data set of this claim at laptop scale; empty takes the user's.
    """

    name: str
    sentence: str
    source: str
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    laptop: Mapping[str, Any]
    recipe: str = "paper"
    if_not: str = ""
    seeds: int = 3
    laptop_data: str = ""

    def data(self, scale: Scale, given: str) -> str:
        """What it is trained on, where the user asks for `given`."""
        return (scale == "laptop" and self.laptop_data) or given

    def arm(self, name: str) -> Arm:
        """The arm of a name."""
        return next(arm for arm in self.arms if arm.name == name)
