"""What an engine is asked for and what it answers: plain values, no torch.

One request is one chain on one prompt. It asks for exactly one of three things: the log-likelihood of continuations, a
generated text, or the verdict whether greedy decoding would emit an expected text and then stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy, checked_policy, decoding_layers

Text = str | tuple[int, ...]
"""What the model's tokenizer is to encode, or tokens that are taken as they are."""


@dataclass(frozen=True, slots=True)
class Request:
    """One chain on one prompt.

    Attributes:
        prompt: exactly the text to tokenise (the tokenizer adds special tokens), or tokens.
        chain: the layers to run.
        continuations: score each of these texts after the prompt (log-likelihood, in nats); tokens where the prompt is.
        max_new_tokens: generate at most this many tokens, EOS included.
        expected: check whether greedy decoding would emit exactly this text and then EOS.
        with_loglikelihood: also give the log-likelihood of the expected text with EOS, where one pass decides.
        temperature: 0 generates greedily; above 0 tokens are sampled, reproducibly for a given `seed`.
        seed: for the sampling of this request alone.
        cache_policy: of loops while generating, see `skiploop.chains.policy`. Continuations are scored in one forward
            with the prompt, to which it makes no difference.
        stop: texts at which a generated text ends; it is given without them.
        unconditional: score each continuation also where nothing but the model's first token stands before it.
    """

    prompt: Text
    chain: Chain
    continuations: tuple[Text, ...] = ()
    max_new_tokens: int = 0
    expected: str | None = None
    with_loglikelihood: bool = False
    temperature: float = 0.0
    seed: int = 0
    cache_policy: CachePolicy = "own"
    stop: tuple[str, ...] = ()
    unconditional: bool = False

    def __post_init__(self) -> None:
        wanted = bool(self.continuations) + (self.max_new_tokens > 0) + (self.expected is not None)
        if wanted != 1:
            raise ValueError("a request wants exactly one of continuations, max_new_tokens and expected")
        if not all(self.continuations):
            raise ValueError("an empty continuation has no log-likelihood")
        if self.unconditional and not self.continuations:
            raise ValueError("only continuations are scored where nothing stands before them")
        checked_policy(self.cache_policy)

    @property
    def decoding_depth(self) -> int:
        """Layer calls of each token after the prompt."""
        return len(decoding_layers(self.chain.layers, self.cache_policy))


@dataclass(frozen=True, slots=True)
class Result:
    """The answer to one request; fields that weren't asked for keep their defaults.

    Attributes:
        loglikelihoods: one for each continuation, summed over its tokens, in nats; NaN where the chain broke the model.
            That of the expected text alone where `with_loglikelihood` asks for it; none where it had to be generated.
        num_tokens: number of tokens of each of these.
        greedy: whether greedy decoding would emit each continuation.
        text: the generated text without EOS, special tokens left out.
        matched: whether greedy decoding emits the expected text and then EOS.
        unconditional: the log-likelihood of each continuation where nothing stands before it.
    """

    loglikelihoods: tuple[float, ...] = ()
    num_tokens: tuple[int, ...] = ()
    greedy: tuple[bool, ...] = ()
    text: str | None = None
    matched: bool | None = None
    unconditional: tuple[float, ...] = ()


class Runner(Protocol):
    """Runs requests; `skiploop.engine.engine.Engine` and `skiploop.engine.plain.PlainEngine` do."""

    @property
    def layer_calls(self) -> int:
        """One layer on one sequence in one forward, executed so far; a part counts by its share of tokens."""

    def run(self, requests: Sequence[Request]) -> list[Result]:
        """The results, in request order; they don't depend on which requests are run together."""

    def run_alone(self, request: Request) -> Result:
        """The result of one request by itself; nothing computed before is reused."""
