"""`skiploop check` and `skiploop generate`: what a model can, without a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from skiploop.cli.app import print_json, tell
from skiploop.cli.call import Call, Model, ShowPrompt
from skiploop.cli.flags import Only, command
from skiploop.settings.flag import Flag
from skiploop.studies.settings import EngineSettings
from skiploop.tasks.options import TaskOptions

_KINDS = {
    "score": "single answers",
    "packed": "options packed into one sequence",
    "generate": "generation",
}
_LONGEST = 24  # characters of a chain in a list of them
Opening = Annotated[EngineSettings, Only("dtype", "device", "trust_remote_code", "allow_missing")]


@command
def check(
    *,
    model: Annotated[str, typer.Argument(help="nano, a folder, or a name on the hub.")],
    engine: Opening,
    call: Call,
) -> None:
    """Check whether a model can run chains exactly; exit code 2 if it can't."""
    opened = _open(model, engine, call)
    report = opened.check()
    looked = _looked_at(opened, report) | {"complete": not engine.allow_missing}
    if call.json:
        print_json(looked)
        return
    for name, said in _told(looked).items():
        tell(f"{name + ':':<10} {said}")


def _looked_at(opened: Any, report: Any) -> dict[str, Any]:
    """What `check` looked at, and what it found."""
    from skiploop.models.ends import beyond_greedy

    tokenizer, generates = opened.tokenizer, opened.hf.can_generate()
    weights = list(opened.hf.parameters())
    return {
        "model": opened.name,
        "model_class": report.model_class,
        "num_layers": report.num_layers,
        "tensors": len(weights),
        "parameters": sum(weight.numel() for weight in weights),
        "dtype": str(opened.dtype).removeprefix("torch."),
        "device": str(opened.device),
        "attention": opened.attn_implementation,
        "ends": [] if tokenizer is None else tokenizer.convert_ids_to_tokens(list(opened.eos_ids)),
        "end_ids": list(opened.eos_ids),
        "chat_template": bool(getattr(tokenizer, "chat_template", None)),
        "not_obeyed": beyond_greedy(opened.hf) if generates else {},
        "chains": list(report.chains),
        "cached_generation": report.cached_generation,
        "batched": _batched(opened) if generates else {},
    }


def _batched(opened: Any) -> dict[str, bool]:
    from skiploop.engine.engine import Engine

    return Engine(opened).batched_paths()


def _told(looked: dict[str, Any]) -> dict[str, str]:
    """The same for people, a line each."""
    cached = "with and without a cache alike" if looked["cached_generation"] else "without a cache only"
    ends = ", ".join(f"{token!r} ({at})" for token, at in zip(looked["ends"], looked["end_ids"], strict=False))
    origin = "all from the checkpoint" if looked["complete"] else "random where the checkpoint lacks them"
    template = "a chat template" if looked["chat_template"] else "no chat template"
    lines = {
        "model": f"{looked['model']}: {looked['model_class']}, {looked['num_layers']} layers",
        "weights": f"{looked['tensors']} tensors, {looked['parameters']:,} parameters, {origin}; "
        f"{looked['dtype']} on {looked['device']}, attention {looked['attention'] or 'its own'}",
        "texts": f"{f'end at {ends}' if ends else 'no end token is known: they end at their limit'}; {template}",
        "chains": f"exact, {cached}; tried {', '.join(map(_shortened, looked['chains']))}",
    }
    if looked["not_obeyed"]:
        asked = ", ".join(f"{name}={value}" for name, value in looked["not_obeyed"].items())
        lines["decoding"] = f"greedy; the checkpoint asks for {asked}, which is not obeyed"
    if looked["batched"]:
        exact, alone = (
            ", ".join(_KINDS[name] for name, holds in looked["batched"].items() if holds is wanted)
            for wanted in (True, False)
        )
        said = [f"exact for {exact}" if exact else "", f"one by one, as a batch isn't exact: {alone}" if alone else ""]
        lines["batches"] = "; ".join(filter(None, said))
    return lines


def _shortened(chain: str) -> str:
    """A chain, its middle left out where it is a long list of layers."""
    parts = chain.split()
    return chain if len(chain) <= _LONGEST or len(parts) < 5 else f"{' '.join(parts[:2])} ... {' '.join(parts[-2:])}"


