"""Studies as tables: rows for pandas, and Parquet files beside the journal. pandas and pyarrow are imported on use.

study.to_pandas()                   one row for each evaluation of each arm, the identity first
study.to_pandas("inputs")           one row for each input
search(..., parquet=True)           both, as evaluations.parquet and inputs.parquet in the study's folder

`skiploop.studies.static.tables` has those of one chain for all inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from skiploop.errors import InvalidInput
from skiploop.storage.files import Line, write_atomically
from skiploop.studies.results import InputResult

# Of columns with these ends some values may be missing, which other dtypes of pandas don't have.
_NULLABLE = {"level": "Int64", "_evaluations": "Int64", "_right": "boolean"}


def evaluation_rows(inputs: Sequence[InputResult]) -> list[Line]:
    """The evaluations of each arm in order; `step` 0 is the identity. A success that didn't hold counts as wrong."""
    return [
        {
            **_names(result), "arm": name, "step": step, "chain": str(chain), "depth": len(chain), "reward": reward,
            "right": reward >= 1, "target": result.example["answer"] if arm.target is None else arm.target,
        }
        for result in inputs
        for name, arm in result.arms.items()
        for step, (chain, reward) in enumerate(arm.evaluations)
    ]  # fmt: skip


def input_rows(inputs: Sequence[InputResult]) -> list[Line]:
    """What was found for each input; arms that weren't run on it are missing there."""
    return [
        {
            **_names(result), "gold": result.example["answer"], "identity_answer": result.answer,
            "identity_right": result.base_right, "transition": result.transition(),
            "best_chain": str(result.search.best[0]), "best_depth": len(result.search.best[0]),
            **{f"{name}_right": arm.right for name, arm in result.arms.items()},
            **{f"{name}_evaluations": len(arm.evaluations) for name, arm in result.arms.items()},
        }
        for result in inputs
    ]  # fmt: skip


TABLES: dict[str, Callable[[Sequence[InputResult]], list[Line]]] = {
    "evaluations": evaluation_rows,
    "inputs": input_rows,
}
"""What there are tables of, by name."""


def named_frame(tables: Mapping[str, Callable[..., list[Line]]], rows: str, *source: Any) -> Any:
    """One of the tables of a study, made of `source`, as a `pandas.DataFrame`.

    Raises:
        InvalidInput: there is no such table, or pandas isn't installed.
    """
    if rows not in tables:
        raise InvalidInput(f"there is no table of {rows!r}; there are {', '.join(tables)}")
    return make_frame(tables[rows](*source))


def make_frame(rows: Iterable[Line]) -> Any:
    """Rows as a `pandas.DataFrame`."""
    require_data("pandas")
    import pandas as pd

    frame = pd.DataFrame(list(rows))
    return frame.astype({name: kind for ending, kind in _NULLABLE.items() for name in frame if name.endswith(ending)})


def write_parquet(folder: Path, tables: Mapping[str, Callable[..., list[Line]]], *source: Any) -> None:
    """Writes each of the tables as NAME.parquet, atomically."""
    require_data("pandas", "pyarrow")
    for name in tables:
        write_atomically(folder / f"{name}.parquet", named_frame(tables, name, *source).to_parquet(index=False))


def require_data(*packages: str) -> None:
    """InvalidInput where one of the extra's packages isn't installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise InvalidInput(f"tables need {' and '.join(missing)}: pip install 'skiploop[data]'")


def _names(result: InputResult) -> Line:
    return {"input": result.example["id"], "level": result.example["level"], "family": result.example["family"]}
