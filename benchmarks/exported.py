"""How fast is an exported chain? Flat, tied, `run_chain` and the base model, the prompt and decoding, batch 1 and 8.

    python benchmarks/exported.py --model smollm2 --chain "0-9 12-15x2 16-29"
    python benchmarks/exported.py --prompt 64 --new 16 --json

All four are in memory at once and take turns, so that what else the machine does meets each of them; of `--repeats`
turns the shortest counts. `prompt` is one forward over the prompts that fills a cache and gives the last logits;
`decoding` is a cached greedy `generate` of plain transformers, less its prompt. Prompts are random tokens without
padding. Ratios are to the base model in the same run, `per call` divides them by the ratio of layer calls.

Expected before it was measured: per layer call all four alike in the prompt; in decoding at batch 1 `run_chain` a few
per cent slower than the exports, whose layers nothing stands in front of; flat and tied alike, or tied a little faster
where repeated weights are still in a cache of the CPU.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, GenerationConfig, PreTrainedModel
from transformers import logging as transformers_logging

from meter import clock, use_cpu_clock
from skiploop import Chain, LayeredModel, run_chain
from skiploop.export.run import export_chain
from skiploop.export.settings import ExportSettings
from skiploop.models.ends import own_settings_aside

SUBJECTS = ("base", "run_chain", "flat", "tied")


def subjects(base: LayeredModel, chain: Chain, args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """By name: the model, and what is open around each of its calls."""
    found: dict[str, tuple[PreTrainedModel, Callable[[], Any]]] = {
        "base": (base.hf, nullcontext),
        "run_chain": (base.hf, lambda: run_chain(base.hf, chain)),
    }
    for form in ("flat", "tied"):
        export_chain(
            args.model, chain, folder / form, settings=ExportSettings(form=form), opening={"device": args.device}
        )
        model = AutoModelForCausalLM.from_pretrained(folder / form, trust_remote_code=form == "tied", dtype=base.dtype)
        found[form] = (model.to(base.device).eval(), nullcontext)
    return found


def seconds(model: PreTrainedModel, around: Callable[[], Any], ids: torch.Tensor, new: int) -> tuple[float, float]:
    """Of the prompt, and of a whole generation of `new` tokens."""
    settings = GenerationConfig(max_new_tokens=new, min_new_tokens=new, do_sample=False, pad_token_id=0)
    mask = torch.ones_like(ids)
    with torch.inference_mode(), own_settings_aside(model, (), 0), around():
        start = clock(ids.device)
        model(ids, use_cache=True, logits_to_keep=1)
        middle = clock(ids.device)
        model.generate(ids, attention_mask=mask, generation_config=settings)
        return middle - start, clock(ids.device) - middle


def measure(found: dict[str, Any], base: LayeredModel, args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each subject and batch."""
    rows = []
    for batch in args.batches:
        generator = torch.Generator().manual_seed(args.seed)
        vocabulary = base.hf.config.get_text_config().vocab_size
        ids = torch.randint(8, vocabulary, (batch, args.prompt), generator=generator).to(base.device)
        turns: dict[str, list[tuple[float, float]]] = {name: [] for name in SUBJECTS}
        for turn in range(args.repeats + 1):
            for name in SUBJECTS:
                taken = seconds(*found[name], ids, args.new)
                turns[name] += [taken] if turn else []  # the first turn warms up
        for name in SUBJECTS:
            prompt = min(first for first, _ in turns[name])
            decoding = min(whole for _, whole in turns[name]) - prompt
            rows.append({"batch": batch, "name": name, "prompt": prompt, "decoding": decoding / (args.new - 1)})
    return rows


def show(rows: list[dict[str, Any]], chain: Chain, args: argparse.Namespace) -> None:
    """One table."""
    clock_name = "CPU time" if args.cpu_clock else "wall clock"
    title = f"{args.model}, {chain}, {args.prompt} + {args.new} tokens, {torch.get_num_threads()} threads, {clock_name}"
    table = Table(title=title, title_justify="left")
    for name in ("batch", "", "prompt ms", "ratio", "per call", "decoding ms/token", "ratio", "per call"):
        table.add_column(name, justify="right" if name else "left")
    for row in rows:
        base = next(each for each in rows if each["batch"] == row["batch"] and each["name"] == "base")
        calls = 1 if row["name"] == "base" else chain.depth / chain.num_layers
        cells = [str(row["batch"]), row["name"]]
        for what in ("prompt", "decoding"):
            ratio = row[what] / base[what]
            cells += [f"{1e3 * row[what]:.1f}", f"{ratio:.2f}", f"{ratio / calls:.2f}"]
        table.add_row(*cells)
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--chain", default="0-9 12-15x2 16-29")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--prompt", type=int, default=128, help="tokens")
    parser.add_argument("--new", type=int, default=32, help="tokens that are generated")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu-clock", action="store_true", help="CPU seconds of this process, for a machine in use")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    transformers_logging.disable_progress_bar()
    if args.cpu_clock:
        use_cpu_clock()
    base = LayeredModel.from_pretrained(args.model, device=args.device)
    chain = Chain.parse(args.chain, base.num_layers)
    with TemporaryDirectory() as folder:
        rows = measure(subjects(base, chain, args, Path(folder)), base, args)
    if args.json:
        print(json.dumps({"chain": str(chain), "threads": args.threads, "rows": rows}))
        return
    show(rows, chain, args)


if __name__ == "__main__":
    main()
