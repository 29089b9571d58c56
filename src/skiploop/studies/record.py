"""run.json: what a study is about, and whether two of them are about the same."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from skiploop._version import __version__
from skiploop.errors import InvalidInput
from skiploop.spaces.space import Space
from skiploop.studies.opening import StudyModel
from skiploop.tasks import Task

SCHEMA = 2
# Not what a study is about: how the model was asked for (what was resolved is compared), its name, and a description
# of the task, whose fingerprint has all that can change a verdict.
_IGNORED = {
    "settings.search": ("parquet",),
    "settings.engine": ("dtype", "device", "trust_remote_code", "allow_missing"),
    "model": ("name", "revision"),
    "task": ("description",),
}
_UNSAID = {
    "settings.engine.cache_policy": "own",
    "settings.static.policies": ["own"],
}  # what a study that doesn't say it was made with
_COMPARED = ("schema", "kind", "settings", "model", "task", "space", "engine")


def describe(
    model: StudyModel, pool: Task, space: Space, *, kind: str, settings: Mapping[str, Any], engine: str
) -> dict[str, Any]:
    """What goes into run.json.

    Args:
        model: opened.
        pool: the task, whole.
        space: of the model's chains.
        kind: of study: `search`, `static`, `full` or `ablation`.
        settings: by section, fit for JSON.
        engine: what evaluates.
    """
    about = {"task": task_record(pool), "space": space.settings}
    return run_record(model, about, kind=kind, settings=settings, engine=engine)


def run_record(
    model: StudyModel,
    about: Mapping[str, Any],
    *,
    kind: str,
    settings: Mapping[str, Any],
    engine: str,
    packages: tuple[str, ...] = (),
) -> dict[str, Any]:
    """What every run.json says; `about`: its `task`, and what else there is; `packages`: of further versions."""
    return {
        "schema": SCHEMA,
        "kind": kind,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "settings": dict(settings),
        "model": model_record(model),
        **about,
        "engine": engine,
        "versions": versions("torch", "transformers", *packages),
    }


def model_record(model: StudyModel) -> dict[str, Any]:
    """What run.json says of a model."""
    return {
        "name": model.name,
        "revision": model.revision,
        "fingerprint": model.fingerprint,
        "num_layers": model.num_layers,
        "dtype": str(model.dtype).removeprefix("torch."),
        "device": str(model.device),
        "attention": model.attn_implementation,
    }


def task_record(task: Task) -> dict[str, Any]:
    """What run.json says of a task."""
    return {
        "name": task.name,
        "fingerprint": task.fingerprint,
        "scoring": task.scoring,
        "max_new_tokens": task.max_new_tokens,
        "prompt_template": task.prompt_template,
        "metric": task.metric,
        "stop": list(task.stop),
        "chat": task.chat,
        "description": dict(task.description),
    }


def versions(*packages: str) -> dict[str, str | None]:
    """Of this package, of Python, and of others."""
    own = {"skiploop": __version__, "python": platform.python_version()}
    return own | {name: _version(name) for name in packages}


def check_same(path: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises InvalidInput, naming the fields that differ, unless both describe the same study."""
    different = differing(old, json.loads(json.dumps(new)))  # a tuple is a list in a file
    if different:
        named = ", ".join(f"{name} (there {there!r}, here {here!r})" for name, (there, here) in different.items())
        raise InvalidInput(
            f"--out {path} holds another study. Different: {named}. Choose another --out, or use its settings"
        )


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """What makes two run.json those of different studies, by name, as it is in the first and in the second."""
    one, two = _compared(first), _compared(second)
    different = [key for key in {**one, **two} if one.get(key) != two.get(key)]
    return {key.removeprefix("settings."): (one.get(key), two.get(key)) for key in different}


def default_out(run: Mapping[str, Any]) -> Path:
    """runs/<model>-<task>-<searcher or kind>-<8 hex digits of what makes the study>."""
    digest = hashlib.blake2b(json.dumps(_compared(run), sort_keys=True).encode(), digest_size=4).hexdigest()
    kind, _, file = run["task"]["name"].partition(":")
    names = [
        Path(run["model"]["name"]).name,
        Path(file).stem or kind,
        run["settings"].get("search", {}).get("searcher", run["kind"]),
    ]
    return Path("runs") / "-".join([*filter(None, map(_sanitised, names)), digest])


def _compared(run: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name in _COMPARED:
        value = run.get(name)
        sections = {name: value}
        if name == "settings" and isinstance(value, Mapping):
            sections = {f"settings.{section}": fields for section, fields in value.items()}
        for section, each in sections.items():
            if isinstance(each, Mapping):
                flat |= {f"{section}.{key}": each[key] for key in each if key not in _IGNORED.get(section, ())}
            else:
                flat[section] = each
    return {name: value for name, value in flat.items() if name not in _UNSAID or value != _UNSAID[name]}


def _sanitised(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", name).strip("-.")[:48]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
