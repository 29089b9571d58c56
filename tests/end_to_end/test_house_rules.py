"""Rules of the code that no linter checks: sizes of functions, where files lie, maps of packages, public names.

The list of exceptions only shrinks: an entry that isn't needed any more fails the test.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import skiploop

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "skiploop"
MODULES = {path.relative_to(SOURCE).with_suffix("").as_posix(): path for path in sorted(SOURCE.rglob("*.py"))}
LONGEST, MOST, MOST_FLAGS = 60, 6, 8

# Modules without a test file of their own name, by the file that tests them.
TESTED_BY = {
    "analysis/test_runs": (
        "analysis/ablation",
        "analysis/robustness",
        "analysis/subject",
        "analysis/figures/ablation",
        "analysis/figures/analyses",
        "analysis/settings",
    ),
    "analysis/test_difficulty": ("analysis/figures/difficulty",),
    "analysis/test_edits": ("analysis/figures/edits", "analysis/figures/robustness"),
    "analysis/test_lens": ("analysis/figures/lens",),
    "analysis/test_similarity": ("analysis/figures/similarity", "analysis/phases"),
    "analysis/test_usage_depths_hits": ("analysis/depths", "analysis/hits", "analysis/usage"),
    "chains/drawing/test_svg": (
        *("chains/drawing/drawable", "chains/drawing/geometry", "chains/drawing/metadata", "chains/drawing/style"),
        "chains/from_svg",
    ),
    "chains/drawing/test_text": ("chains/drawing/arrangement", "chains/drawing/listing"),
    "chains/test_chain": ("chains/edits", "chains/notation", "errors"),
    "cli/test_main": (
        *(
            "cli/ablate",
            "cli/analyze",
            "cli/app",
            "cli/call",
            "cli/commands",
            "cli/draw",
            "cli/flags",
            "cli/model",
            "cli/progress",
        ),
        *(
            "cli/evaluate",
            "cli/search",
            "cli/show",
            "cli/study",
            "cli/values",
            "engine/open",
            "settings/flag",
            "tasks/options",
        ),
    ),
    "conformance/test_chains": ("models/check", "models/recorded_calls", "models/slots", "models/unroll"),
    "conformance/test_damped": ("models/damping",),
    "conformance/test_exits": ("models/exits",),
    "conformance/test_engine": (
        "models/out_of_memory",
        "engine/decode_calls",
        "engine/decode_steps",
        "engine/engine",
        "engine/prefix",
        "engine/selftest",
    ),
    "distributed/test_spread": (
        *("distributed/chunks", "distributed/dispatch", "distributed/extra", "distributed/mirror"),
        *("distributed/settings", "distributed/worker", "studies/merge"),
        *("studies/prepared", "studies/search_job", "studies/search_steps", "studies/shards", "studies/spread"),
    ),
    "distributed/test_jobs": ("routing/work", "studies/evaluate/work"),
    "distributed/test_ray": ("distributed/ray_crew",),
    "engine/test_sharing": ("engine/cost", "engine/preamble", "engine/score_batch"),
    "conformance/test_fixed_step": ("engine/captured_step",),
    "engine/test_batch_axis": ("engine/decode_batch",),
    "engine/test_decoding": ("engine/plain", "engine/sampling"),
    "engine/test_matched_verdicts": (
        "engine/packing",
        "engine/request",
        "engine/scoring",
        "engine/sequences",
        "engine/targets",
    ),
    "routing/test_choosers": (
        *("routing/chooser", "routing/features", "routing/regression", "routing/choosers/cascade"),
        *("routing/choosers/gain", "routing/choosers/identity", "routing/choosers/menu", "routing/choosers/mix"),
        *(
            "routing/choosers/named",
            "routing/choosers/preference",
            "routing/choosers/topk",
            "routing/choosers/values",
            "routing/choosers/votes",
            "testing/planted_routing",
            "testing/router_contract",
        ),
    ),
    "routing/test_evaluate": ("routing/figures", "routing/passes", "routing/runs", "routing/split", "routing/table"),
    "routing/test_collect": ("routing/load",),
    "routing/test_controller": ("routing/choosers/controller", "testing/modules"),
    "routing/test_networks": ("routing/choosers/networks",),
    "routing/test_router": (
        *(
            "cli/route",
            "reporting/route_plot",
            "reporting/terminal/route",
            "routing/live",
            "routing/live_options",
            "routing/settings",
        ),
    ),
    "full_study/test_parts": (
        *(
            "full_study/context",
            "full_study/later_parts",
            "full_study/run",
            "full_study/settings",
            "folders/full",
        ),
        "reporting/terminal/study",
    ),
    "lm_eval/test_model": ("lm_eval/extra", "lm_eval/generation", "lm_eval/harness"),
    "models/test_layered": ("models/replay",),
    "models/test_loading": ("models/files",),
    "reporting/test_analyses": (
        *("reporting/sections/ablation", "reporting/sections/analyses", "reporting/sections/layers"),
        *("reporting/sections/states", "reporting/sentences/ablation", "reporting/sentences/analyses"),
    ),
    "reporting/test_numbers": (
        *("reporting/build", "reporting/page/tree", "reporting/parts", "reporting/run_folder"),
        *("reporting/sections/comparison", "reporting/sections/controls", "reporting/sections/headline"),
        *("reporting/sections/order", "reporting/sections/peers", "reporting/sections/search"),
        *("reporting/sections/static", "reporting/sentences/controls", "reporting/sentences/search"),
        *("reporting/sentences/reading", "reporting/sentences/static"),
    ),
    "reporting/test_terminal": (
        *(
            "stats/numbers",
            "reporting/names",
            "reporting/terminal/console",
            "reporting/terminal/inputs",
            "reporting/terminal/search",
        ),
        *("reporting/terminal/ablation", "reporting/terminal/static"),
    ),
    "reporting/test_page": (
        *("reporting/canvas", "reporting/charts", "reporting/page/explorer", "reporting/page/glossary"),
        *("reporting/page/page", "reporting/page/paths", "reporting/page/settings", "reporting/sections/answer"),
        "reporting/sections/arms",
    ),
    "searchers/samplers/test_gflownet": ("searchers/samplers/flows",),
    "searchers/surrogates/test_gp": ("searchers/surrogates/codes", "searchers/surrogates/posterior"),
    "searchers/test_registry": ("searchers/base", "searchers/protocol", "testing/searcher_contract"),
    "searchers/trees/test_cola": ("searchers/trees/tree",),
    "spaces/test_language": ("spaces/decisions",),
    "spaces/test_space": ("spaces/blocks", "spaces/named"),
    "storage/test_records": ("storage/files",),
    "studies/controls/test_rotation": ("studies/controls/rotation_figures",),
    "studies/controls/test_sampling": (
        *("studies/controls/sampling_figures", "studies/controls/settings", "studies/controls/voting"),
    ),
    "studies/static/test_difference": ("studies/static/figures",),
    "studies/static/test_study": (
        *("studies/execution", "studies/static/race", "studies/static/references", "studies/static/settings"),
        *("studies/static/calibration", "studies/static/split"),
    ),
    "studies/evaluate/test_study": (
        "engine/under_policy",
        "studies/cache_policy",
        *("reporting/terminal/evaluate", "studies/evaluate/figures", "studies/evaluate/items"),
        "studies/evaluate/settings",
    ),
    "export/test_flat": ("export/config", "export/plan", "export/verify"),
    "export/test_tied": ("export/modeling_layer_chain",),
    "export/test_run": (
        *("cli/export", "export/card", "export/checkpoint", "export/figures", "export/settings", "export/tensors"),
    ),
    "folders/test_compare": ("cli/compare", "reporting/terminal/compare", "studies/outcomes"),
    "studies/test_control_target": ("studies/arms", "studies/evaluation"),
    "studies/test_folder": ("storage/journal", "studies/lines", "studies/opening", "studies/record"),
    "studies/test_html": ("studies/evaluate/html", "studies/static/html"),
    "studies/test_search": (
        *("studies/clock", "studies/figures", "studies/format_failures", "studies/progress", "studies/results"),
        *("studies/rounds", "studies/settings", "tasks/subset", "testing/fakes"),
    ),
    "tasks/answers/test_text": ("tasks/answers/latex", "tasks/answers/numeric"),
    "tasks/answers/test_forms": (
        *("tasks/answers/digits", "tasks/answers/letters", "tasks/answers/marks", "tasks/answers/number_words"),
        *("tasks/answers/prose", "tasks/answers/reasoning", "tasks/answers/units"),
    ),
    "tasks/answers/test_math": ("tasks/answers/sandbox", "tasks/answers/sandbox_child"),
    "tasks/test_shots": ("tasks/dialogue",),
    "studies/test_prompt_example": ("cli/prompt",),
    "tasks/sources/test_formats": ("tasks/sources/dart", "tasks/sources/hub", "tasks/sources/readers"),
    "tasks/test_make": ("tasks/sample", "tasks/settle", "tasks/sources/named", "tasks/sources/rows"),
    "tasks/test_task": (
        *("tasks/example", "tasks/prompts", "tasks/rotation", "tasks/scorers/choice", "tasks/scorers/exact"),
        *("tasks/scorers/letter", "tasks/scorers/math", "tasks/scorers/named", "tasks/scorers/numeric"),
        *("tasks/scorers/protocol", "tasks/scorers/verbatim"),
    ),
    "testing/chainbench/test_chainbench": (
        *("testing/chainbench/cached", "testing/chainbench/modules", "testing/chainbench/planted"),
        *("testing/chainbench/pointer", "testing/chainbench/table"),
    ),
}
LOOSE = {"__init__", "__main__", "_version", "errors", "validate"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, prefix: str = "") -> Iterator[tuple[str, Function]]:
    """All functions below a node with their dotted names."""
    for node in ast.iter_child_nodes(tree):
        name = f"{prefix}{getattr(node, 'name', '')}"
        if isinstance(node, Function):
            yield name, node
        yield from functions(node, f"{name}." if isinstance(node, Function | ast.ClassDef) else prefix)


def parameters(function: Function) -> int:
    """How many parameters a function has, without `self` and `cls`."""
    names = function.args
    every = [*names.posonlyargs, *names.args, *names.kwonlyargs, *filter(None, (names.vararg, names.kwarg))]
    return len([name for name in every if name.arg not in ("self", "cls")])


def is_command(module: str, function: Function) -> bool:
    decorators = {ast.unparse(each).partition("(")[0] for each in function.decorator_list}
    return module.startswith("cli/") and not decorators.isdisjoint(("command", "command_of"))


def too_large(module: str, source: str) -> Iterator[tuple[str, str]]:
    """The functions of a module that break the rules."""
    for name, function in functions(ast.parse(source)):
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > LONGEST or parameters(function) > (MOST_FLAGS if is_command(module, function) else MOST):
            yield module, name


def test_functions_are_short_and_take_few_parameters() -> None:
    large = [each for module, path in MODULES.items() for each in too_large(module, path.read_text(encoding="utf-8"))]
    assert large == [], "shorten these, or give them fewer parameters"


def test_what_is_too_large_is_noticed() -> None:
    many = "self, a, b, *c, d, **e"
    source = f"class A:\n def b({many}):\n  {'pass;' * 3}\n\n  def c({many}, f, g):\n" + "   pass\n" * 60
    assert [*too_large("chains/x", source.replace("**e, f, g", "e, f, g"))] == [
        ("chains/x", "A.b"),
        ("chains/x", "A.b.c"),
    ]
    command = "@command\ndef run(a, b, c, d, e, f, g, h): pass"
    assert [*too_large("chains/x", command)] == [("chains/x", "run")]
    assert [*too_large("cli/x", command)] == []
    assert [*too_large("cli/x", command.replace("h)", "h, i)"))] == [("cli/x", "run")]


def repeated_classes(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """The classes that have a namesake, with the modules of each; by module's source."""
    homes = defaultdict[str, list[str]](list)
    for module, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(module)
    return {name: modules for name, modules in homes.items() if len(modules) > 1}


