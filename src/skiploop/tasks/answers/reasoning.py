"""What a reasoning model says before it answers, in <think> and its kind, is no answer."""

from __future__ import annotations

import re

_NAMES = (
    r"(?:[\w-]+[:_-])?(?:think|thinking|thought|thoughts|reason|reasons|reasoning|reflection|reflections|reflect|scratch"
    r"|scratchpad|analysis|cot|monologue|rationale|deliberation|internal|draft|plan|planning)"
)
_OPEN = (
    rf"<\s*{_NAMES}(?:\s[^<>]*)?>|\[{_NAMES}\]|◁{_NAMES}▷|<\|{_NAMES}\|>|<unused94>"
    r"|<\|(?:begin_of_thought|START_THINKING)\|>"
)
_CLOSE = (
    rf"<\s*/\s*{_NAMES}\s*>|\[/{_NAMES}\]|◁/{_NAMES}▷|<\|/{_NAMES}\|>|<unused95>"
    r"|<\|(?:end_of_thought|END_THINKING)\|>"
)
# Closing ones first: <|end_of_thought|> has the name of a thought in it, too.
_TAG = re.compile(rf"(?P<close>{_CLOSE})|(?P<open>{_OPEN})", re.IGNORECASE)
# Channels: <|channel|>analysis<|message|>... <|channel|>final<|message|>answer<|return|>, or <|channel>thought ...
_CHANNEL = re.compile(
    r"<\|?channel\|?>\s*(?P<name>\w+)[^<\n]*(?:<\|message\|>|\n|(?=<))|<channel\|>|(?<![A-Za-z])assistantfinal"
)
_SPECIAL = re.compile(r"<\|?(?:end|return|start|call|message|turn)\|?>")
# The same, decoded without its special tokens: "analysisWe need ...assistantfinal18".
_BARE_CHANNEL = re.compile(
    r"^(?:analysis|commentary)(?=[A-Z0-9])(?P<body>.*?)(?:assistantfinal(?P<final>.*))?$", re.DOTALL
)
_TAKEN_BACK = re.compile(
    r"(?:^|(?<=[.!?\n]))[\s\"'*]*(?:(?:oh|no|hmm|but|ah)\b[,. ]*)?"
    r"(?:(?:wait|hold on|scratch that|correction|oops|my mistake)\b\s*[,.:!…—-]|actually,? (?:no|that|this|it)\b"
    r"|(?:edit|update|sorry|apologies)\s*[,:])"
    r"|(?<=[.!?\n…])[\s\"'*]*no,\s+(?=(?:it|that|the answer)\b|[-$(\\]*[0-9])|\b(?:i mean|make that|or rather)\b"
    r"|\b(?:that|this|it)(?:['’]s| is| was) (?:(?:not|n['’]t) (?:right|correct|the answer)|wrong|incorrect|a mistake)\b"
    r"|\b(?:that|this|it) (?:isn|wasn)['’]t (?:right|correct|the answer)\b",
    re.IGNORECASE,
)
_STRUCK = re.compile(r"~~(?=\S).*?~~|<(s|del|strike)>.*?</\1>", re.IGNORECASE | re.DOTALL)
_ANSWER_TOKEN = re.compile(r"<\|(?:(?:begin|end)_of_solution|(?:START|END)_RESPONSE)\|>")
_END_OF_SENTENCE = re.compile(r"^\s*[.,;:!?]+(?=\s)")


def after_reasoning(text: str) -> str:
    """Return the text that follows the last block of reasoning; nothing where that block is never closed.

    A closing tag without an opening one counts: chat templates of reasoning models open the block in the prompt.
    """
    channels = list(_CHANNEL.finditer(text))
    if channels:
        return _final_channel(text, channels)
    bare = _BARE_CHANNEL.match(text)
    if bare:
        return bare["final"] or ""
    depth, end = 0, 0
    for tag in _TAG.finditer(text):
        depth = depth + 1 if tag["open"] else 0
        end = tag.end() if tag["close"] else end
    return "" if depth else text[end:]


def final_part(text: str) -> str:
    """Return the text behind the reasoning and behind the last place where it takes back what it said before.

    "18. Wait, that's wrong. It should be 20." says 20, and "18? No, that's wrong." says nothing.
    """
    text = _STRUCK.sub("", _ANSWER_TOKEN.sub("", after_reasoning(text)))
    taken_back = list(_TAKEN_BACK.finditer(text))
    return _END_OF_SENTENCE.sub("", text[taken_back[-1].end() :]) if taken_back else text


def _final_channel(text: str, channels: list[re.Match[str]]) -> str:
    last = channels[-1]
    if last["name"] not in (None, "final"):
        return ""
    return _SPECIAL.split(text[last.end() :].removeprefix("<|message|>"), maxsplit=1)[0]
