"""What it saves that the tokens which all prompts begin with are computed once for all of them: few-shot examples.

    python benchmarks/common_prefix.py
    SMOLLM2=folder python benchmarks/common_prefix.py --modes choice forced generate --pairs 3 --cpu-clock

Prompts are those of a few-shot multiple-choice task with made-up rows: the examples are the same in all of them, the
question differs. Each input has chains of its own, as a search draws them, the identity first, and asks for them in
rounds, all inputs together, from one engine, as a study does. The same is run with and without sharing, in turn, by new
engines; the trials with which an engine finds out what is exact on the model come before and aren't counted. The model
is the one in the folder that the environment variable SMOLLM2 names, or one of random weights, and then the
prompts are random tokens in the same numbers.

Layer calls count part of a sequence by its share of the tokens; token calls are one layer on one token, padding
included.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, LlamaConfig

from meter import clock, use_cpu_clock
from skiploop import Chain, Engine, LayeredModel
from skiploop.engine.common_tokens import common_length
from skiploop.engine.decode_batch import DecodeRow
from skiploop.engine.packing import lay_out
from workload import draw_chains

Pair = tuple[int, Chain]  # input and chain
Answers = dict[Pair, torch.Tensor]  # log-likelihoods of the targets, or the tokens that were generated

_THINGS = (
    "copper",
    "granite",
    "seawater",
    "oxygen",
    "sunlight",
    "glass",
    "wood",
    "steam",
    "clay",
    "iron",
    "sand",
    "ice",
    "wool",
    "rubber",
    "salt",
    "coal",
)
_VERBS = ("conducts", "absorbs", "reflects", "stores", "carries", "filters", "releases", "attracts")
_WHAT = ("heat", "light", "sound", "moisture", "electricity", "energy", "pressure", "minerals")


@dataclass(frozen=True, slots=True)
class Work:
    """The model, and for each input its prompt, options and chains."""

    model: LayeredModel
    preamble: int  # tokens that all prompts begin with
    prompts: list[list[int]]
    options: list[list[list[int]]]
    chains: list[list[Chain]]  # for each input, the identity first

    def rounds(self, size: int) -> list[list[Pair]]:
        """What is asked for together: `size` chains of every input."""
        count = len(self.chains[0])
        return [
            [(i, chain) for i, chains in enumerate(self.chains) for chain in chains[start : start + size]]
            for start in range(0, count, size)
        ]


def question(seed: int) -> tuple[str, list[str]]:
    """A made-up question of the form of ARC, and its options."""
    a, b = _THINGS[seed % 16], _THINGS[(7 * seed + 3) % 16]
    verb, what = _VERBS[seed % 8], _WHAT[(3 * seed + seed // 8) % 8]
    text = (
        f"Question: A student places {a} next to {b} in a closed box and measures it every {seed % 9 + 2} minutes. "
        f"Which of these best explains why the {a} {verb} more {what} than the {b} does?\nAnswer:"
    )
    return text, [f" The {thing} {verb} {what}." for thing in (a, b, *_THINGS[seed % 5 : seed % 5 + 2])]


def small_model(layers: int, dtype: str) -> LayeredModel:
    """Random weights, of nano's width: what is counted depends on the number of layers only."""
    config = LlamaConfig(
        vocab_size=49152,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=2048,
    )
    torch.manual_seed(0)
    return LayeredModel(AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype)).eval(), name="random")


def make_work(args: argparse.Namespace) -> Work:
    """The same for the same arguments."""
    folder = os.environ.get("SMOLLM2")
    shots = "".join(f"{text}{options[0]}\n\n" for text, options in map(question, range(args.shots)))
    asked = [question(1000 + i) for i in range(args.inputs)]
    if folder:
        model = LayeredModel.from_pretrained(folder, dtype=args.dtype)
        prompts = [model.encode(shots + text) for text, _ in asked]
        options = [[model.encode(option) for option in choices] for _, choices in asked]
    else:
        model = small_model(args.layers, args.dtype)
        generator = torch.Generator().manual_seed(0)

        def draw(text: str) -> list[int]:
            tokens: list[int] = torch.randint(8, 49152, (round(len(text) / 4.5),), generator=generator).tolist()
            return tokens

        common = draw(shots)
        prompts = [common + draw(text) for text, _ in asked]
        options = [[draw(option) for option in choices] for _, choices in asked]
    common_tokens = min(common_length(tuple(prompts[0]), tuple(prompt)) for prompt in prompts)
    seeds = [0 if args.same_chains else i for i in range(args.inputs)]
    chains = [draw_chains(model.num_layers, args.chains, seed=seed) for seed in seeds]
    return Work(model, common_tokens, prompts, options, chains)


