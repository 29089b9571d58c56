"""Options are packed into one sequence up to the shortest attention window of a model, and not beyond.

A packed sequence brings a mask of its own, which takes the place of the model's. The two say the same as long as no
window is shorter than the sequence; with several windows the shortest decides.
"""

from __future__ import annotations

import pytest
import torch

from skiploop.chains.chain import Chain
from skiploop.engine.engine import Engine
from skiploop.engine.packing import lay_out
from skiploop.engine.request import Request
from skiploop.models.layered import LayeredModel
from skiploop.models.replay import find_layers
from tests.conformance.tiny import tiny_model
from tests.engine.alone import scores_alone

SHORT, LONG = 20, 40  # longer than the inputs on which an engine tries out whether it may pack at all
OPTIONS = ("gh", "kLm", "pq")  # 7 tokens
CHAINS = ((0, 1, 2, 3), (1, 2, 2, 3, 0))


class Letters:
    """A tokenizer with a token for each letter."""

    pad_token_id = 0

    def __call__(self, text: str, **_settings: object) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) - 24 for letter in text]}


def two_windows(short: int, long: int, **names: int) -> LayeredModel:
    """GPT-Neo, whose layers hold masks of their own: `short` in the odd ones, `long` in the even ones."""
    hf = tiny_model("gpt_neo", attention_types=[[["local"], 4]], window_size=long)
    for layer in list(find_layers(hf))[1::2]:
        mask = layer.attn.attention.bias
        size = mask.shape[-1]
        mask.copy_(torch.ones(size, size, dtype=torch.bool).tril().triu(1 - short)[None, None])
    for name, window in names.items():
        setattr(hf.config, name, window)
    return LayeredModel(hf, Letters())


def scored(engine: Engine, prompt: str, layers: tuple[int, ...]) -> tuple[list[float], int]:
    """Log-likelihoods of the options, and the layer calls that they took."""
    before = engine.layer_calls
    (result,) = engine.run([Request(prompt, Chain(layers, 4), continuations=OPTIONS)])
    return list(result.loglikelihoods), engine.layer_calls - before


@pytest.mark.parametrize(
    "names",
    [
        {"window_size": LONG, "sliding_window": SHORT},
        {"window_size": SHORT, "sliding_window": LONG},
        {"window_size": LONG, "attention_chunk_size": SHORT},
    ],
)
@pytest.mark.parametrize(
    ("tokens", "packed"),
    # of the prompt: with the options as long as the short window, beyond it, as long as the long one, beyond both
    [(13, True), (14, False), (33, False), (45, False)],
)
def test_options_are_packed_up_to_the_shortest_of_two_windows(names: dict[str, int], tokens: int, packed: bool) -> None:
    model = two_windows(SHORT, LONG, **names)
    engine = Engine(model)
    scored(engine, "AB", CHAINS[0])  # tries the packed path out
    prompt = "".join(chr(ord("A") + (7 * i * i + i) % 50) for i in range(tokens))
    for layers in CHAINS:
        found, calls = scored(engine, prompt, layers)
        for option, score in zip(OPTIONS, found, strict=True):
            layout = lay_out(model.encode(prompt), [model.encode(option)])
            assert score == pytest.approx(sum(scores_alone(model.hf, layout, layers)), rel=1e-4, abs=1e-4)
        sequences = 1 if packed else len(OPTIONS)
        assert calls == sequences * len(layers)


def test_the_windows_of_that_model_matter() -> None:
    """Else the test above would pass with any rule."""
    tokens = [10 + (3 * i * i) % 80 for i in range(33)]
    layout = lay_out(tokens, [[20]])
    scores = [
        scores_alone(two_windows(*windows).hf, layout, CHAINS[0])[0] for windows in ((20, 40), (40, 40), (20, 20))
    ]
    assert abs(scores[0] - scores[1]) > 1e-2
    assert abs(scores[0] - scores[2]) > 1e-2
