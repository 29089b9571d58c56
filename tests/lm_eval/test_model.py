"""Tasks of lm-evaluation-harness on our engine: item by item what its own HFLM says of the same weights."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason='needs the extra: pip install "skiploop[eval]"')

pytest.importorskip("accelerate", reason="the harness's own model needs it")

from lm_eval.models.huggingface import HFLM

from skiploop.chains.chain import Chain
from skiploop.engine.open import open_runner
from skiploop.errors import InvalidInput
from skiploop.lm_eval.__main__ import main
from skiploop.lm_eval.generation import read_generation
from skiploop.lm_eval.harness import HarnessItem, run_harness
from skiploop.lm_eval.model import SkiploopLM, read_chain
from skiploop.models.layered import LayeredModel
from skiploop.models.loading import smollm2_folder
from skiploop.models.unroll import unroll
from tests.lm_eval.tasks import CHOICE, CONTINUATION, GENERATION, MUTUAL, ROLLING, write_task
from tests.smollm2 import needs_smollm2

# Third-party deprecations of the harness and of datasets aren't ours to raise.
pytestmark = pytest.mark.filterwarnings("default")

LOOPED = "0-3 2-5"


def rows(count: int) -> list[dict[str, Any]]:
    """Sums with four options of different lengths, and the sum as an answer."""
    found = []
    for i in range(count):
        texts = [f"{i + 2}", f"{i + 3} apples", f"the number {i}", f"{i} é"]
        choices = {"text": texts, "label": ["A", "B", "C", "D"]}
        found.append({"question": f"{i} + 2 = ?", "choices": choices, "answerKey": "ABCD"[i % 4], "answer": str(i + 2)})
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tasks")
    for name, settings in {
        "tiny_choice": CHOICE, "tiny_mutual": MUTUAL, "tiny_generation": GENERATION,
        "tiny_rolling": ROLLING, "tiny_continuation": CONTINUATION,
    }.items():  # fmt: skip
        write_task(place, name, settings, rows(16))
    return place


@pytest.fixture(scope="module")
def nano() -> LayeredModel:
    return LayeredModel.from_pretrained("nano", dtype="float32", device="cpu")


def ours(model: LayeredModel, chain: str | None = None) -> SkiploopLM:
    return SkiploopLM(model, read_chain(chain, model.num_layers), open_runner(model)[0])


def theirs(model: LayeredModel, chain: str | None = None) -> HFLM:
    """The harness's own model, of a copy that is rebuilt from the chain."""
    hf = model.hf if chain is None else unroll(model.hf, Chain.parse(chain, model.num_layers))
    return HFLM(pretrained=hf, tokenizer=model.tokenizer, batch_size=1)


def assert_same(found: tuple[HarnessItem, ...], wanted: tuple[HarnessItem, ...]) -> None:
    """The same responses and metrics of every item, log-likelihoods up to rounding."""
    assert [item.name for item in found] == [item.name for item in wanted]
    for a, b in zip(found, wanted, strict=True):
        assert_same_responses(a.responses, b.responses)
        assert a.metrics == pytest.approx(b.metrics, rel=1e-5, abs=1e-5)


def assert_same_responses(found: tuple[Any, ...], wanted: tuple[Any, ...]) -> None:
    for a, b in zip(found, wanted, strict=True):
        if isinstance(a, str):
            assert a == b
        elif isinstance(a, float):
            assert a == pytest.approx(b, rel=1e-5, abs=1e-4)
        else:
            assert a[0] == pytest.approx(b[0], rel=1e-5, abs=1e-4)
            assert a[1] == b[1]


@pytest.mark.parametrize("task", ["tiny_choice", "tiny_mutual", "tiny_generation", "tiny_rolling", "tiny_continuation"])
def test_every_output_type_agrees_with_hflm_under_a_chain(nano: LayeredModel, folder: Path, task: str) -> None:
    shots = 0 if task in ("tiny_rolling", "tiny_continuation") else 2
    found = run_harness(ours(nano, LOOPED), task, include_path=folder, limit=4, shots=shots)
    wanted = run_harness(theirs(nano, LOOPED), task, include_path=folder, limit=4, shots=shots)
    assert len(found.items) == 4
    assert_same(found.items, wanted.items)


def test_another_chain_gives_other_log_likelihoods(nano: LayeredModel, folder: Path) -> None:
    """Or the comparison above would say nothing of chains."""
    one, two = (run_harness(ours(nano, c), "tiny_choice", include_path=folder, limit=2) for c in (None, LOOPED))
    assert one.items[0].responses[0][0] != pytest.approx(two.items[0].responses[0][0], abs=1e-3)