def test_no_two_classes_share_a_name() -> None:
    assert repeated_classes({"a": "class X: pass", "b": "def f():\n class X: pass"}) == {"X": ["a", "b"]}
    assert repeated_classes({module: path.read_text(encoding="utf-8") for module, path in MODULES.items()}) == {}


def test_no_module_lies_loose() -> None:
    assert {name for name in MODULES if "/" not in name} == LOOSE


def names_in_map(package: Path) -> set[str]:
    """What the docstring of a package lists: lines of a name, two blanks or more, and what it is."""
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""
    return {match[1] for match in re.finditer(r"^ *(\w+/?) {2,}\S", text, re.MULTILINE)}


def members(package: Path) -> set[str]:
    """The modules of a package, and its packages with a slash."""
    modules = {path.stem for path in package.glob("*.py") if not path.stem.startswith("_")}
    return modules | {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}


PACKAGES = [path.parent for path in sorted(SOURCE.rglob("__init__.py"))]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.relative_to(SOURCE.parent).as_posix())
def test_a_package_lists_its_modules(package: Path) -> None:
    assert names_in_map(package) == members(package)


def test_every_module_has_a_test_file_of_its_name_or_is_said_where_it_is_tested() -> None:
    wanted = {name for name in MODULES if not name.rpartition("/")[2].startswith("_")}
    own = {name for name in wanted if (ROOT / "tests" / Path(name).parent / f"test_{Path(name).name}.py").exists()}
    elsewhere = [module for modules in TESTED_BY.values() for module in modules]
    assert len(elsewhere) == len(set(elsewhere)), "a module is in TESTED_BY twice"
    assert not [file for file in TESTED_BY if not (ROOT / "tests" / f"{file}.py").exists()], "no such test files"
    assert not wanted - own - set(elsewhere), "no test file of that name: write one, or add the module to TESTED_BY"
    assert not set(elsewhere) - wanted, "no such modules"
    assert not set(elsewhere) & own, "these have a test file of their own now: take them off TESTED_BY"


def test_public_names_are_the_same_for_python_and_for_type_checkers() -> None:
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)]

    def imported(nodes: list[ast.stmt]) -> set[tuple[str, str]]:
        froms = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        pairs = {(node.module or "", name) for node in froms for name in node.names if name.asname == name.name}
        return {(module.removeprefix("skiploop."), name.name) for module, name in pairs}

    lazy = {(module, name) for module, names in skiploop._LAZY.items() for name in names}
    assert imported(block.body) == lazy
    assert {name for _, name in imported(tree.body)} == set(skiploop._EAGER)
    assert set(skiploop.__all__) == {name for _, name in lazy} | set(skiploop._EAGER)
    assert len(skiploop.__all__) == len(set(skiploop.__all__))
    for name in skiploop.__all__:
        assert getattr(skiploop, name) is not None
        assert name in dir(skiploop)


def test_importing_skiploop_imports_neither_torch_nor_numpy() -> None:
    code = "import sys, skiploop; assert not {'torch', 'numpy', 'typer'} & sys.modules.keys(); skiploop.Space"
    subprocess.run([sys.executable, "-c", code], check=True)
