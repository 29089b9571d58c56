"""What a study has found for each input, from its journal alone. No torch.

Words, used so in all of `skiploop.studies`:

    reward      what the task gives for a chain's answer, from 0 to 1; in the control for the wrong answer aimed at
    right       a reward of 1: the chain reached its arm's target. That is the gold answer; in the control it is one
                particular wrong answer, and a chain that reaches it is called a *hit* where people read it
    matched     what the engine says of one forced pass: the expected answer, and nothing else, would be generated
    claim       a right chain of a study, as its journal has it, before it is run again
    verified    a claim that was run again, alone, and was right again; one that wasn't (a *flip*) counts as wrong

The *best* chain of an input is the one with the highest reward, then the shortest, then the first; where none is right
it is the identity. An input's *transition* is one of

    right_shorter   the identity is right, and so is a shorter chain
    identity_best   the identity is right, and no shorter chain was found
    corrected       the identity is wrong, some chain is right
    still_wrong     the identity is wrong, and so is every chain that was tried

Every figure called *oracle* needs the gold answer to pick the chain. It isn't an accuracy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from skiploop.chains.chain import Chain
from skiploop.chains.weights import layers_from_json
from skiploop.errors import InvalidInput
from skiploop.searchers import pareto
from skiploop.storage.files import Line
from skiploop.studies.arms import ARMS
from skiploop.studies.settings import StudySettings

TRANSITIONS = ("right_shorter", "corrected", "still_wrong", "identity_best")


@dataclass(frozen=True, slots=True)
class ArmResult:
    """What one arm found for one input.

    Attributes:
        evaluations: (chain, reward) in order, the identity first.
        target: the wrong answer that a control was rewarded for.
    """

    evaluations: tuple[tuple[Chain, float], ...]
    target: str | None = None

    @property
    def best(self) -> tuple[Chain, float]:
        """Highest reward, then shortest, then first; the identity where nothing is right."""
        chain, reward = min(self.evaluations, key=lambda each: (-each[1], len(each[0])))
        return (chain, reward) if reward >= 1 else self.evaluations[0]

    @property
    def claims(self) -> list[Chain]:
        """The chains that are right, the best first."""
        right = [chain for chain, reward in self.evaluations if reward >= 1]
        return sorted(right, key=len)

    @property
    def right(self) -> bool:
        """Whether some chain is right."""
        return self.right_within(len(self.evaluations))

    def right_within(self, count: int) -> bool:
        """Whether one of the first so many chains is right."""
        return any(reward >= 1 for _, reward in self.evaluations[:count])

    @property
    def right_chains(self) -> int:
        """How many chains other than the identity are right."""
        return sum(reward >= 1 for _, reward in self.evaluations[1:])

    @property
    def pareto(self) -> list[tuple[Chain, float]]:
        """The chains that no other beats in both reward and depth."""
        return pareto(self.evaluations)


@dataclass(frozen=True, slots=True)
class InputResult:
    """What a study found for one input.

    Attributes:
        example: the input's line in inputs.jsonl.
        answer: what the identity answered; None: nothing that can be read as an answer.
        text: what the identity generated, None where options were scored.
        arms: by name.
        reruns: its lines in verified.jsonl, where the right chains of each arm were run again, alone, the best first. A
            chain that was wrong there counts as wrong, so that the next best is run again, until one holds.
    """

    example: Line
    answer: str | None
    text: str | None
    arms: dict[str, ArmResult]
    reruns: tuple[Line, ...] = ()

    @property
    def verified(self) -> Line | None:
        """The line of the best chain, where it is right and was run again."""
        best = self.search.best[0].to_json()
        held = (line for line in self.reruns if line["target"] == "gold" and line["reward"] >= 1)
        return next((line for line in held if line["chain"] == best), None)

    def claims(self) -> list[tuple[str, list[Chain]]]:
        """What has to be run again: each arm with its right chains, the best first; the identity in any case."""
        identity = [self.search.evaluations[0][0]] if self.base_right else []
        return [("search", identity), *((name, arm.claims) for name, arm in self.arms.items())]

    @property
    def search(self) -> ArmResult:
        """The arm that the study is about."""
        return self.arms["search"]

    @property
    def base_right(self) -> bool:
        """Whether the pretrained model, as it is, answers right."""
        return self.search.evaluations[0][1] >= 1

    def transition(self, arm: str = "search") -> str:
        """One of `TRANSITIONS`."""
        result = self.arms[arm]
        if not self.base_right:
            return "corrected" if result.right else "still_wrong"
        return "right_shorter" if len(result.best[0]) < self.depth else "identity_best"

    @property
    def depth(self) -> int:
        """Of the identity."""
        return len(self.search.evaluations[0][0])


def collect(
    run: Mapping[str, Any], inputs: Sequence[Line], lines: Sequence[Line], verified: Sequence[Line] = ()
) -> list[InputResult]:
    """The results by input; inputs whose identity wasn't evaluated yet are left out."""
    num_layers = run["model"]["num_layers"]
    always = ["search", *StudySettings.from_json(run["settings"]).peers]
    own: dict[str, list[Line]] = {}
    for line in lines:
        own.setdefault(line["input"], []).append(line)
    again: dict[str, list[Line]] = {}
    for line in verified:
        again.setdefault(line["input"], []).append(line)
    return [
        _input_result(num_layers, example, own[example["id"]], always, tuple(again.get(example["id"], ())))
        for example in inputs
        if example["id"] in own
    ]


def _input_result(
    num_layers: int, example: Line, lines: list[Line], always: list[str], reruns: tuple[Line, ...]
) -> InputResult:
    refuted = [(line["target"], line["chain"]) for line in reruns if line["reward"] < 1]
    if refuted:
        lines = [
            line | {"reward": 0.0}
            if ("wrong" if line["arm"] == "control" else "gold", line["chain"]) in refuted
            else line
            for line in lines
        ]
    first, *rest = lines
    if first["arm"] != "identity":
        raise InvalidInput(f"the journal has no identity for the input {example['id']!r}; was it edited?")
    identity = Chain(first["chain"], num_layers)
    found = {arm: [(identity, first["reward"])] for arm in always}  # an arm of budget 1 has no lines
    targets: dict[str, str | None] = {}
    for line in rest:
        arm = line["arm"]
        start = [(identity, 0.0 if arm == "control" else first["reward"])]
        chain = Chain.unchecked(layers_from_json(line["chain"]), num_layers)
        found.setdefault(arm, start).append((chain, line["reward"]))
        targets[arm] = line.get("target")
    arms = {name: ArmResult(tuple(found[name]), targets.get(name)) for name in ARMS if name in found}
    return InputResult(example, first["answer"], first.get("text"), arms, reruns)
