"""Edits: what is planted is found, and nothing where answers are random."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from skiploop.analysis.edits import Finding, damped_effects, edits_of, layer_effects, report, trace_edits
from skiploop.analysis.figures.edits import CountedEdits, EditEffect
from skiploop.analysis.settings import EditSettings
from skiploop.analysis.subject import Evaluate, Pair
from skiploop.analysis.subsets import single_edit
from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space
from skiploop.testing.chainbench import AnswerTable, harmful_layer, null

QUICK = EditSettings(resamples=9999)


def over(table: AnswerTable) -> Evaluate:
    rewards = table.rewards("binary")
    return lambda pairs: [float(rewards[int(name), table.column[chain.layers]]) for name, chain in pairs]


def found_by_search(table: AnswerTable, budget: int = 60) -> list[Finding]:
    """For each input the right chain that a search finds: the shortest, as in a study."""
    evaluate, findings = over(table), []
    for row in range(table.inputs):
        searcher = make_searcher("cola", table.space, seed=row)
        tried = [(table.space.identity, evaluate([(str(row), table.space.identity)])[0])]
        searcher.tell(*tried[0])
        while len(tried) < budget and (chains := searcher.ask(4)):
            for chain in chains:
                tried.append((chain, evaluate([(str(row), chain)])[0]))
                searcher.tell(*tried[-1])
        base_right = tried[0][1] >= 1
        right = sorted((chain for chain, reward in tried[1:] if reward >= 1), key=len)
        if right and not (base_right and len(right[0]) >= table.space.num_layers):
            findings.append(Finding(str(row), right[0], not base_right))
    return findings


def effects_on(table: AnswerTable, settings: EditSettings = QUICK) -> tuple[EditEffect, ...]:
    names = [str(row) for row in range(table.inputs)]
    layers = table.space.num_layers
    return layer_effects(names, edits_of(table.space), over(table), num_layers=layers, settings=settings)


def counted(effects: Sequence[EditEffect]) -> list[str]:
    return [effect.edit for effect in effects if effect.counts]


def test_damped_loops_are_tried_where_the_space_has_them_or_where_they_are_asked_for() -> None:
    plain, both = make_space("loop", 3), make_space("loop", 3, damping=(1, 0.5))
    loops = [("loop", layer) for layer in range(3)]
    assert edits_of(plain) == loops
    assert edits_of(both) == edits_of(plain, 0.5) == [*loops, *(("loop~.5", layer) for layer in range(3))]
    assert edits_of(make_space("skip", 3), 0.5) == [("skip", layer) for layer in range(3)], "no loops, none to damp"
    assert single_edit("loop~.25", 1, 3) == Chain.parse("0 1x2~.25 2", 3)
    with pytest.raises(InvalidInput, match="the plain loop, which is tried anyway"):
        EditSettings(damping=1)


def test_damped_loops_are_compared_with_plain_ones_input_by_input() -> None:
    def rewards(pairs: Sequence[Pair]) -> list[float]:
        """A plain loop is right on half of the inputs, a damped one on all."""
        return [float("~" in str(chain) or int(name) % 2) for name, chain in pairs]

    names, edits = [str(i) for i in range(40)], edits_of(make_space("loop", 3), 0.5)
    (found,) = damped_effects(names, edits, rewards, num_layers=3, settings=QUICK)
    assert (found.kind, found.layers, found.value, found.count) == ("loop~.5", 3, 0.5, 40)
    assert found.interval is not None and found.interval[0] > 0 and found.p < 0.001
    same = damped_effects(names, edits, lambda pairs: [1.0] * len(pairs), num_layers=3, settings=QUICK)
    assert same[0].value == 0 and same[0].p == 1
    assert damped_effects(names, edits_of(make_space("loop", 3)), rewards, num_layers=3, settings=QUICK) == ()


@pytest.mark.parametrize("layer", [0, 2, 4])
def test_the_planted_harmful_layer_is_found_and_nothing_else(layer: int) -> None:
    table = harmful_layer(5, layer, inputs=40, seed=layer)
    assert counted(effects_on(table)) == [f"skip {layer}"]
    findings = found_by_search(table)
    assert len(findings) > 20
    traced = trace_edits(findings, over(table))
    for each in traced:
        (needed,) = [each.edits[i] for i in each.minimal or ()]  # one edit is enough
        assert needed.kind == "skip"
        assert layer in needed.layers
    summary = report(traced, effects_on(table), count=40, settings=QUICK)
    assert summary.counted == CountedEdits(helps=(f"skip {layer}",), hurts=())
    in_minimal = {(row.kind, row.layer): row.minimal for row in summary.layers}
    assert in_minimal["skip", layer] == len(findings)


def test_an_edit_that_spoils_most_inputs_is_said_to_hurt() -> None:
    table = harmful_layer(4, 1, inputs=60, share=0.0, keeps=0.6)
    effects = effects_on(table)
    assert counted(effects) == ["skip 0", "skip 2", "skip 3"]
    assert report([], effects, count=60).counted == CountedEdits((), ("skip 0", "skip 2", "skip 3"))


def test_random_answers_give_the_empty_set_although_chains_look_necessary() -> None:
    false = uncorrected = 0
    for seed in range(60):
        effects = effects_on(null(5, seed, inputs=60), EditSettings(resamples=1999))
        false += bool(counted(effects))
        uncorrected += any(each.p < 0.05 for each in effects)
    assert false <= 3, "alpha is 0.05"
    assert uncorrected > 3, "without the correction there would be more"
    table = null(4, 0, inputs=40)
    assert counted(effects_on(table)) == []
    traced = trace_edits(found_by_search(table), over(table))
    figures = report(traced, [], count=40).corrected
    assert figures.necessity.interval[0] > 0.5, "that is why necessity counts for nothing by itself"


def test_undone_and_alone_are_what_the_chains_without_and_with_the_edit_get() -> None:
    asked: list[Pair] = []

    def evaluate(pairs: Sequence[Pair]) -> list[float]:
        asked.extend(pairs)
        return [float(1 not in chain.layers and chain.layers.count(3) == 2) for _, chain in pairs]

    chain = Chain.parse("0 2 3x2 5", 6)
    (traced,) = trace_edits([Finding("a", chain, True)], evaluate)
    assert [str(edit) for edit in traced.edits] == ["skip 1", "loop 3 x2", "skip 4"]
    assert traced.undone == (0.0, 0.0, 1.0)
    assert traced.alone == (0.0, 0.0, 0.0)
    assert traced.minimal == (0, 1)
    assert {name for name, _ in asked} == {"a"}
    figures = report([traced], [], count=1)
    assert figures.corrected.necessity.value == pytest.approx(2 / 3)
    assert figures.inputs[0].minimal == ("skip 1", "loop 3 x2")


def test_chains_of_one_edit_say_nothing_about_necessity() -> None:
    finding = Finding("a", Chain.parse("0-2 4-5", 6), True)
    figures = report(trace_edits([finding], lambda pairs: [float(3 not in c.layers) for _, c in pairs]), [], count=1)
    assert figures.corrected.one_edit == 1
    assert figures.corrected.necessity.value is None


def test_an_edit_that_changes_all_inputs_alike_counts_although_a_bootstrap_has_no_interval_there() -> None:
    names = [str(number) for number in range(20)]
    (effect,) = layer_effects(
        names, [("skip", 1)], lambda pairs: [float(chain.is_identity) for _, chain in pairs], num_layers=3
    )
    assert (effect.value, effect.interval, effect.count) == (-1.0, None, 20)
    assert effect.counts
    few = layer_effects(
        names[:4], [("skip", 1)], lambda pairs: [float(chain.is_identity) for _, chain in pairs], num_layers=3
    )
    assert not few[0].counts, "four inputs show nothing"


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(InvalidInput, match=r"alpha=2.*0\.05"):
        EditSettings(alpha=2)
