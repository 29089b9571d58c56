"""LayeredModel: a Hugging Face model with its tokenizer, run under chains of layers.

Shapes: B sequences, T tokens, V vocabulary, L layers of the model.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast

import torch
from transformers import PreTrainedModel

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.models.check import CheckReport, check_model
from skiploop.models.loading import fingerprint, load
from skiploop.models.replay import find_layers, run_chain

_GENERATE_BATCH = 64  # prompts that LayeredModel.generate runs together


class LayeredModel:
    """A pretrained model whose layers can be skipped, looped and reordered for each call; its weights never change.

    Attributes:
        hf: the model itself, unchanged.
        tokenizer: its tokenizer, or None (then only token ids can be given).
        num_layers: L.
        name, revision: where it came from.
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
        if tokenizer is not None and tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token

    @classmethod
    def from_pretrained(cls, name: str = "nano", **settings: Any) -> LayeredModel:
        """Load `nano`, a local folder, or a hub model.

        Args:
            name: what to load.
            **settings: `dtype`, `device`, `revision`, `attn_implementation`, `trust_remote_code` (off).

        Raises:
            InvalidInput: nothing can be loaded under that name; the message says what can.
            UnsupportedModel: an encoder-decoder, or no stack of layers was found.
        """
        loaded = load(name, **settings)
        return cls(loaded.model, loaded.tokenizer, name=loaded.name, revision=loaded.revision)

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
        """SHA-256 over config and sampled weights, to distinguish checkpoints."""
        return fingerprint(self.hf)

    @property
    def eos_ids(self) -> tuple[int, ...]:
        """Tokens that end a generation, the model's own first."""
        config = getattr(self.hf, "generation_config", None)
        ids = getattr(config, "eos_token_id", None)
        if ids is None and self.tokenizer is not None:
            ids = self.tokenizer.eos_token_id
        return tuple(ids) if isinstance(ids, list | tuple) else () if ids is None else (int(ids),)

    def check(self) -> CheckReport:
        """Refuse the model if chains can't be exact on it (`skiploop.models.check.check_model`)."""
        return check_model(self.hf)

    def encode(self, text: str) -> list[int]:
        """Token ids of a prompt, with the tokenizer's special tokens (a leading BOS where the model has one)."""
        # Not verbose: the caller refuses a text that is too long (`require_room`), so a warning here is of no use.
        ids = list(self._tokenizer()(text, verbose=False)["input_ids"])
        if not ids:
            raise InvalidInput(f"the prompt {text!r} has no tokens; a model needs at least one to start from")
        return ids

    def encode_pair(self, prompt: str, continuation: str) -> tuple[list[int], list[int]]:
        """Token ids of a prompt and of what follows it, as they are when both are tokenised together.

        Where a token straddles the border both are tokenised on their own.
        """
        before = self.encode(prompt)
        whole = self.encode(prompt + continuation)
        if len(whole) > len(before) and whole[: len(before)] == before:
            return before, whole[len(before) :]
        return before, list(self._tokenizer()(continuation, add_special_tokens=False)["input_ids"])

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        return cast(str, self._tokenizer().decode(list(ids), skip_special_tokens=True))

    def decode_after(self, prompt: Sequence[int], ids: Sequence[int]) -> str:
        """Text of the tokens after a prompt; some tokenizers drop the space that a text on its own begins with."""
        before = self.decode(prompt)
        whole = self.decode([*prompt, *ids])
        return whole[len(before) :] if whole.startswith(before) else self.decode(ids)

    def logits(
        self, input_ids: torch.Tensor, chain: Chain | None = None, *, attention_mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits [B, T, V] of `input_ids` [B, T] under one chain (None: the identity)."""
        inputs = {"input_ids": input_ids.to(self.device)}
        if attention_mask is not None:
            inputs["attention_mask"] = attention_mask.to(self.device)
        with torch.inference_mode(), run_chain(self.hf, chain or self.identity):
            return cast(torch.Tensor, self.hf(**inputs, use_cache=False).logits)

    def generate(
        self,
        prompts: str | Sequence[str],
        *,
        chain: Chain | Sequence[Chain] | None = None,
        max_new_tokens: int = 64,
        **settings: Any,
    ) -> list[str]:
        """Continue prompts under a chain with the model's stock `generate`; greedy unless `settings` say otherwise.

        Args:
            prompts: one text or several.
            chain: one for all prompts, or one for each; None is the identity.
            max_new_tokens: at most this many tokens each.
            **settings: passed on to `generate`, e.g. `num_beams=4` or `do_sample=True, temperature=0.7`.

        Raises:
            InvalidInput: numbers of chains and prompts differ, or a prompt leaves no room for the answer.
        """
        texts = [prompts] if isinstance(prompts, str) else list(prompts)
        if chain is None or isinstance(chain, Chain):
            chains = [chain or self.identity] * len(texts)
        else:
            chains = list(chain)
        if len(chains) != len(texts):
            raise InvalidInput(f"{len(texts)} prompts and {len(chains)} chains; give one chain, or one for each prompt")
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
                generated = self._generate([texts[row] for row in batch], wanted, max_new_tokens, settings)
                for row, text in zip(batch, generated, strict=True):
                    answers[row] = text
        return answers

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

    def _generate(self, prompts: list[str], chain: Chain, max_new_tokens: int, settings: dict[str, Any]) -> list[str]:
        tokenizer = self._tokenizer()
        batch = tokenizer(prompts, padding=True, padding_side="left", return_tensors="pt").to(self.device)
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        # None, because transformers warns about sampling settings of the checkpoint that aren't used.
        greedy = {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        if settings.get("do_sample"):
            greedy = {}
        with torch.inference_mode(), run_chain(self.hf, chain):
            output = self.hf.generate(
                **inputs,
                max_new_tokens=max_new_tokens,
                pad_token_id=tokenizer.pad_token_id,
                **{**greedy, **settings},
            )
        new = output[:, inputs["input_ids"].shape[1] :]
        return cast(list[str], tokenizer.batch_decode(new, skip_special_tokens=True))

    def _tokenizer(self) -> Any:
        if self.tokenizer is None:
            raise InvalidInput(f"the model {self.name} was wrapped without a tokenizer; pass one to LayeredModel")
        return self.tokenizer
