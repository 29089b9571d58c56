"""A model of lm-evaluation-harness that runs one chain: `SkiploopLM`, registered there as `skiploop`.

Tokens are those of its own `HFLM` (models/huggingface.py): the same split between context and continuation, the same
first token before an empty context, the same cuts from the left where a text is longer than the model's context. So
log-likelihoods agree item by item. What differs is how they are computed: options that follow one context share it,
and so do contexts with the same few-shot examples.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Self

from lm_eval.api.model import TemplateLM

from lm_eval import utils
from skiploop.chains.chain import Chain
from skiploop.engine.open import open_runner
from skiploop.engine.request import Request, Result, Runner
from skiploop.errors import InvalidInput
from skiploop.lm_eval.generation import Generation, read_generation
from skiploop.models.layered import LayeredModel

log = logging.getLogger("skiploop")

Encoded = tuple[tuple[str, str] | None, list[int], list[int]]
"""A context and its continuation as texts (None for a window of a long text), and the tokens of both."""

_DEFAULT_CONTEXT = 2048  # tokens, of a model without a limit, as HFLM has it
_DEFAULT_GENERATION = 256  # tokens
_OF_THE_HARNESS = ("batch_size", "max_batch_size")  # batches are the engine's business


class SkiploopLM(TemplateLM):  # type: ignore[misc]
    """One chain on one model, as lm-evaluation-harness calls it.

    Attributes:
        chain: the layers that are run.
        runner: what runs them.
    """

    def __init__(self, model: LayeredModel, chain: Chain, runner: Runner) -> None:
        super().__init__()
        self.chain, self.runner = chain, runner
        self.tokenizer = model.tokenizer
        self._model = model

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: Mapping[str, Any], additional_config: Mapping[str, Any] | None = None
    ) -> Self:
        """From `--model_args`: `pretrained`, `chain`, `engine`, `batch_tokens`, and what opens a model.

        Raises:
            InvalidInput: there is no such model, chain or setting.
            UnsupportedModel: the model can't run chains exactly.
        """
        given = {**(additional_config or {}), **arg_dict}
        settings = {name: value for name, value in given.items() if value is not None and name not in _OF_THE_HARNESS}
        chain, engine = settings.pop("chain", None), settings.pop("engine", "auto")
        tokens = settings.pop("batch_tokens", None)
        if settings.get("dtype") == "auto":
            del settings["dtype"]
        model = LayeredModel.from_pretrained(str(settings.pop("pretrained", "nano")), **settings)
        if model.cache_policy != "own":
            raise InvalidInput(
                f"the chain's cache_policy is {model.cache_policy!r} in chain_config.json, and the harness runs chains "
                "with 'own' only; change it there"
            )
        model.require_generation()
        model.check()
        runner, _ = open_runner(model, engine=engine, batch_tokens=tokens)
        asked = model.chain if chain in (None, "") else read_chain(chain, model.num_layers)
        return cls(model, asked, runner)

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: Mapping[str, Any] | None = None) -> Self:
        """The same from text, where commas within quotes or brackets don't separate."""
        from lm_eval._cli.utils import key_val_to_dict

        return cls.create_from_arg_obj(key_val_to_dict(arg_string), additional_config)

    # --- tokens -------------------------------------------------------------------------------------------------

    @property
    def eot_token_id(self) -> int:
        """The end token."""
        return int(self.tokenizer.eos_token_id)

    @property
    def prefix_token_id(self) -> int:
        """What stands before a continuation without a context."""
        return self._model.prefix_id

    @property
    def max_length(self) -> int:
        """Tokens of the model's context."""
        return self._model.context_length or _DEFAULT_CONTEXT

    @property
    def max_gen_toks(self) -> int:
        """Tokens of a generation where the task doesn't say."""
        return _DEFAULT_GENERATION

    @property
    def tokenizer_name(self) -> str:
        """Under which prompts are kept."""
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
        """Tokens of a text; special ones unless it begins with the first of them already."""
        if not string:
            return []
        if add_special_tokens is None and not string.startswith(self.tokenizer.decode(self.prefix_token_id)):
            return self._model.encode(string)
        return list(self.tokenizer(string, add_special_tokens=bool(add_special_tokens), verbose=False)["input_ids"])

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The text of a conversation."""
        return str(
            self.tokenizer.apply_chat_template(
                chat_history,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        )

    # --- log-likelihoods ----------------------------------------------------------------------------------------

    def _loglikelihood_tokens(
        self, requests: Sequence[Encoded], disable_tqdm: bool = False, **_: Any
    ) -> list[tuple[float, bool]]:
        texts = [text for text, _, _ in requests]
        cut = [self._cut(context, continuation) for _, context, continuation in requests]
        wanted = [
            Request(context, self.chain, continuations=tuple(continuation for _, continuation in members))
            for context, members in groupby(cut, key=lambda pair: pair[0])
        ]
        answers = [answer for result in self.runner.run(wanted) for answer in _answers(result)]
        if broken := sum(math.isinf(score) for score, _ in answers):
            log.warning("the chain %s breaks the model on %d of %d continuations", self.chain, broken, len(answers))
        for text, answer in zip(texts, answers, strict=True):
            if text is not None:
                self.cache_hook.add_partial("loglikelihood", text, answer)
        return answers

    def _cut(self, context: Sequence[int], continuation: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Both with what doesn't fit cut off from the left; the last token is predicted, never run."""
        if not continuation or len(continuation) > self.max_length:
            raise InvalidInput(
                f"a continuation has {len(continuation)} tokens; from 1 to the model's context of {self.max_length} "
                "can be scored. Leave the item out, or choose another task"
            )
        kept = (*context, *continuation)[-(self.max_length + 1) :]
        border = len(kept) - len(continuation)
        return kept[:border], kept[border:]

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """The log-likelihood of each whole text, in windows of the model's context."""
        windows = [list(self._windows(request.args[0])) for request in requests]
        flat: list[Encoded] = [(None, *window) for each in windows for window in each]
        scores = iter(self._loglikelihood_tokens(flat))
        sums = [sum(next(scores)[0] for _ in each) for each in windows]
        for request, total in zip(requests, sums, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return sums

    def _windows(self, text: str) -> Iterator[tuple[list[int], list[int]]]:
        rolling = utils.get_rolling_token_windows(
            token_list=self.tok_encode(text),
            prefix_token=self.prefix_token_id,
            max_seq_len=self.max_length,
            context_len=1,
        )
        yield from map(utils.make_disjoint_window, rolling)

    # --- generation ---------------------------------------------------------------------------------------------

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """Texts, each up to the first of its stop strings."""
        end = self.tokenizer.decode(self.eot_token_id)
        how = [read_generation(r.args[1], end=end, default_tokens=self.max_gen_toks) for r in requests]
        wanted = [
            self._generation(r.args[0], each, seed) for seed, (r, each) in enumerate(zip(requests, how, strict=True))
        ]
        results = self.runner.run(wanted)
        texts = [each.cut(result.text or "") for each, result in zip(how, results, strict=True)]
        for request, text in zip(requests, texts, strict=True):
            self.cache_hook.add_partial("generate_until", request.args, text)
        return texts

    def _generation(self, context: str, how: Generation, seed: int) -> Request:
        room = self.max_length - how.max_new_tokens
        if room < 1:
            raise InvalidInput(
                f"the task wants up to {how.max_new_tokens} new tokens, and the model's context holds "
                f"{self.max_length} in all; lower it with --gen_kwargs max_gen_toks=N"
            )
        tokens = tuple(self.tok_encode(context)[-room:])
        stop = tuple(filter(None, how.stops))
        return Request(
            tokens, self.chain, max_new_tokens=how.max_new_tokens, temperature=how.temperature, seed=seed, stop=stop
        )


def read_chain(given: object, num_layers: int) -> Chain:
    """A chain from a setting: the notation, a list of layers, one layer, or nothing for the identity."""
    if given is None or given == "":
        return Chain.identity(num_layers)
    if isinstance(given, (list, tuple)):
        return Chain(given, num_layers)
    return Chain.parse(str(given), num_layers)


def _answers(result: Result) -> Iterator[tuple[float, bool]]:
    """Log-likelihood and greediness of each continuation; one that the chain broke is never the best."""
    for score, greedy in zip(result.loglikelihoods, result.greedy, strict=True):
        yield (-math.inf if math.isnan(score) else score), greedy
