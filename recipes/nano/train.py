"""Train `nano` from scratch and export it as a Hugging Face folder.

    python recipes/nano/train.py --steps 4000            # a fixed number of steps, or
    python recipes/nano/train.py --minutes 67            # as many as fit into that time

Run the same command again after a kill: it goes on from the last checkpoint in `--work`. What is notable: a
plain Llama, trained with Muon (matrices inside the layers) and AdamW (the rest) under a warmup-stable-decay
schedule, loss on the answer only, fresh problems at every step.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from batches import collate
from muon import Muon
from problems import KEYWORDS, TRAIN_SIZES, Problem, distinct
from safetensors.torch import load_file, save_file
from team import Team
from tokenizer import BOS_ID, EOS_ID, PAD_ID, save_tokenizer
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM
from transformers.utils.logging import disable_progress_bar

MAX_POSITIONS = 256
PACKAGE_FOLDER = Path(__file__).parents[2] / "src" / "skiploop" / "nano"
WARMUP, DECAY = 0.02, 0.3  # shares of the run


@dataclass(slots=True)
class Progress:
    """Where a run stands; saved with every checkpoint."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0

    def share(self, args: argparse.Namespace) -> float:
        """How much of the budget, steps or minutes, is used; 1 is the end."""
        return self.step / args.steps if args.steps else self.seconds / (60 * args.minutes)


def build_model(args: argparse.Namespace) -> LlamaForCausalLM:
    """A plain Llama with untied embeddings."""
    torch.manual_seed(args.seed)
    config = LlamaConfig(
        vocab_size=4 + len(KEYWORDS) + 95,
        hidden_size=args.hidden_size,
        intermediate_size=2 * args.hidden_size,
        num_hidden_layers=args.layers,
        num_attention_heads=args.hidden_size // 32,
        num_key_value_heads=args.hidden_size // 32,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=False,
        pad_token_id=PAD_ID,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
    )
    return LlamaForCausalLM(config).float().to(args.device)


def build_optimizers(model: LlamaForCausalLM, args: argparse.Namespace) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embedding, head and norms."""
    inner = [p for p in model.model.layers.parameters() if p.ndim == 2]
    ids = {id(p) for p in inner}
    outer = [p for p in model.parameters() if id(p) not in ids]
    return [
        Muon(inner, lr=args.lr),
        torch.optim.AdamW(outer, lr=args.adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def rate(share: float) -> float:
    """Warmup, stable, linear decay to 5 % of the peak."""
    if share < WARMUP:
        return max(share, 1e-4) / WARMUP
    return 1.0 if share < 1 - DECAY else max(0.05, (1 - share) / DECAY)


def tilt(share: float, args: argparse.Namespace) -> float:
    """How strongly small sizes are preferred: falls linearly from `--tilt` to `--tilt-end`, then stays."""
    left = max(0.0, 1 - share / args.tilt_share)
    return args.tilt_end + left * (args.tilt - args.tilt_end)


# --- checkpoints and export -------------------------------------------------------------------------------


def save(work: Path, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer], progress: Progress) -> None:
    """A folder per checkpoint, complete or absent (written elsewhere, then renamed); the last two stay."""
    target, draft = work / f"step-{progress.step:06d}", work / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, draft / "model.safetensors")
    torch.save([o.state_dict() for o in optimizers], draft / "optimizers.pt")
    (draft / "progress.json").write_text(json.dumps(asdict(progress)))
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    for old in sorted(work.glob("step-*"))[:-2]:
        shutil.rmtree(old)


def load(work: Path, model: LlamaForCausalLM, optimizers: list[torch.optim.Optimizer]) -> Progress:
    """The latest checkpoint, or a fresh start."""
    folders = sorted(work.glob("step-*"))
    if not folders:
        return Progress()
    model.load_state_dict(load_file(folders[-1] / "model.safetensors"))
    states = torch.load(folders[-1] / "optimizers.pt", weights_only=True, map_location=model.device)
    for optimizer, state in zip(optimizers, states, strict=True):
        optimizer.load_state_dict(state)
    return Progress(**json.loads((folders[-1] / "progress.json").read_text()))


def export(model: LlamaForCausalLM, folder: Path) -> None:
    """Configs, model.safetensors and the tokenizer, as `from_pretrained` wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    copy = LlamaForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.generation_config = GenerationConfig(
        do_sample=False, max_new_tokens=48, pad_token_id=PAD_ID, bos_token_id=BOS_ID, eos_token_id=EOS_ID
    )
    copy.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # safetensors makes it private; a package file is for all
    save_tokenizer(folder, MAX_POSITIONS)


# --- evaluation on the validation split -------------------------------------------------------------------


def validation_problems(seed: int, per_size: int) -> dict[tuple[str, int], list[Problem]]:
    """The same problems at every evaluation, by family and size."""
    rows = {}
    for family, sizes in TRAIN_SIZES.items():
        for size in sizes:
            stream = distinct(random.Random(f"{seed}/{family}/{size}"), family, size, "valid")
            rows[family, size] = [next(stream) for _ in range(per_size)]
    return rows


