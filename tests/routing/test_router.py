"""A router as files, on a model, and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from skiploop import Chain, LayeredModel
from skiploop.cli.call import Tools
from skiploop.cli.main import app
from skiploop.errors import InvalidInput
from skiploop.routing.choosers.identity import OneMetric
from skiploop.routing.choosers.named import CHOOSERS, OPPONENTS
from skiploop.routing.choosers.votes import Vote
from skiploop.routing.collect import collect
from skiploop.routing.live import LiveRuns
from skiploop.routing.live_options import LiveOptions
from skiploop.routing.load import load
from skiploop.routing.passes import passes_for
from skiploop.routing.router import Router, load_router
from skiploop.routing.runs import TableRuns
from skiploop.routing.settings import RouteSettings, default_menu
from skiploop.routing.split import split
from skiploop.routing.table import Labelled
from skiploop.routing.work import Forms
from skiploop.tasks import Example, Task
from skiploop.testing.planted_routing import planted

PROMPTS = ["calc:153+1=", "calc:247+9=", "calc:12*31="]


@pytest.fixture(scope="module")
def nano() -> LayeredModel:
    return LayeredModel.from_pretrained("nano")


def routed(model: LayeredModel, rule: object, menu: list[Chain]) -> Router:
    passes = passes_for(menu, model.num_layers)[: 1 + len(menu)]
    return Router("test", rule, passes, model.fingerprint, model.name, "nano")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [*CHOOSERS, *OPPONENTS])
def test_a_saved_router_chooses_as_it_did(name: str, tmp_path: Path) -> None:
    parts = split(planted(120))
    rule = {**CHOOSERS, **OPPONENTS}[name](parts.train, parts.validation)
    Router(name, rule, parts.test.table.passes, "f00d", "planted", "planted").save(tmp_path)
    read = load_router(tmp_path)
    first, second = (each.choose(TableRuns(parts.test.table)) for each in (rule, read.rule))
    assert np.array_equal(first.answers, second.answers) and np.array_equal(first.chosen, second.chosen)
    assert read.passes == parts.test.table.passes


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no router"):
        load_router(tmp_path)
    Router("static", OneMetric(0), planted(20).table.passes, "f00d", "m", "t").save(tmp_path)
    about = json.loads((tmp_path / "router.json").read_text())
    about["rule"]["part"] = "Popen"
    (tmp_path / "router.json").write_text(json.dumps(about))
    with pytest.raises(InvalidInput, match="checksum"):
        load_router(tmp_path)


def test_a_rule_that_never_leaves_the_identity_is_the_model(nano: LayeredModel) -> None:
    route = routed(nano, OneMetric(0), default_menu(nano.num_layers, 1))
    assert nano.generate(PROMPTS, route=route, max_new_tokens=8) == nano.generate(PROMPTS, max_new_tokens=8)


def test_a_rule_that_chooses_a_chain_generates_under_it(nano: LayeredModel) -> None:
    chain = Chain(tuple(range(nano.num_layers - 1)), nano.num_layers)
    route = routed(nano, OneMetric(1), [chain])
    assert nano.generate(PROMPTS, route=route, max_new_tokens=8) == nano.generate(
        PROMPTS, chain=chain, max_new_tokens=8
    )


def test_a_model_is_tried_out_once_for_all_calls(nano: LayeredModel) -> None:
    route = routed(nano, OneMetric(0), default_menu(nano.num_layers, 1))
    nano.generate(PROMPTS, route=route, max_new_tokens=2)
    first = nano.kept_runner
    nano.generate(PROMPTS, route=route, max_new_tokens=2)
    assert first is nano.kept_runner is not None
    assert LayeredModel(nano.hf, nano.tokenizer).kept_runner is None


def test_a_vote_runs_each_pass_once_and_gives_the_elected_text(nano: LayeredModel) -> None:
    menu = default_menu(nano.num_layers, 2)
    passes = passes_for(menu, nano.num_layers)[:3]
    runs = LiveRuns(nano, passes, PROMPTS, 8, ())
    choice = Vote((0, 1, 2), "equal", 1.0).choose(runs)
    assert runs.layer_calls.tolist() == [sum(each.depth for each in passes)] * 3 and runs.ran.all()
    said = [nano.generate(PROMPTS, chain=each.chain, max_new_tokens=8) for each in passes]
    for row, text in enumerate(runs.texts(choice.answers)):
        votes = [column[row] for column in said]
        assert votes.count(text) == max(map(votes.count, votes))


CHOICE = Task(
    "options",
    tuple(
        Example(f"q{n}", f"calc:{n}+{n + 3}=", str(2 * n + 3), (str(2 * n + 3), str(2 * n + 13), "77"), 0)
        for n in range(20, 60)
    ),
    scoring="choice",
)


@pytest.fixture(scope="module")
def collected(nano: LayeredModel, tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    passes = passes_for(default_menu(nano.num_layers, 2), nano.num_layers)[:3]
    return load(collect(nano, Forms((CHOICE,)), passes, out=tmp_path_factory.mktemp("options") / "r")).data


@pytest.mark.parametrize("name", ["mix", "gain"])
def test_what_a_router_picks_on_a_model_is_what_it_picks_from_a_table(
    name: str, nano: LayeredModel, collected: Labelled
) -> None:
    """And it costs as much, although the model runs only what the rule asks for."""
    data, passes, parts = collected, collected.table.passes, split(collected)
    rule = {**CHOOSERS, **OPPONENTS}[name](parts.train, parts.validation)
    table, live = TableRuns(data.table), LiveOptions(nano, passes, CHOICE)
    wanted = rule.choose(table).answers.tolist()
    assert rule.choose(live).answers.tolist() == wanted
    if name == "mix":
        assert Router(name, rule, passes, nano.fingerprint, nano.name, "options").pick(nano, CHOICE) == wanted
    np.testing.assert_allclose(live.layer_calls, table.layer_calls)


def test_options_on_the_command_line(nano: LayeredModel, tmp_path: Path) -> None:
    routed(nano, OneMetric(0), default_menu(nano.num_layers, 1)).save(tmp_path)
    words = ["route", "apply", str(tmp_path), "calc:153+1=", "calc:247+9=", "--option", "154", "--option", "256"]
    tools = Tools(model=lambda name: nano, set_threads=lambda count: None)
    assert CliRunner().invoke(app, words, obj=tools).stdout.split() == ["154", "256"]
    told = json.loads(CliRunner().invoke(app, [*words, "--json"], obj=tools).stdout)
    assert [each["option"] for each in told["outputs"]] == ["154", "256"]
    refused = CliRunner().invoke(app, [*words, "--max-new-tokens", "3"], obj=tools)
    assert refused.exit_code == 2 and "no effect with --option" in refused.stderr
    route = load_router(tmp_path)
    with pytest.raises(InvalidInput, match="are generated"):
        route.pick(nano, Task("t", (Example("a", "calc:1+1=", "2"),)))


def test_another_model_and_a_chain_beside_a_route_are_refused(nano: LayeredModel) -> None:
    route = routed(nano, OneMetric(0), default_menu(nano.num_layers, 1))
    other = Router("test", OneMetric(0), route.passes, "f00d", "somebody", "nano")
    with pytest.raises(InvalidInput, match="another checkpoint"):
        nano.generate(PROMPTS, route=other)
    with pytest.raises(InvalidInput, match="leave chain"):
        nano.generate(PROMPTS, route=route, chain=nano.identity)


@pytest.mark.parametrize("layers", [1, 2, 5, 30])
def test_the_default_menu_is_of_chains_that_differ_from_the_identity(layers: int) -> None:
    menu = default_menu(layers)
    assert menu and Chain.identity(layers) not in menu and len(set(menu)) == len(menu)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InvalidInput, match="there are gain"):
        RouteSettings(chooser="nope")


def test_train_eval_and_apply_on_the_command_line(nano: LayeredModel, tmp_path: Path) -> None:
    def invoke(*words: str) -> str:
        found = CliRunner().invoke(app, words, obj=Tools(model=lambda name: nano, set_threads=lambda count: None))
        assert found.exit_code == 0, found.output
        return found.output

    out, menu = str(tmp_path / "route"), str(default_menu(nano.num_layers, 1)[0])
    first = invoke("route", "train", "--limit", "40", "--menu", menu, "--out", out)
    assert "oracle accuracy, which sees the answer" in first
    found = json.loads(
        invoke("route", "eval", out, "--folds", "1", "--chooser", "gain", "--chooser", "vote", "--plot", "--json")
    )
    assert {"identity", "gain", "gain on random", "vote"} <= set(found["figures"]["rules"])
    assert json.loads((tmp_path / "route" / "result.json").read_text())["figures"] == found["figures"]
    assert "<svg" in (tmp_path / "route" / "accuracy_and_cost.svg").read_text()
    texts = json.loads(invoke("generate", *PROMPTS, "--route", out, "--json"))["outputs"]
    assert invoke("route", "apply", out, *PROMPTS).splitlines() == [each["text"] for each in texts]


def test_a_folder_without_a_router_is_one_message(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["generate", "calc:1+1=", "--route", str(tmp_path)])
    assert found.exit_code == 2 and "holds no router" in found.output