def test_options_of_one_context_share_it(nano: LayeredModel) -> None:
    lm = ours(nano)
    pairs = [(None, [5, 6, 7], [8]), (None, [5, 6, 7], [9, 10]), (None, [6], [8])]
    lm._loglikelihood_tokens([(None, [15, 16], [8]), (None, [15, 16], [9, 10]), (None, [16], [8])])  # tries itself out
    before = lm.runner.layer_calls
    assert len(lm._loglikelihood_tokens(pairs)) == 3
    assert lm.runner.layer_calls - before == 2 * nano.num_layers


def test_what_is_longer_than_the_context_is_cut_from_the_left_as_hflm_does(nano: LayeredModel) -> None:
    lm, reference = ours(nano), theirs(nano)
    limit = lm.max_length
    assert limit == reference.max_length
    pair = (None, [5 + i % 40 for i in range(limit + 7)], [8, 9])
    assert_same_responses(tuple(lm._loglikelihood_tokens([pair])), tuple(reference._loglikelihood_tokens([pair])))
    with pytest.raises(InvalidInput, match="context"):
        lm._loglikelihood_tokens([(None, [5], [6] * (limit + 1))])


def test_settings_of_a_generation() -> None:
    how = read_generation({"until": ["\n"], "max_gen_toks": 7, "do_sample": False}, end="</s>", default_tokens=256)
    assert (how.max_new_tokens, how.stops, how.temperature) == (7, ("\n", "</s>"), 0.0)
    assert how.cut("a\nb") == "a"
    assert read_generation({"temperature": 0.7, "do_sample": True}, end="</s>", default_tokens=9).temperature == 0.7
    with pytest.raises(InvalidInput, match="num_beams=4"):
        read_generation({"num_beams": 4}, end="</s>", default_tokens=9)


def test_chains_in_model_args() -> None:
    assert read_chain(None, 6) == Chain.identity(6)
    assert read_chain([0, 1, 1], 6).layers == (0, 1, 1)
    assert read_chain(5, 6).layers == (5,)
    lm = SkiploopLM.create_from_arg_string(
        "pretrained=nano,chain='0-2,4-5',dtype=float32", {"device": "cpu", "batch_size": 1}
    )
    assert lm.chain.layers[:4] == (0, 1, 2, 4)


@pytest.mark.slow  # the harness reads thousands of task files
def test_the_harness_s_own_command_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    args = f"pretrained=nano,chain={LOOPED}"
    words = ["--model", "skiploop", "--model_args", args, "--tasks", "tiny_choice", "--include_path", str(folder)]
    monkeypatch.setattr(
        sys, "argv", ["lm-eval", *words, "--limit", "2", "--device", "cpu", "--output_path", str(tmp_path)]
    )
    main()
    assert LOOPED in capsys.readouterr().out
    found = json.loads(next(tmp_path.rglob("results*.json")).read_text())
    assert "acc,none" in found["results"]["tiny_choice"]


def test_a_missing_harness_names_the_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("skiploop.lm_eval.extra.find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "skiploop[eval]" in capsys.readouterr().err


@pytest.mark.slow  # the harness reads thousands of task files
def test_an_unknown_task_is_refused(nano: LayeredModel) -> None:
    with pytest.raises(InvalidInput, match="no task 'arc_hard'"):
        run_harness(ours(nano), "arc_hard")


def real_rows(name: str) -> list[Mapping[str, Any]]:
    """Rows of a benchmark from the folder $BENCHMARK_DATA; own ones of the same form where there is none."""
    if "BENCHMARK_DATA" not in os.environ:
        return list(rows(18))
    lines = (Path(os.environ["BENCHMARK_DATA"]) / name).read_text().splitlines()
    return [json.loads(line) for line in lines]


# In float64: on a CPU, HFLM's soft-max in float32 over 49,152 tokens loses 2e-5 nats a token, up to 1e-3 an option; see
# docs/lm_eval.md.
PRECISE = {"softmax_dtype": "float64"}


@needs_smollm2
@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "settings", "count"), [("arc_easy_test", CHOICE, 100), ("gsm8k_test", GENERATION, 20)]
)
@pytest.mark.parametrize("shots", [0, 5])
def test_smollm2_agrees_with_hflm(file: str, settings: Any, count: int, shots: int, tmp_path: Path) -> None:
    found_rows = real_rows(f"{file}.jsonl")[: count + 10]
    write_task(tmp_path, "real", settings, found_rows)
    given = {"pretrained": str(smollm2_folder()), "dtype": "float32", "device": "cpu"}
    models = (SkiploopLM.create_from_arg_obj(given), HFLM(**given, batch_size=1, **PRECISE))
    found, wanted = (run_harness(lm, "real", include_path=tmp_path, shots=shots) for lm in models)
    assert len(found.items) == len(found_rows) - 10
    assert_same(found.items, wanted.items)
