"""The parts of a full study, in the order in which they are run. A further part is one more entry of `PARTS`.

Each part has a folder or a file of its own below the study's folder, can be resumed by itself, and reads what it needs
of the parts before it from there. No torch until a model is run.
"""

from __future__ import annotations

from collections.abc import Callable

from skiploop.chains.chain import Chain
from skiploop.full_study.context import Context, Part
from skiploop.full_study.later_parts import LATER_PARTS
from skiploop.storage.files import write_json
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.controls.rotation import claims, options_study, why_not
from skiploop.studies.controls.rotation_figures import RotationFigures
from skiploop.studies.controls.sampling import Split, sampling_study
from skiploop.studies.controls.sampling_figures import Reference, SamplingFigures
from skiploop.studies.search import load_study, search
from skiploop.studies.static.figures import ChosenChain
from skiploop.studies.static.study import load_static, rewards_on_test, search_static
from skiploop.studies.worklist import Worklist

__all__ = ["OPTIONAL", "PARTS", "Context", "Part"]

Control = Callable[[Context, Worklist], SamplingFigures | RotationFigures]


def _search(context: Context) -> None:
    search(
        context.model, context.searched, out=context.out / "search", settings=context.settings.of_parts,
        execution=context.execution,
    )  # fmt: skip


def _static(context: Context) -> None:
    search_static(
        context.model, context.pool, out=context.out / "static", settings=context.settings.of_static,
        execution=context.execution,
    )  # fmt: skip


def _sampling(context: Context) -> None:
    _controlled(context, "sampling", _sample, per_call=context.settings.sampling.per_call)


def _sample(context: Context, work: Worklist) -> SamplingFigures:
    study = load_study(context.out / "search")
    spent = sum(len(chain) for each in study.inputs for chain, _ in each.search.evaluations)
    reference = Reference(
        {"search": spent / len(study.inputs), "static": float(_chosen(context).depth)},
        rewards_on_test(context.out / "static")["search"],
        {each.example["id"]: each.search.right for each in study.inputs},
    )
    return sampling_study(
        Split(context.pool, context.train, context.test), reference,
        identity=Chain.identity(context.model.num_layers), settings=context.settings.sampling, work=work,
    )  # fmt: skip


def _options(context: Context) -> None:
    _controlled(context, "options", _rotate)


def _rotate(context: Context, work: Worklist) -> RotationFigures:
    num_layers = context.model.num_layers
    chosen = Chain(_chosen(context).chain, num_layers)
    chains = {"identity": Chain.identity(num_layers)} | ({} if chosen.is_identity else {"static": chosen})
    test = [example for example in context.test if example.choices and example.gold is not None]
    by_id = {example.id: example for example in test}
    results = [each for each in load_study(context.out / "search").inputs if each.example["id"] in by_id]
    claimed = claims(context.pool, results, by_id)
    return options_study(context.pool, test, chains=chains, claimed=claimed, work=work)


def _chosen(context: Context) -> ChosenChain:
    """The static chain of the search."""
    return load_static(context.out / "static").figures.chosen["search"]


def _no_options(context: Context) -> str | None:
    return why_not(context.pool, context.test)


def _controlled(context: Context, name: str, control: Control, *, per_call: int = 1024) -> None:
    """A control: controls/NAME.jsonl is its journal, controls/NAME.json its figures, written at the end."""
    place = context.out / "controls" / f"{name}.json"
    if place.exists():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    journal, progress = JsonlJournal(place.with_suffix(".jsonl")), context.execution.progress("right")
    with progress:
        work = Worklist(context.runner, journal, per_call=per_call, progress=progress)
        write_json(place, control(context, work).to_json())


PARTS: tuple[Part, ...] = (
    Part("search", "search", "chains for each input, with peers and the control", _search),
    Part("static", "static", "one chain for all inputs", _static),
    Part("sampling", "controls/sampling.json", "sampling and voting at equal layer calls", _sampling, optional=True),
    Part("options", "controls/options.json", "options moved", _options, _no_options, optional=True),
    *LATER_PARTS,
)
OPTIONAL = tuple(part.name for part in PARTS if part.optional)
