"""Options moved: a reader keeps its accuracy, a letter keeps its place, and what is luck doesn't survive."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request, Result
from skiploop.errors import InvalidInput
from skiploop.stats.shares import newcombe_independent
from skiploop.storage.journal import JsonlJournal
from skiploop.storage.records import from_json
from skiploop.studies.controls.rotation import Claim, claims, options_study, rotations, why_not
from skiploop.studies.controls.rotation_figures import RotationFigures
from skiploop.studies.execution import Execution
from skiploop.studies.search import search
from skiploop.studies.worklist import Worklist
from skiploop.tasks import Example, Task, make_task
from skiploop.tasks.prompts import options_text
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, digest, fake_task, options

IDENTITY, SHORT = Chain.identity(LAYERS), Chain((0, 1, 4), LAYERS)
WORDS = ("red", "green", "blue", "white")


def colours(count: int = 40, scoring: str = "letter") -> Task:
    """The right colour is named in the question, so that a reader can find it wherever it stands."""
    examples = []
    for i in range(count):
        shift = i % 4
        choices, gold = WORDS[shift:] + WORDS[:shift], digest("gold", i) % 4
        prompt = f"L{i % 5 + 1} {choices[gold]}? {i}\n{options_text(choices)}\nAnswer:"
        answer = choices[gold] if scoring == "choice" else "ABCD"[gold]
        examples.append(Example(f"c{i}", prompt, answer, choices, gold, level=i % 5 + 1))
    return Task("colours", tuple(examples), scoring, max_new_tokens=4)


class Readers(FakeRunner):
    """The identity reads; the chain SHORT always says B; any other chain throws dice that depend on the prompt."""

    def answer(self, request: Request) -> Result:
        lines = request.prompt.splitlines()
        wanted = lines[0].split("?")[0].split()[-1]
        shown = [line[3:] for line in lines[1:5]]
        if request.chain.is_identity:
            place = shown.index(wanted)
        elif request.chain == SHORT:
            place = 1
        else:
            place = digest(request.prompt, request.chain.layers) % 4
        if request.continuations:
            return Result(tuple(float(i == place) - 2 for i in range(4)), (1,) * 4)
        return Result(text="ABCD"[place])


def run(
    out: Path, task: Task, claimed: list[Claim], runner: FakeRunner | None = None, per_call: int = 1024
) -> RotationFigures:
    work = Worklist(runner or Readers(), JsonlJournal(out / "j.jsonl"), per_call=per_call)
    chains = {"identity": IDENTITY, "static": SHORT}
    return options_study(task, task.examples, chains=chains, claimed=claimed, work=work)


@pytest.mark.parametrize("scoring", ["letter", "verbatim"])
def test_a_reader_is_right_everywhere_and_a_letter_where_it_stands(tmp_path: Path, scoring: str) -> None:
    task = colours(scoring=scoring)
    found = run(tmp_path, task, [])
    reader, letter = found.chains["identity"], found.chains["static"]
    assert [each.value for each in reader.by_rotation] == [1.0] * 4
    assert reader.right_at_all.value == reader.majority.value == 1.0
    assert reader.chosen_letters == {"A": 0.25, "B": 0.25, "C": 0.25, "D": 0.25, "none": 0.0}
    assert letter.chosen_letters["B"] == 1.0 and letter.right_at_all.value == 0.0
    # The option in place B moves round, so over all rotations each input is right exactly once.
    assert sum(each.value or 0.0 for each in letter.by_rotation) == pytest.approx(1.0)
    assert letter.by_rotation[0] == found.always["B"]
    assert sum(each.value or 0.0 for each in found.always.values()) == pytest.approx(1.0)
    assert found.minus_identity["static"].right_at_all.difference.value == -1.0
    assert found.seen_by_the_model and from_json(RotationFigures, found.to_json()) == found


def test_the_majority_is_of_options_not_of_letters(tmp_path: Path) -> None:
    class Mostly(Readers):
        """Reads, except where the right option stands first: then it says C."""

        def answer(self, request: Request) -> Result:
            result = super().answer(request)
            place = result.loglikelihoods.index(max(result.loglikelihoods))
            return result if place else Result((-2.0, -2.0, -1.0, -2.0), (1,) * 4)

    found = run(tmp_path, colours(), [], Mostly()).chains["identity"]
    assert found.majority.value == 1.0 and found.right_at_all.value == 0.0
    rates = [each.value or 0.0 for each in found.by_rotation]
    assert sum(rates) == pytest.approx(3.0) and found.chosen_letters["A"] == 0.0


def test_what_survives_is_what_reads(tmp_path: Path) -> None:
    task = colours()
    by_letter = [each for each in task.examples if each.gold == 1]
    lucky = [Claim("corrected", each, SHORT) for each in by_letter]
    real = [Claim("identity_right", each, IDENTITY) for each in task.examples]
    survival = run(tmp_path, task, [*lucky, *real]).survival
    corrected = survival.corrected
    assert (corrected.inputs, corrected.rate.value, corrected.at_all.value) == (len(by_letter), 0.0, 0.0)
    assert survival.identity_right.at_all.value == survival.identity_right.rate.value == 1.0
    minus = survival.corrected_minus_identity_right
    assert minus is not None and minus.interval is not None
    assert minus.value == -1.0 and minus.interval[1] < -0.5
    assert survival.control_hit.inputs == 0 and survival.corrected_minus_control_hit is None


def test_corrections_by_luck_survive_no_oftener_than_hits_of_the_control(tmp_path: Path) -> None:
    class Dice(Readers):
        """No chain reads anything."""

        def answer(self, request: Request) -> Result:
            place = digest(request.prompt, request.chain.layers) % 4
            return Result(tuple(float(i == place) - 2 for i in range(4)), (1,) * 4)

    task = colours(120)
    assert max(len(each.prompt) for each in task.examples) < 60, "fits into the fake model"
    study = search(FakeModel(), task, out=tmp_path / "s", execution=Execution(Dice()), **options(budget=12))
    by_id = {example.id: example for example in task.examples}
    found = claims(task, study.inputs, by_id)
    groups = {group: [each for each in found if each.group == group] for group in ("corrected", "control_hit")}
    assert min(map(len, groups.values())) > 50
    for each in groups["control_hit"]:
        assert each.example.gold != by_id[each.example.id].gold
    survival = run(tmp_path, task, found, Dice()).survival
    for group in (survival.corrected, survival.control_hit):
        low, high = group.rate.interval or (1.0, -1.0)
        assert low < 0.25 < high, "a die stays right one time in four"
    for difference in (survival.corrected_minus_control_hit, study.figures.control.excess):
        low, high = (difference.interval if difference is not None else None) or (1.0, -1.0)
        assert low < 0 < high


def test_the_claims_are_those_of_the_study(tmp_path: Path) -> None:
    task = fake_task(30, "letter")
    study = search(FakeModel(), task, out=tmp_path / "s", execution=Execution(FakeRunner()), **options())
    found = claims(task, study.inputs, {example.id: example for example in task.examples})
    moves = study.figures.transitions
    for group in ("corrected", "right_shorter"):
        assert sum(each.group == group for each in found) == getattr(moves, group)
    right = sum(each.group == "identity_right" for each in found)
    assert right == moves.right
    controls = [(each.example["id"], each.arms["control"]) for each in study.inputs if "control" in each.arms]
    hits = [name for name, control in controls if control.right]
    assert [each.example.id for each in found if each.group == "control_hit"] == hits


def test_rotations_move_the_right_option_with_its_answer() -> None:
    task = colours(1)
    moved = rotations(task, task.examples[0])
    assert len(moved) == 4 and moved[0] == task.examples[0]
    text = task.examples[0].choices[task.examples[0].gold or 0]
    for each in moved:
        assert each.choices[each.gold or 0] == text and each.answer == "ABCD"[each.gold or 0]
        assert f"{each.answer}. {text}" in each.prompt


def test_a_prompt_without_options_shows_nothing_and_is_said_to(tmp_path: Path) -> None:
    bare = replace(colours(scoring="choice"), examples=tuple(
        replace(each, prompt="Which?" + str(i)) for i, each in enumerate(colours(scoring="choice").examples)
    ))  # fmt: skip
    assert why_not(bare, bare.examples) is None
    assert not run(tmp_path, bare, [], FakeRunner()).seen_by_the_model


def test_what_is_not_multiple_choice_is_told() -> None:
    assert why_not(fake_task(), fake_task().examples) == "not multiple choice"
    unlisted = replace(colours(), examples=(replace(colours().examples[0], prompt="Which?"),))
    assert "can't be rotated" in str(why_not(unlisted, unlisted.examples))
    nano = make_task("nano")
    assert why_not(nano, nano.examples) is None, "a part of its inputs has options"


def test_resuming_runs_nothing_twice(tmp_path: Path) -> None:
    task, runner = colours(), Readers()
    whole = run(tmp_path, task, [], runner, per_call=60)
    parts = (tmp_path / "j.jsonl").read_bytes().splitlines(keepends=True)
    cut = next(i for i, line in enumerate(parts) if b'"end"' in line) + 4
    (tmp_path / "j.jsonl").write_bytes(b"".join(parts[:cut])[:-5])
    again = Readers()
    assert run(tmp_path, task, [], again, per_call=60) == whole
    assert again.calls == runner.calls[1:]
    assert (tmp_path / "j.jsonl").read_bytes() == b"".join(parts)
    with pytest.raises(InvalidInput, match="other settings"):
        run(tmp_path, task, [Claim("corrected", task.examples[0], SHORT)], per_call=50)


def test_the_interval_of_two_groups_holds_their_difference() -> None:
    # Newcombe (1998), table II, method 10: 56/70 against 48/80.
    low, high = newcombe_independent(56, 70, 48, 80) or (0.0, 0.0)
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)
    assert newcombe_independent(0, 0, 1, 2) is None
