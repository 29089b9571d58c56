"""The command line, on a model without torch; what people and programs see of a study."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

import skiploop
from skiploop.cli.app import load_command
from skiploop.cli.call import Tools
from skiploop.cli.commands import COMMANDS
from skiploop.cli.main import app
from skiploop.cli.model import _told
from skiploop.cli.values import set_threads
from skiploop.studies.folder import read_run
from skiploop.studies.record import default_out, differing
from skiploop.testing.fakes import LAYERS, FakeModel, FakeRunner, fake_task

# A process of its own, which can be interrupted: with "wait" it works until it is.
SCRIPT = """
import signal, sys, time
from skiploop.cli.call import Tools
from skiploop.cli.call import Tools
from skiploop.cli.main import app
from skiploop.cli.values import set_threads
from skiploop.testing import fakes

class Announcing(fakes.FakeRunner):
    def run(self, requests):
        if len(self.calls) == 3 and waits:
            print("working", file=sys.stderr, flush=True)
            time.sleep(600)
        return super().run(requests)

signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests were started in the background
made = lambda spec, options: fakes.fake_task()
tools = Tools(lambda name: fakes.FakeModel(), Announcing(), made, lambda threads: None)
waits = sys.argv.pop(1) == "wait"
app(obj=tools)
"""
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join(filter(None, [*sys.path, str(Path(skiploop.__file__).parents[1])]))
}


def tools() -> Tools:
    return Tools(lambda name: FakeModel(), FakeRunner(), lambda spec, options: fake_task(), lambda threads: None)


def call(*words: object, obj: Tools | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], obj=obj)


def process(how: str, *words: object) -> list[str]:
    return [sys.executable, "-c", SCRIPT, how, *map(str, words)]


def test_help_answers_without_torch_and_without_the_commands() -> None:
    code = "import sys\nfrom skiploop.cli.main import app\ntry:\n    app(['--help'])\nexcept SystemExit as stop:\n"
    code += "    assert stop.code == 0\nassert not {'torch', 'transformers', 'numpy'} & set(sys.modules)\n"
    code += "assert not [name for name in sys.modules if name.startswith(('skiploop.tasks', 'skiploop.cli.search'))]\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=ENVIRONMENT, text=True)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


def test_the_list_of_commands_says_what_each_of_them_says() -> None:
    for name, (module, summary) in COMMANDS.items():
        known = load_command(name)
        assert f"skiploop.cli.{module}" in sys.modules
        assert known.params or known.commands, "it is the command itself, with its flags"
        assert (known.help or "").split("\n\n")[0] == summary, name
    registered = {each.callback.__name__ for each in app.registered_commands if each.callback is not None}
    assert registered | {each.name for each in app.registered_groups} == set(COMMANDS)


def test_version() -> None:
    assert call("--version").stdout == f"skiploop {skiploop.__version__}\n"


def test_search_prints_a_table_its_reading_and_where_the_study_is(tmp_path: Path) -> None:
    done = call("search", "--budget", 40, "--out", tmp_path / "s", obj=tools())
    assert done.exit_code == 0, done.output
    for text in (
        "oracle",
        "random",
        "corrected",
        "takes the gold answer",
        "random chains",
        "excess over the control",
        "re-run alone",
    ):
        assert text in done.stdout
    assert str(tmp_path / "s") in done.stdout.replace("\n", "")
    rows = [line.split() for line in done.stdout.splitlines() if line.split()[:1] in (["1"], ["5"], ["all"])]
    assert [row[:2] for row in rows] == [["1", "2"], ["5", "2"], ["all", "10"]]
    assert "chain" in done.stdout and f"identity {LAYERS})" in done.stdout


def test_json_is_one_object_on_stdout(tmp_path: Path) -> None:
    done = call("search", "--budget", 20, "--out", tmp_path / "s", "--json", "--set", "candidates=30", obj=tools())
    summary = json.loads(done.stdout)
    for key in (
        "inputs", "evaluations", "base_accuracy", "oracle_accuracy", "shorter_share", "corrected_share",
        "mean_base_depth", "mean_best_depth", "layer_calls", "seconds", "by_level", "peers", "control", "transitions",
        "right_chain_share", "verification", "out",
    ):  # fmt: skip
        assert key in summary
    assert set(summary["peers"]) == {"random", "nearby"} and summary["control"]["excess"]["n"] > 0
    assert summary["searcher"] == "gp" and summary["searcher_settings"]["candidates"] == 30 and done.stderr == ""
    again = call("show", tmp_path / "s", "--json")
    assert json.loads(again.stdout) == summary


def test_flags_reach_the_study(tmp_path: Path) -> None:
    flags = "--budget 9 --per-round 2 --searcher cola --space skip --seed 3 --limit 0 --max-block 2 --stop-early"
    flags += " --no-random-peer --no-nearby-peer --no-control --no-verify --length-penalty 0"
    flags += " --exploration 2 --engine plain"
    done = call("search", *flags.split(), "--out", tmp_path / "s", "--json", obj=tools())
    assert done.exit_code == 0, done.output
    settings = json.loads((tmp_path / "s" / "run.json").read_text())["settings"]
    search = {"searcher": "cola", "budget": 9, "per_round": 2, "seed": 3, "limit": None, "stop_early": True}
    assert {key: settings["search"][key] for key in search} == search
    space = {"name": "skip", "max_block": 2, "max_repeats": 4, "max_length": None, "damping": []}
    assert settings["space"] == space
    assert settings["controls"] == dict.fromkeys(("random_peer", "nearby_peer", "control", "verify"), False)
    assert settings["engine"]["engine"] == "plain"
    assert settings["search"]["searcher_settings"]["length_penalty"] == 0
    assert settings["search"]["searcher_settings"]["exploration"] == 2


@pytest.mark.parametrize("flags, budget", [([], 20), (["--static", "--train", 4, "--test", 4, "--no-references"], 100)])
def test_one_chain_for_all_inputs_has_the_larger_budget(flags: list[Any], budget: int, tmp_path: Path) -> None:
    done = call("search", *flags, "--searcher", "random", "--out", tmp_path / "s", "--json", obj=tools())
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "s" / "run.json").read_text())["settings"]["search"]["budget"] == budget


def test_show_gives_one_input_in_full(tmp_path: Path) -> None:
    call("search", "--budget", 20, "--out", tmp_path / "s", obj=tools())
    text = call("show", tmp_path / "s", "--input", "e2").stdout
    assert "L3 number 2=" in text and "for the wrong answer" in text and "depth" in text
    found: dict[str, Any] = json.loads(call("show", tmp_path / "s", "--input", "e2", "--json").stdout)
    assert len(found["arms"]["search"]["evaluations"]) == 20 and found["id"] == "e2"
    done = call("show", tmp_path / "s", "--input", "e99")
    assert done.exit_code == 2 and "'e99'" in done.stderr and "e0" in done.stderr


def test_every_request_has_the_policy_and_a_study_that_says_none_is_one_with_own(tmp_path: Path) -> None:
    runner = FakeRunner()
    words = ("search", "--budget", 4, "--searcher", "cola", "--out", tmp_path / "s", "--json")
    done = call(*words, "--cache-policy", "first", obj=tools()._replace(runner=runner))
    assert done.exit_code == 0, done.output
    assert {request.cache_policy for requests in runner.calls for request in requests} == {"first"}
    run = read_run(tmp_path / "s", "search")
    own = {**run, "settings": {**run["settings"], "engine": run["settings"]["engine"] | {"cache_policy": "own"}}}
    unsaid = {name: each for name, each in run["settings"]["engine"].items() if name != "cache_policy"}
    older = {**run, "settings": {**run["settings"], "engine": unsaid}}
    assert differing(older, own) == {} and default_out(older) == default_out(own)
    assert differing(older, run) == {"engine.cache_policy": (None, "first")}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--cache-policy", "middle"], "'middle'"),
        (["--cache-policy", "first", "--space", "skip"], "runs no layer more than once"),
        (["--budget", "0"], "budget=0"),
        (["--per-round", "0"], "per_round=0"),
        (["--gates"], "--gates is for --static"),
        (["--train", "128"], "--train is for --static"),
        (["--test", "9"], "--test is for --static"),
        (["--no-references"], "--no-references is for --static"),
        (["--static", "--limit", "5"], "--limit has no effect with --static"),
        (["--static", "--no-control"], "--no-control has no effect with --static"),
        (["--limit", "-3"], "limit=-3"),
        (["--searcher", "best"], "'best'"),
        (["--space", "all"], "'all'"),
        (["--set", "widening"], "'widening'"),
        (["--set", "wideness=2"], "wideness"),
        (["--searcher", "random", "--length-penalty", "0"], "length_penalty"),
        (["--levels", "1,x"], "'x'"),
        (["--families", " , "], "' , '"),
        (["--engine", "warp"], "'warp'"),
        (["--task", "nanoo"], "nanoo"),
        (["--threads", "0", "--task", "nano"], "--threads=0"),
    ],
)
def test_bad_input_is_one_message_and_exit_code_2(words: list[str], message: str, tmp_path: Path) -> None:
    fakes = tools()._replace(set_threads=set_threads)
    fakes = fakes._replace(make_task=Tools().make_task) if "nanoo" in words else fakes
    done = call("search", *words, "--out", tmp_path / "s", obj=fakes)
    assert done.exit_code == 2 and message in done.stderr and "Traceback" not in done.output
    assert done.stderr.startswith("Error: ") and not (tmp_path / "s").exists()
    asked = call("search", *words, "--out", tmp_path / "s", "--json", obj=fakes)
    assert message in json.loads(asked.stdout)["error"] and asked.exit_code == 2


def test_show_says_that_static_chains_have_no_single_inputs(tmp_path: Path) -> None:
    flags = ("--static", "--train", 4, "--test", 4, "--budget", 4, "--no-references")
    assert call("search", *flags, "--out", tmp_path / "s", obj=tools()).exit_code == 0
    assert json.loads(call("show", tmp_path / "s", "--json").stdout)["kind"] == "static"
    done = call("show", tmp_path / "s", "--input", "e2")
    assert done.exit_code == 2 and "--input is for a study with chains per input" in done.stderr


def test_show_refuses_what_is_no_study(tmp_path: Path) -> None:
    done = call("show", tmp_path)
    assert done.exit_code == 2 and str(tmp_path) in done.stderr


def test_ctrl_c_says_how_to_resume(tmp_path: Path) -> None:
    words = ["search", "--budget", "30", "--out", str(tmp_path / "my study")]
    with subprocess.Popen(
        process("wait", *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT, text=True
    ) as begun:
        assert begun.stderr is not None
        assert "working\n" in begun.stderr, "the study ended without a pause"  # reads line by line, up to that one
        begun.send_signal(signal.SIGINT)
        out, err = begun.communicate(timeout=300)
    assert begun.returncode == 130, err
    assert "Traceback" not in err and out == ""
    assert f"evaluations; what is done is kept in {tmp_path / 'my study'}" in err
    assert f"skiploop search --budget 30 --out '{tmp_path / 'my study'}'" in err
    shown = json.loads(call("show", tmp_path / "my study", "--json").stdout)
    assert shown["complete"] is False and shown["inputs"] == 10
    ended = subprocess.run(process("go on", *words, "--json"), capture_output=True, env=ENVIRONMENT, text=True)
    assert json.loads(ended.stdout)["complete"] is True


def test_check_says_what_it_looked_at() -> None:
    looked = json.loads(call("check", "nano", "--json").stdout)
    assert (looked["model_class"], looked["num_layers"], looked["dtype"]) == ("LlamaForCausalLM", 8, "float32")
    assert (looked["ends"], looked["end_ids"]) == (["<eos>"], [2])
    assert looked["chat_template"] is False and looked["not_obeyed"] == {}
    assert looked["batched"] == {"score": True, "packed": True, "generate": True}
    assert looked["tensors"] > 70 and looked["parameters"] > 10**6
    lines = call("check", "nano").stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["model", "weights", "texts", "chains", "batches"]


def test_what_check_tells_of_a_model_that_keeps_to_less() -> None:
    told = _told(
        {
            "model": "m", "model_class": "M", "num_layers": 30, "tensors": 3, "parameters": 5000, "complete": False,
            "dtype": "bfloat16", "device": "cpu", "attention": "eager", "ends": [], "end_ids": [],
            "chat_template": True, "not_obeyed": {"num_beams": 4}, "cached_generation": False,
            "chains": [" ".join(map(str, reversed(range(30)))), "0x3"],
            "batched": {"score": True, "packed": False, "generate": False},
        }
    )  # fmt: skip
    assert told["weights"] == (
        "3 tensors, 5,000 parameters, random where the checkpoint lacks them; bfloat16 on cpu, attention eager"
    )
    assert told["texts"] == "no end token is known: they end at their limit; a chat template"
    assert told["chains"] == "exact, without a cache only; tried 29 28 ... 1 0, 0x3"
    assert told["decoding"] == "greedy; the checkpoint asks for num_beams=4, which is not obeyed"
    assert told["batches"] == (
        "exact for single answers; one by one, as a batch isn't exact: options packed into one sequence, generation"
    )


def test_generate_uses_the_model() -> None:
    class Opened(FakeModel):
        def check(self) -> None:
            return None

        def generate(
            self, prompts: list[str], *, chain: object, max_new_tokens: int, stop: tuple[str, ...], cache_policy: str
        ) -> list[str]:
            return [f"{prompt}|{chain}|{max_new_tokens}|{cache_policy}" for prompt in prompts]

    fakes = tools()._replace(model=lambda name: Opened())
    done = call("generate", "--model", "x", "--chain", "0 1-2x2 4", "a", "b c", obj=fakes)
    assert done.stdout == "a|0 1-2x2 4|64|own\nb c|0 1-2x2 4|64|own\n"
    words = ("generate", "a", "--chain", "0 1-2x2 4", "--cache-policy", "prefill", "--json")
    answer = json.loads(call(*words, obj=fakes).stdout)
    assert answer["outputs"][0]["text"] == "a|0 1-2x2 4|64|prefill" and answer["cache_policy"] == "prefill"
    answer = json.loads(call("generate", "a", "--max-new-tokens", 3, "--json", obj=fakes).stdout)
    assert answer["chain"] == [0, 1, 2, 3, 4] and answer["outputs"] == [{"prompt": "a", "text": "a|0-4|3|own"}]
    for words in (
        ["--chain", "0-9"], ["--chain", ""], ["--max-new-tokens", 0], ["--cache-policy", "middle"],
        ["--cache-policy", "first"],
    ):  # fmt: skip
        failed = call("generate", "a", *words, obj=fakes)
        assert failed.exit_code == 2 and failed.stderr.startswith("Error: ")


def test_draw_prints_text_or_writes_an_svg(tmp_path: Path) -> None:
    from skiploop.chains.from_svg import read_svg

    done = call("draw", "0-1 3x2", "--layers", 5)
    assert done.exit_code == 0 and "\u00d72" in done.stdout and done.stdout.endswith("\n0-1 3x2, depth 4; identity 5\n")
    assert call("draw", "0-1 3x2", "--layers", 5, "--ascii").stdout.isascii()
    path = tmp_path / "c.svg"
    flags = ("--layers", 5, "-o", path, "--title", "One", "--cost", "1,1,2,1,1", "--unit", "ms", "--json")
    made = json.loads(call("draw", "0-1 3x2", *flags).stdout)
    assert made["chain"] == [0, 1, 3, 3] and made["out"] == str(path)
    assert made["edits"] == ["skip 2", "loop 3 x2", "skip 4"]
    text = path.read_text(encoding="utf-8")
    assert list(read_svg(text)) == made["chain"] and "cost 4 of 6 ms" in text and ">One<" in text
    again = call("draw", "0", "--layers", 5, "-o", path)
    assert again.exit_code == 2 and "--force" in again.stderr and path.read_text(encoding="utf-8") == text
    assert call("draw", "0", "--layers", 5, "-o", path, "--force").exit_code == 0
    assert list(read_svg(path.read_text(encoding="utf-8"))) == [0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["0-9", "--layers", 5], "9 is out of range"),
        (["0", "--layers", 0], "num_layers=0"),
        (["0", "--layers", 5, "--title", "x"], "-o chain.svg"),
        (["0", "--layers", 5, "--width", 5], "width=5"),
        (["0", "--layers", 5, "-o", "OUT", "--cost", "1,2"], "2 numbers for 5 layers"),
        (["0", "--layers", 5, "-o", "OUT", "--cost", "1,x"], "--cost '1,x'"),
        (["0", "--layers", 5, "-o", "OUT/none/c.svg"], "can't be written"),
    ],
)
def test_draw_refuses_bad_input(words: list[object], message: str, tmp_path: Path) -> None:
    done = call("draw", *[str(word).replace("OUT", str(tmp_path / "c.svg")) for word in words])
    assert done.exit_code == 2 and message in done.stderr and done.stderr.startswith("Error: ")
    assert not (tmp_path / "c.svg").exists()
