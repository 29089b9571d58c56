"""A study of static chains as tables: a row for each evaluation, or for each chain that was chosen.

study.to_pandas()                          as `skiploop.studies.tables` has them for chains of each input
study.to_pandas("chains")
search_static(..., parquet=True)           both, as evaluations.parquet and chains.parquet in the study's folder
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from skiploop.chains.chain import Chain
from skiploop.stats.measured import Measured
from skiploop.storage.files import Line
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.evaluations import line_key
from skiploop.studies.folder import read_inputs
from skiploop.studies.static.figures import ChosenChain, StaticFigures

_JOURNALS = ("journal", "curve", "swapped")


def evaluation_rows(out: Path, figures: StaticFigures) -> list[Line]:
    """The evaluations of all journals; `alone`: run again by itself, which is what counts for a chosen chain."""
    # Another task that the search was made on, too, may have inputs of the same names.
    asked = {
        (line["split"] == "swapped", line["id"]): {"input": line["id"], "level": line["level"], "split": line["split"]}
        for line in read_inputs(out)
    }
    rows = []
    for name in _JOURNALS:
        for line in JsonlJournal(out / f"{name}.jsonl").lines():
            _, layers, policy = line_key(line)
            chain = Chain(layers, figures.num_layers)
            rows.append(
                {
                    **asked[name == "swapped", line["input"]], "chain": str(chain),
                    "policy": policy, "depth": len(chain),
                    "alone": line["alone"], "reward": line["reward"], "right": line["reward"] >= 1,
                }
            )  # fmt: skip
    return rows


def chain_rows(out: Path, figures: StaticFigures) -> list[Line]:
    """The chains that were chosen, with their accuracy on the test inputs and its difference to the identity's."""
    equal = {} if figures.equality is None else figures.equality.chains
    return [
        _chain_row(name, chosen) | ({"equal_within_margin": equal[name].outcome} if name in equal else {})
        for name, chosen in figures.chosen.items()
    ]


def _chain_row(name: str, chosen: ChosenChain) -> Line:
    gap = chosen.minus_identity
    return {
        "chosen_by": name, "chain": chosen.notation, "policy": chosen.policy, "depth": chosen.depth,
        "train": chosen.train,
        **_interval("test", chosen.test),
        **({} if gap is None else {**_interval("minus_identity", gap.difference), "mcnemar_p": gap.mcnemar_p}),
    }  # fmt: skip


def _interval(name: str, value: Measured) -> Line:
    low, high = value.interval or (None, None)
    return {name: value.value, f"{name}_low": low, f"{name}_high": high}


TABLES: dict[str, Callable[[Path, StaticFigures], list[Line]]] = {"evaluations": evaluation_rows, "chains": chain_rows}
"""What there are tables of, by name."""