@torch.no_grad()
def accuracy(model: LlamaForCausalLM, problems: list[Problem]) -> float:
    """Share of problems whose answer and EOS are the arg-max at every position, as greedy decoding needs."""
    batch = collate(problems)
    logits = model(input_ids=batch.tokens.to(model.device), use_cache=False).logits[:, :-1].cpu()
    labels = batch.labels[:, 1:]
    return float(((logits.argmax(-1) == labels) | (labels < 0)).all(1).double().mean())


def log(work: Path, record: dict[str, object]) -> None:
    """One line of the curve, to the file and to the terminal."""
    line = json.dumps(record)
    print(line, flush=True)
    with (work / "curve.jsonl").open("a") as file:
        file.write(line + "\n")


# --- the loop ---------------------------------------------------------------------------------------------


def train(args: argparse.Namespace) -> None:
    """Until the budget is used: gradients, update, now and then an evaluation, a checkpoint, an export."""
    args.work.mkdir(parents=True, exist_ok=True)
    disable_progress_bar()
    torch.set_num_threads(1 if args.workers > 1 else torch.get_num_threads())
    model = build_model(args)
    optimizers = build_optimizers(model, args)
    progress = load(args.work, model, optimizers)
    team = Team(
        model,
        workers=args.workers,
        seed=args.seed,
        rows=args.rows,
        parts=args.parts,
        compiled=not args.no_compile,
    )
    valid = validation_problems(args.seed, args.valid_per_size)
    losses: list[float] = []
    while progress.share(args) < 1:
        losses.append(update(team, optimizers, progress, args))
        if progress.step % 50 == 0:
            log(args.work, {**asdict(progress), "loss": round(sum(losses) / len(losses), 4)})
            losses.clear()
        if progress.step % args.eval_every == 0 or progress.share(args) >= 1:
            shares = {f"{f}/{size}": round(accuracy(model, rows), 3) for (f, size), rows in valid.items()}
            log(args.work, {**asdict(progress), "valid": shares})
            save(args.work, model, optimizers, progress)
            export(model, args.export)
    export(model, args.export)
    team.close()


def update(team: Team, optimizers: list[torch.optim.Optimizer], progress: Progress, args: argparse.Namespace) -> float:
    """One optimizer step; moves `progress` on and returns the loss."""
    started, share = time.monotonic(), progress.share(args)
    loss, tokens = team.gradients(progress.step, tilt(share, args), args.layer_drop)
    for optimizer, peak in zip(optimizers, (args.lr, args.adam_lr), strict=True):
        for group in optimizer.param_groups:
            group["lr"] = peak * rate(share)
        optimizer.step()
    progress.step += 1
    progress.tokens += tokens
    progress.seconds += time.monotonic() - started
    return loss


def parse_args() -> argparse.Namespace:
    """Flags; the defaults are those of the model in the package."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--steps", type=int, help="budget in optimizer steps")
    parser.add_argument("--minutes", type=float, default=67.0, help="budget if --steps isn't given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--hidden-size", type=int, default=128, help="a multiple of 32, the width of a head")
    parser.add_argument("--layer-drop", type=float, default=0.0, help="leave out each layer with this chance")
    parser.add_argument("--lr", type=float, default=0.006, help="peak learning rate of Muon")
    parser.add_argument("--adam-lr", type=float, default=0.003, help="peak learning rate of AdamW")
    parser.add_argument("--tilt", type=float, default=4.0, help="preference for small sizes at the start")
    parser.add_argument("--tilt-end", type=float, default=1.0, help="the same later on; 0: all sizes alike")
    parser.add_argument("--tilt-share", type=float, default=0.4, help="share of the run until --tilt-end")
    parser.add_argument("--rows", type=int, default=48, help="examples of a micro-batch")
    parser.add_argument("--parts", type=int, default=4, help="micro-batches of a step")
    parser.add_argument("--workers", type=int, help="processes; default 2 on CPU, 1 on a GPU")
    parser.add_argument("--device", default="cpu", help="cpu (fp32) or cuda (bf16 autocast)")
    parser.add_argument("--no-compile", action="store_true", help="plain eager layers")
    parser.add_argument("--eval-every", type=int, default=250, help="steps between evaluations and checkpoints")
    parser.add_argument("--valid-per-size", type=int, default=48)
    parser.add_argument("--work", type=Path, default=Path("runs/nano"), help="checkpoints and curve")
    parser.add_argument("--export", type=Path, default=PACKAGE_FOLDER, help="the Hugging Face folder")
    args = parser.parse_args()
    if args.workers is None:
        args.workers = 1 if args.device == "cuda" else 2
    if args.device == "cuda" and args.workers != 1:
        parser.error(f"--workers {args.workers} is for the CPU; a GPU is filled by one process")
    return args


if __name__ == "__main__":
    train(parse_args())