Running = Annotated[EngineSettings, Only("dtype", "device", "trust_remote_code", "allow_missing", "cache_policy")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """What prompts are continued under.

    Attributes:
        chain: in its notation; None: that of chain_config.json, else the identity.
        route: the folder of a router, which chooses a chain for each prompt.
        exit: reads tokens off earlier slots; None: off the last one.
    """

    chain: Annotated[
        str | None, Flag('Such as "0-2 3x2 4-7" (default: that of chain_config.json, else the identity).')
    ] = None
    route: Annotated[Path | None, Flag("A folder of `skiploop route train`: chooses a chain for each prompt.")] = None
    exit: Annotated[
        str | None, Flag("Read tokens off earlier layers: confident, confident:WINDOW, halt:THRESHOLD.")
    ] = None


@command
def generate(
    *,
    prompts: Annotated[list[str], typer.Argument(help="One or more prompts.")],
    model: Model = "nano",
    under: Under,
    max_new_tokens: Annotated[int, typer.Option(help="Limit of an answer, its end included.")] = 64,
    asked: Annotated[TaskOptions, Only("chat", "system", "stop")],
    show_prompt: ShowPrompt = False,
    engine: Running,
    call: Call,
) -> None:
    """Continue prompts, greedily, under a chain; `--chat auto`: as messages, where there is a chat template."""
    from skiploop.chains.chain import Chain
    from skiploop.models.exits import parse_exit
    from skiploop.studies.cache_policy import check_policy
    from skiploop.validate import whole_number

    whole_number("--max-new-tokens", max_new_tokens, 1)
    early = {} if under.exit is None else {"exit": parse_exit(under.exit)}
    opened = _open(model, engine, call)
    layers = opened.chain if under.chain is None else Chain.parse(under.chain, opened.num_layers)
    policy = engine.cache_policy if "cache_policy" in call.given else opened.cache_policy
    if "cache_policy" in call.given:
        check_policy(policy, [layers], f"the chain {layers}")
    if not layers.is_identity:
        opened.check()
    sent = _sent(prompts, asked, opened)
    if show_prompt:
        _show(sent, opened, call)
        return
    if under.route is not None:
        call.refuse(("chain", "cache_policy", "exit"), "--route")
        show_routed(
            under.route, opened, (prompts, sent), {"max_new_tokens": max_new_tokens, "stop": asked.stop or ()}, call
        )
        return
    texts = opened.generate(
        sent, chain=layers, max_new_tokens=max_new_tokens, stop=asked.stop or (), cache_policy=policy, **early
    )
    if call.json:
        outputs = [{"prompt": p, "text": t} for p, t in zip(prompts, texts, strict=True)]
        ran = {"chain": layers.to_json(), "notation": str(layers), "cache_policy": policy, "exit": under.exit}
        print_json({"model": opened.name, **ran, "outputs": outputs})
        return
    for text in texts:
        tell(text)


def show_routed(
    folder: Path, opened: Any, prompts: tuple[list[str], list[str]], limits: dict[str, Any], call: Call
) -> None:
    """Continues prompts (as given, and as sent) by the chain that a router chooses for each."""
    from skiploop.routing.router import load_router

    router = load_router(folder)
    given, sent = prompts
    texts = opened.generate(sent, route=router, **limits)
    if call.json:
        outputs = [{"prompt": p, "text": t} for p, t in zip(given, texts, strict=True)]
        print_json({"model": opened.name, "router": str(folder), "chooser": router.chooser, "outputs": outputs})
        return
    for text in texts:
        tell(text)


def _sent(prompts: list[str], asked: TaskOptions, opened: Any) -> list[str]:
    """The texts that are sent: a prompt is a question that suits a conversation."""
    from skiploop.tasks import Example, Task
    from skiploop.tasks.dialogue import Dialogue

    dialogue = Dialogue(asked.chat, asked.system, suits_chat=True)
    examples = [Example(str(i), dialogue.as_text(str(i), prompt), "") for i, prompt in enumerate(prompts)]
    task = Task("prompts", tuple(examples), dialogue=dialogue).for_model(opened.chat)
    return [example.prompt for example in task.examples]


def _show(sent: list[str], opened: Any, call: Call) -> None:
    """The texts that are sent, with the number of their tokens."""
    lines = [{"prompt": each, "tokens": len(opened.encode(each))} for each in sent]
    if call.json:
        print_json({"model": opened.name, "prompts": lines})
        return
    for line in lines:
        tell(f"{line['prompt']}\n({line['tokens']} tokens)")


def _open(model: str, engine: EngineSettings, call: Call) -> Any:
    opened = call.prepare(model, engine.trust_remote_code)
    if not isinstance(opened, str):
        return opened
    from skiploop.models.layered import LayeredModel

    return LayeredModel.from_pretrained(opened, **engine.opening)
