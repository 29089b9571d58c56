"""The tokenizer of `nano`: one token per printable ASCII character, plus one token per family keyword.

The keywords (`sort:` and so on) keep prompts short. Each ends with a colon, which no answer contains, so
every answer has exactly one tokenisation, and prompt + answer tokenises as the prompt followed by the
answer.
"""

from __future__ import annotations

from pathlib import Path

from problems import KEYWORDS
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

PAD, BOS, EOS, UNK = "<pad>", "<bos>", "<eos>", "<unk>"
PAD_ID, BOS_ID, EOS_ID, UNK_ID = range(4)


def build_tokenizer() -> Tokenizer:
    """Split into keywords and characters, look each up, put BOS in front; decoding glues the pieces."""
    pieces = [PAD, BOS, EOS, UNK, *KEYWORDS, *map(chr, range(32, 127))]
    tokenizer = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token=UNK))
    # [\s\S] so that a newline, too, is a piece of its own (it becomes <unk>).
    pattern = "|".join((*KEYWORDS, r"[\s\S]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A", pair=f"{BOS} $A $B", special_tokens=[(BOS, BOS_ID)]
    )
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([PAD, BOS, EOS, UNK])
    return tokenizer


def save_tokenizer(folder: Path, max_length: int) -> None:
    """Write tokenizer.json and tokenizer_config.json for `AutoTokenizer.from_pretrained(folder)`."""
    PreTrainedTokenizerFast(
        tokenizer_object=build_tokenizer(),
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        model_max_length=max_length,
    ).save_pretrained(folder)