def score(engine: Engine, work: Work, pairs: list[Pair], mode: str, new_tokens: int) -> Answers:
    """`choice`: the four options; `forced`: the first of them, token by token; `generate`: so many new tokens."""
    if mode == "generate":
        rows = {(i, chain): DecodeRow(tuple(work.prompts[i]), chain.layers, new_tokens) for i, chain in pairs}
        find = partial(engine._sharing.of_rows, max_batch_tokens=engine.max_batch_tokens, passes=engine._exact)
        decoder = engine._decoder(ends=(), preambles=find)
        decoder.run_rows(list(rows.values()))
        engine._cost.include(decoder.cost)
        return {pair: torch.tensor(row.emitted) for pair, row in rows.items()}
    layouts = [lay_out(prompt, options if mode == "choice" else options[:1])
               for prompt, options in zip(work.prompts, work.options, strict=True)]  # fmt: skip
    scored = engine.score_layouts([(layouts[i], chain.layers) for i, chain in pairs])
    return {(i, chain): torch.tensor(scored[layouts[i], chain.layers][1]) for i, chain in pairs}


def try_out(model: LayeredModel) -> dict[str, bool]:
    """Which kinds of work have a batched path on the model, as every engine would find out."""
    kinds = ("score", "packed", "generate", "shared", "shared packed", "shared generate")
    engine = Engine(model)
    return {kind: engine._exact(kind) for kind in kinds}


def run(
    work: Work, mode: str, args: argparse.Namespace, *, shared: bool, trials: dict[str, bool]
) -> tuple[dict[str, float], Answers]:
    """All rounds by a new engine: what they took, and what came out."""
    engine = Engine(work.model, cache_bytes=args.cache_mib * 2**20)
    engine._sharing.on = shared
    engine._batched = trials
    calls, tokens, begun = engine.layer_calls, engine.layer_tokens, clock(work.model.device)
    answers: Answers = {}
    for pairs in work.rounds(args.round):
        answers |= score(engine, work, pairs, mode, args.new_tokens)
    taken = {"layer_calls": engine.layer_calls - calls, "token_calls": engine.layer_tokens - tokens}
    return taken | {"seconds": clock(work.model.device) - begun}, answers


def measure(work: Work, mode: str, args: argparse.Namespace, trials: dict[str, bool]) -> dict[str, Any]:
    """Without and with sharing in turn, `--pairs` times: the least of the seconds, and each turn's ratio."""
    turns = []
    for _ in range(args.pairs):
        (before, alone), (after, together) = (
            run(work, mode, args, shared=shared, trials=trials) for shared in (False, True)
        )
        turns.append((before["seconds"], after["seconds"]))
    compare: Callable[[Pair], float] = lambda pair: float((alone[pair] - together[pair]).abs().max())  # noqa: E731
    return {
        "mode": mode,
        "without": before | {"seconds": min(first for first, _ in turns)},
        "with": after | {"seconds": min(second for _, second in turns)},
        "ratios": [first / second for first, second in turns],
        "largest_difference": max(map(compare, alone)),
    }


def show(work: Work, rows: list[dict[str, Any]]) -> None:
    """A table for people."""
    lengths = [len(prompt) for prompt in work.prompts]
    title = f"{len(lengths)} prompts of {min(lengths)} to {max(lengths)} tokens, {work.preamble} in common"
    table = Table("mode", "layer calls", "token calls", "fewer", "seconds", "ratio (median)", "difference", title=title)
    for row in rows:
        before, after = row["without"], row["with"]
        table.add_row(
            row["mode"],
            *(f"{before[name]:,} -> {after[name]:,}" for name in ("layer_calls", "token_calls")),
            f"{before['token_calls'] / after['token_calls']:.2f}",
            f"{before['seconds']:.1f} -> {after['seconds']:.1f}",
            f"{statistics.median(row['ratios']):.2f}",
            f"{row['largest_difference']:.1e}",
        )
    Console(width=130).print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--modes", nargs="+", choices=("choice", "forced", "generate"), default=["choice", "forced"])
    parser.add_argument("--shots", type=int, default=5)
    parser.add_argument("--inputs", type=int, default=8)
    parser.add_argument("--chains", type=int, default=8, help="distinct chains of each input, the identity among them")
    parser.add_argument("--same-chains", action="store_true", help="the chains of the first input for all of them")
    parser.add_argument("--round", type=int, default=4, help="chains of each input that are asked for together")
    parser.add_argument("--new-tokens", type=int, default=4)
    parser.add_argument("--layers", type=int, default=30, help="of the model of random weights")
    parser.add_argument("--pairs", type=int, default=2, help="runs without and with sharing, in turn")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--cache-mib", type=int, default=512)
    parser.add_argument("--cpu-clock", action="store_true", help="CPU seconds: on a machine that has other work")
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    args = parser.parse_args()
    if args.cpu_clock:
        use_cpu_clock()
    with torch.inference_mode():
        work = make_work(args)
        trials = try_out(work.model)
        rows = [measure(work, mode, args, trials) for mode in args.modes]
    if args.json:
        print(json.dumps(vars(args) | {"preamble": work.preamble, "rows": rows}))
    else:
        show(work, rows)


if __name__ == "__main__":
    main()
