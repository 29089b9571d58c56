"""`skiploop check` and `skiploop generate`: what a model can, without a study."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from skiploop.cli.app import print_json
from skiploop.cli.call import Call, Model
from skiploop.cli.flags import Only, command
from skiploop.studies.settings import EngineSettings

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
    if call.json:
        print_json(
            {
                "model": opened.name,
                "model_class": report.model_class,
                "num_layers": report.num_layers,
                "chains": list(report.chains),
                "cached_generation": report.cached_generation,
            }
        )
        return
    cached = "with and without a cache alike" if report.cached_generation else "without a cache only"
    what = f"{report.model_class}, {report.num_layers} layers"
    typer.echo(f"{opened.name}: {what}. Chains run exactly, {cached}.")


@command
def generate(
    *,
    prompts: Annotated[list[str], typer.Argument(help="One or more prompts.")],
    model: Model = "nano",
    chain: Annotated[str | None, typer.Option(help='Such as "0-2 3x2 4-7" (default: the identity).')] = None,
    max_new_tokens: Annotated[int, typer.Option(help="Limit of an answer, its end included.")] = 64,
    engine: Opening,
    call: Call,
) -> None:
    """Continue prompts, greedily, under a chain."""
    from skiploop.chains.chain import Chain
    from skiploop.validate import whole_number

    whole_number("--max-new-tokens", max_new_tokens, 1)
    opened = _open(model, engine, call)
    layers = Chain.identity(opened.num_layers) if chain is None else Chain.parse(chain, opened.num_layers)
    if not layers.is_identity:
        opened.check()
    texts = opened.generate(prompts, chain=layers, max_new_tokens=max_new_tokens)
    if call.json:
        outputs = [{"prompt": p, "text": t} for p, t in zip(prompts, texts, strict=True)]
        print_json({"model": opened.name, "chain": list(layers), "notation": str(layers), "outputs": outputs})
        return
    for text in texts:
        typer.echo(text)


def _open(model: str, engine: EngineSettings, call: Call) -> Any:
    opened = call.prepare(model, engine.trust_remote_code)
    if not isinstance(opened, str):
        return opened
    from skiploop.models.layered import LayeredModel

    return LayeredModel.from_pretrained(opened, **engine.opening)
