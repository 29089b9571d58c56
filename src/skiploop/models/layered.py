"""LayeredModel: a Hugging Face model with its tokenizer, run under chains of layers.

Shapes: B sequences, T tokens, V vocabulary, L layers of the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields
from functools import cached_property
from typing import Any, Protocol, cast

import torch
from transformers import PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.chains.policy import CachePolicy, checked_policy
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.chain_config import ChainConfig
from skiploop.models.chat import ChatTemplate, chat_template
from skiploop.models.check import CheckReport, check_model
from skiploop.models.ends import end_tokens, own_settings_aside, refuse_other_forms
from skiploop.models.exits import Exit, run_exit
from skiploop.models.files import first_line
from skiploop.models.loading import Opening, fingerprint, load
from skiploop.models.out_of_memory import ran_out
from skiploop.models.replay import find_layers, run_chain
from skiploop.models.stops import StopCriteria, cut_at_stop, stop_tokens
from skiploop.validate import whole_number

_GENERATE_BATCH = 64  # prompts that LayeredModel.generate runs together
_LIMITS = {"max_new_tokens", "stopping_criteria"}  # settings of its own


class Route(Protocol):
    """What chooses a chain for each prompt; `skiploop.routing.router.Router` does."""

    def generate(
        self, model: LayeredModel, prompts: list[str], *, max_new_tokens: int, stop: tuple[str, ...] = ()
    ) -> list[str]:
        """A text for each prompt."""


class LayeredModel:
    """A pretrained model whose layers can be skipped, looped and reordered for each call; its weights never change.

    Attributes:
        hf: the model itself, unchanged.
        tokenizer: its tokenizer, or None (then only token ids can be given).
        num_layers: L.
        name, revision: where it came from.
        chosen: the chain of a `chain_config.json` that it was opened with; None elsewhere. `generate` and `logits` run
            it where they are given none.
        kept_runner: see `skiploop.engine.open.kept_runner`.
    """

    def __init__(
        self, hf: PreTrainedModel, tokenizer: Any = None, *, name: str | None = None, revision: str = "local"
    ) -> None:
        """Wrap a loaded model.

        Raises:
            UnsupportedModel: an encoder-decoder, or no stack of layers was found.
        """
        self.hf = hf
        self.tokenizer = tokenizer
        self.num_layers = len(find_layers(hf))
        self.name = name or getattr(hf.config, "_name_or_path", "") or type(hf).__name__
        self.revision = revision
        self.chosen: ChainConfig | None = None
        self.kept_runner: Any = None
        if tokenizer is not None and tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token

    @classmethod
    def from_pretrained(cls, name: str = "nano", **settings: Any) -> LayeredModel:
        """Load `nano`, a local folder, or a hub model; of a folder with a `chain_config.json` alone, its base.

        Args:
            name: what to load.
            **settings: `dtype`, `device`, `revision`, `attn_implementation`, `trust_remote_code` (off),
                `allow_missing` (off); see `skiploop.models.loading.Opening`.

        Raises:
            InvalidInput: nothing can be loaded under that name; the message says what can.
            UnsupportedModel: an encoder-decoder, or no stack of layers was found.
        """
        known = [field.name for field in fields(Opening)]
        if unknown := sorted(set(settings).difference(known)):
            raise InvalidInput(f"unknown setting {unknown[0]!r} of opening a model; there are {', '.join(known)}")
        loaded = load(name, Opening(**settings))
        model = cls(loaded.model, loaded.tokenizer, name=loaded.name, revision=loaded.revision)
        model.chosen = loaded.chosen
        return model

    @property
    def chain(self) -> Chain:
        """The chain that is run where none is given: the one it was opened with, else the identity."""
        return self.identity if self.chosen is None else self.chosen.chain

    @property
    def cache_policy(self) -> CachePolicy:
        """Which keys and values loops leave for later tokens in `generate`: `own`, if it wasn't opened with another."""
        return "own" if self.chosen is None else self.chosen.cache_policy

    @property
    def identity(self) -> Chain:
        """The chain 0..L-1: the model as it is."""
        return Chain.identity(self.num_layers)

    @property
    def device(self) -> torch.device:
        """The device that input ids have to be on."""
        return cast(torch.device, self.hf.get_input_embeddings().weight.device)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return cast(torch.dtype, self.hf.dtype)

    @property
    def attn_implementation(self) -> str:
        """For instance `sdpa` or `eager`."""
        return str(getattr(self.hf.config, "_attn_implementation", "") or "")

    @property
    def context_length(self) -> int | None:
        """Tokens of prompt and answer together that the model was made for; None where there is no limit."""
        length = getattr(self.hf.config.get_text_config(), "max_position_embeddings", None)
        return int(length) if isinstance(length, int) and length > 0 else None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over config, sampled weights, tokenizer and end tokens, to distinguish checkpoints."""
        return fingerprint(self.hf, self.tokenizer, self.eos_ids)

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Tokens that end a generation, the model's own first (`skiploop.models.ends.end_tokens`)."""
        return end_tokens(self.hf, self.tokenizer)

    @cached_property
    def chat(self) -> ChatTemplate | None:
        """The tokenizer's chat template; None where it has none."""
        return chat_template(self.tokenizer, self.name)

    def check(self) -> CheckReport:
        """Refuse the model if chains can't be exact on it (`skiploop.models.check.check_model`)."""
        return check_model(self.hf)

    def encode(self, text: str | tuple[int, ...]) -> list[int]:
        """Token ids of a prompt, with the tokenizer's special tokens (a leading BOS where the model has one).

        What a tokenizer appends, such as an end token after fine-tuning, is taken off where the model generates, as
        something is to follow. What it puts in front is there once, also where the text has it already, as that of a
        chat template may. Tokens are taken as they are.

        Raises:
            InvalidInput: the text has no tokens, or one that the model has no embedding for.
        """
        if not isinstance(text, str):
            return self._known(list(text))
        ids = self._ids(text)
        if self._appended and tuple(ids[-len(self._appended) :]) == self._appended:
            ids = ids[: -len(self._appended)]
        size = len(self._prepended)
        if size and tuple(ids[size : 2 * size]) == self._prepended == tuple(ids[:size]):
            ids = ids[size:]
        if not ids:
            raise InvalidInput(f"the prompt {text!r} has no tokens; a model needs at least one to start from")
        return self._known(ids)

    def encode_pair(
        self, prompt: str | tuple[int, ...], continuation: str | tuple[int, ...], *, move_space: bool = True
    ) -> tuple[list[int], list[int]]:
        """Token ids of a prompt and of what follows it, as they are when both are tokenised together.

        White space at the end of the prompt becomes the beginning of the continuation, as in lm-evaluation-harness:
        most tokenizers have one token for a word with the space before it. Not so with `move_space=False`, for what is
        to follow exactly this prompt in generation. Where a token straddles the border both are tokenised on their own.
        Tokens are taken as they are.

        Raises:
            InvalidInput: one is a text and the other one tokens.
        """
        if not isinstance(prompt, str) or not isinstance(continuation, str):
            if isinstance(prompt, str) or isinstance(continuation, str):
                raise InvalidInput("a prompt and its continuation are both texts or both tokens; encode the text first")
            return self.encode(prompt), self._known(list(continuation))
        kept = prompt.rstrip() if move_space else prompt
        if kept and kept != prompt:
            prompt, continuation = kept, prompt[len(kept) :] + continuation
        before = self.encode(prompt)
        whole = self.encode(prompt + continuation)
        if len(whole) > len(before) and whole[: len(before)] == before:
            return before, whole[len(before) :]
        return before, self._known(self._ids(continuation, special=False))

    def encode_bare(self, text: str) -> list[int]:
        """Token ids of a text without special tokens."""
        return self._known(self._ids(text, special=False))

    @property
    def prefix_id(self) -> int:
        """What stands before a text without a context: the tokenizer's first token, or its last where it has none."""
        tokenizer = self._tokenizer()
        begin = tokenizer.bos_token_id
        return int(tokenizer.eos_token_id if begin is None else begin)

    @cached_property
    def _appended(self) -> tuple[int, ...]:
        """Special tokens that the tokenizer puts behind a text, where the model goes on from there."""
        return self._around[1] if self.hf.can_generate() else ()

    @property
    def _prepended(self) -> tuple[int, ...]:
        """Special tokens that the tokenizer puts in front of a text."""
        return self._around[0]

    @cached_property
    def _around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Special tokens that the tokenizer puts in front of a text, and behind it."""
        bare, whole = self._ids("a", special=False), self._ids("a")
        starts = [i for i in range(len(whole) - len(bare) + 1) if whole[i : i + len(bare)] == bare]
        if not bare or not starts:
            return (), ()
        return tuple(whole[: starts[0]]), tuple(whole[starts[0] + len(bare) :])

    def _known(self, ids: list[int]) -> list[int]:
        rows = self.hf.get_input_embeddings().weight.shape[0]
        beyond = max(ids, default=0)
        if beyond >= rows:
            token = self._tokenizer().convert_ids_to_tokens(beyond)
            raise InvalidInput(
                f"the tokenizer of {self.name} gives the token {token!r} the id {beyond}, and the model has embeddings "
                f"for {rows} tokens only: they don't belong together; use the tokenizer of this checkpoint"
            )
        return ids

    def _ids(self, text: str, *, special: bool = True) -> list[int]:
        with self._tokenizing("encode", text):
            # Not verbose: a text beyond the context is the caller's to refuse (`require_room`), not to warn about.
            return list(self._tokenizer()(text, add_special_tokens=special, verbose=False)["input_ids"])

    @contextmanager
    def _tokenizing(self, what: str, given: object) -> Iterator[None]:
        """Whatever a tokenizer dies of becomes one line: its files say what it does, and they may be damaged."""
        try:
            yield
        except InvalidInput:
            raise
        except Exception as error:
            raise InvalidInput(
                f"the tokenizer of {self.name} can't {what} {given!r:.60} ({first_line(error)}); its files may be "
                "damaged: download them again"
            ) from error

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        with self._tokenizing("decode", list(ids[:8])):
            return cast(str, self._tokenizer().decode(list(ids), skip_special_tokens=True))

    def decode_after(self, prompt: Sequence[int], ids: Sequence[int]) -> str:
        """Text of the tokens after a prompt; some tokenizers drop the space that a text on its own begins with."""
        before = self.decode(prompt)
        whole = self.decode([*prompt, *ids])
        return whole[len(before) :] if whole.startswith(before) else self.decode(ids)

    def logits(
        self,
        input_ids: torch.Tensor,
        chain: Chain | None = None,
        *,
        attention_mask: torch.Tensor | None = None,
        exit: Exit | None = None,
    ) -> torch.Tensor:
        """Logits [B, T, V] of `input_ids` [B, T] under one chain (None: `chain`), read off where `exit` says."""
        inputs = {"input_ids": input_ids.to(self.device)}
        if attention_mask is not None:
            inputs["attention_mask"] = attention_mask.to(self.device)
        with torch.inference_mode(), self._running(chain or self.chain, "own", exit, every=True):
            return cast(torch.Tensor, self.hf(**inputs, use_cache=False).logits)

    def generate(
        self,
        prompts: str | Sequence[str],
        *,
        chain: Chain | Sequence[Chain] | None = None,
        max_new_tokens: int = 64,
        stop: Sequence[str] = (),
        cache_policy: str | None = None,
        **settings: Any,
    ) -> list[str]:
        """Continue prompts under a chain with the model's stock `generate`; greedy unless `settings` say otherwise.

        Args:
            prompts: one text or several.
            chain: one for all prompts, or one for each; None: `chain`, the identity unless it was opened with one.
            max_new_tokens: at most this many tokens each.
            stop: texts at which a text ends, see `skiploop.models.stops`.
            cache_policy: which keys and values loops leave for later tokens, see `skiploop.chains.policy`; None:
                `cache_policy` of the model, `own` unless it was opened with another.
            **settings: passed on to `generate`, e.g. `num_beams=4` or `do_sample=True, temperature=0.7`; `exit`, which
                reads tokens off earlier slots (see `skiploop.models.exits`); or `route`, what chooses a chain for each
                prompt (see `skiploop.routing.router`), beside which there is no other setting.

        Raises:
            InvalidInput: numbers of chains and prompts differ, a prompt leaves no room for the answer, there is no
                such policy, or a setting would give something else than one text for each prompt.
        """
        whole_number("max_new_tokens", max_new_tokens, 1)
        policy = checked_policy(self.cache_policy if cache_policy is None else cache_policy)
        texts = [prompts] if isinstance(prompts, str) else list(prompts)
        if (route := settings.pop("route", None)) is not None:
            if chain is not None or settings or policy != "own":
                raise InvalidInput("a route chooses the chain and decodes greedily; leave chain and other settings out")
            return self._routed(route, texts, max_new_tokens, tuple(stop))
        if chain is None or isinstance(chain, Chain):
            chains = [chain or self.chain] * len(texts)
        else:
            chains = list(chain)
        if len(chains) != len(texts):
            raise InvalidInput(f"{len(texts)} prompts and {len(chains)} chains; give one chain, or one for each prompt")
        rule = settings.pop("exit", None)
        refuse_other_forms(settings)
        self.require_generation()
        for text in texts:
            self.require_room(text, max_new_tokens)
        rows: dict[Chain, list[int]] = defaultdict(list)
        for row, wanted in enumerate(chains):
            rows[wanted].append(row)
        answers = [""] * len(texts)
        for wanted, members in rows.items():
            for start in range(0, len(members), _GENERATE_BATCH):
                batch = members[start : start + _GENERATE_BATCH]
                limits = {"max_new_tokens": max_new_tokens, "stop": tuple(stop)}
                with self._running(wanted, policy, rule):
                    generated = self._generate([texts[row] for row in batch], limits | settings)
                for row, text in zip(batch, generated, strict=True):
                    answers[row] = text
        return answers

    def _running(
        self, chain: Chain, policy: CachePolicy, rule: Exit | None, *, every: bool = False
    ) -> AbstractContextManager[Any]:
        if rule is None:
            return run_chain(self.hf, chain, cache_policy=policy)
        return run_exit(self.hf, chain, rule, cache_policy=policy, every=every)

    def _routed(self, route: Route, texts: list[str], max_new_tokens: int, stop: tuple[str, ...]) -> list[str]:
        self.require_generation()
        for text in texts:
            self.require_room(text, max_new_tokens)
        return route.generate(self, texts, max_new_tokens=max_new_tokens, stop=stop)

    def require_generation(self) -> None:
        """Refuse a model that can't generate text.

        Raises:
            UnsupportedModel: an encoder, for instance; `run_chain` still works on it.
        """
        if not self.hf.can_generate():
            raise UnsupportedModel(
                f"{self.name} ({type(self.hf).__name__}) can't generate text: chains run on it with run_chain, but "
                "searching and generating need a causal language model"
            )

    def require_room(self, prompt: str, new_tokens: int, what: str = "the prompt") -> None:
        """Refuse a prompt that doesn't fit into the model's context together with its answer.

        Raises:
            InvalidInput: with the number of tokens and the limit.
        """
        limit = self.context_length
        if limit is None:
            return
        tokens = len(self.encode(prompt))
        if tokens + new_tokens > limit:
            raise InvalidInput(
                f"{what} ({prompt[:40]!r}...) has {tokens} tokens; with {new_tokens} for the answer, that is more than "
                f"the {limit} of {self.name}; shorten it, or lower --max-new-tokens"
            )

    def _generate(self, prompts: list[str], settings: dict[str, Any]) -> list[str]:
        """The texts under the chain that is active."""
        rows, stop = [self.encode(prompt) for prompt in prompts], settings.pop("stop")
        longest, ends = max(map(len, rows)), (*self.eos_ids, *stop_tokens(self.tokenizer, stop))
        pad = ends[0] if ends else 0  # never looked at: padding is masked
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows], device=self.device)  # [B, T]
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=self.device)
        if stop:
            settings["stopping_criteria"] = [StopCriteria(self, rows, stop), *settings.get("stopping_criteria", ())]
        with torch.inference_mode(), own_settings_aside(self.hf, ends, pad):
            try:
                output = self.hf.generate(input_ids=ids, attention_mask=mask, **{"do_sample": False, **settings})
            except Exception as error:
                if set(settings) <= _LIMITS or isinstance(error, (InvalidInput, UnsupportedModel)) or ran_out(error):
                    raise
                given = " ".join(f"{settings}".split())
                raise InvalidInput(f"generate with {given:.120} doesn't work: {first_line(error)}") from error
        return [self.text_of(row, new, stop) for row, new in zip(rows, output[:, longest:].tolist(), strict=True)]

    def text_of(self, prompt: Sequence[int], new: Sequence[int], stop: Sequence[str] = ()) -> str:
        """The text of new tokens after a prompt, up to the one that ends it or to a stop string."""
        ends = {*self.eos_ids, *stop_tokens(self.tokenizer, stop)}
        end = next((i for i, token in enumerate(new) if token in ends), len(new))
        return cut_at_stop(self.decode_after(prompt, new[:end]), stop)

    def _tokenizer(self) -> Any:
        if self.tokenizer is None:
            raise InvalidInput(f"the model {self.name} was wrapped without a tokenizer; pass one to LayeredModel")
        return self.tokenizer
