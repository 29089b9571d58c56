r"""Sentences that state a number: which one they give as the answer, or that they don't give one.

A search over many chains finds whatever is judged right by mistake, so a sentence is read only where what stands
around its number leaves no doubt. "18 or 20", "not 18", "3-4", "10 more than 8", "3 times 6" and "5 feet 6 inches"
give no number; "18 dollars for 2 days" and "3 * 6 = 18" do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from skiploop.tasks.answers.digits import plain_text
from skiploop.tasks.answers.numeric import AnswerWord, Number, Quantity, harmless, quantities, words_of
from skiploop.tasks.answers.units import CHANGING, word_set

_ABBREVIATION = r"(?<!\bapprox)(?<!\bi\.e)(?<!\be\.g)(?<!\bvs)(?<!\bRs)(?<!\bNo)(?<!\bneg)"
SENTENCE_END = re.compile(rf"(?<=\S){_ABBREVIATION}(?:[.;?]|(?<![0-9])!)[.;!?]*(?=\s|$|[\"'”’)])")
DENIAL = re.compile(
    r"\b(?:not|never|neither|nor|cannot|without|except|unless|doubt|wrong|incorrect|false|mistaken|unlikely|rather than"
    r"|instead of|(?:anything|everything|all) but|worst|least likely|rules? out|ruled out|eliminate[sd]?"
    r"|impossible|unknown|undefined"
    r"|used to be|too (?:small|large|big|low|high)"
    r"|if (?:it|the answer|that|this|x) (?:is|was|were))\b|n['’]t\b|\bno\b(?! \d)",
    re.IGNORECASE,
)
_CERTAIN = re.compile(r"\bno (?:more|less|doubt|longer|matter|one)\b|\bnot only\b", re.IGNORECASE)
# Before a number these make it a bound, a part of a sum, or one of several.
_BEFORE = word_set(
    "than least most above below under over between either or half twice double triple thrice times plus minus less "
    "more fewer per to by divided multiplied without except square cube root sqrt log maximum minimum max min upto "
    "within nearly almost beyond exceeding fraction ratio sum product difference question problem step option point "
    "hardly barely scarcely near before after besides beside page chapter exercise hex hexadecimal octal binary "
    "base < ± not × * / ÷ + - ^ x – and from"
)
_EQUAL_TO = word_set("equal equals comes amounts up adds evaluates simplifies reduces rounds rounded leads")
# Between two numbers these make them one expression, or two candidates.
_BETWEEN = word_set(
    "or over than by times plus minus divided multiplied out versus vs through thru point above × * / ÷ + - ^ x – ± < "
    "mod modulo base point"
)
_JOINS = word_set("to and & then")
_LINKS = word_set(
    "because since as so for per of in at on after before every each which that who when while where if with from a "
    "an the is are was were has have had will would can there here this these those it he she they we you i his her "
    "their its not leaving giving making given given therefore thus hence remaining using by through"
)
# What makes another number of the one before it, or a part of one.
_CHANGED = re.compile(
    r"\b(?:with|and|leaving) (?:an? |the )?remainder\b|^r\d+\b|^(?:more|less|fewer|greater|smaller) than [a-z]\b"
    r"|^per (?:mille|hundred|thousand|million)\b"
    r"|^and (?:an? (?:bit|few|little)|up|over|under|more|change|some|counting|above|below|odd)\b"
    r"|^to the (?:power|square|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|nth|[0-9]+[a-z]*)\b"
    r"|^(?:under|short|behind|in debt|in the red)$|^fails?\b"
)
_LESS_THAN_NOTHING = re.compile(
    r"\b(?:loss|deficit|shortfall|debt|opposite|negative|reciprocal|inverse|thirds?|quarters?|fourths?|fifths?|tenths?"
    r"|multiple|factor|divisor|power|logarithm) of$|\bas (?:many|few|much|little|high|low) as$"
)
_FAILS = re.compile(r"\b(?:fails?|contradicts?|contradiction)\b")
_SCALES = "tens|hundreds|thousands|millions|billions|dozens|hex|hexadecimal|octal|binary"
_SCALED = re.compile(rf"\bin (?:the )?(?:{_SCALES})\b")
_LONGEST = 2000  # characters of a sentence; one that is longer comes from a model that loops
_REASON = re.compile(r"\b(?:because|since)\b")
_VARIABLES = re.compile(r"\b[A-Za-z]\s*=[^=]*?(?:\band\b|\bor\b|[,;])[\s$]*[A-Za-z]\s*=")


def stated_number(statement: str) -> Number | str | None:
    """The number that a statement (what follows "the answer is") gives: its first, behind the last `=`.

    Returns the statement itself where it holds a number but can't be read as one, and None where it holds none.
    """
    if len(statement) > _LONGEST:
        return statement[:_LONGEST]
    sentence = first_sentence(statement)
    if left_open(statement, sentence):
        return statement.strip()
    for part in dict.fromkeys([_REASON.split(sentence, maxsplit=1)[0], sentence, statement]):
        words, found = _behind_equals(part)
        if found:
            chosen = found[0]
            clear = not _VARIABLES.search(part) and _clear(words, found, 0)
            return chosen.number if clear and chosen.number is not None else statement.strip()
    return None


def last_number(text: str) -> Number | str | None:
    """The last number of a text, under the same conditions for its sentence; a lone "one" or "half" is no number."""
    for sentence in reversed(sentences(text)):
        if len(sentence) > _LONGEST:
            return sentence[-_LONGEST:]
        words, found = _behind_equals(sentence)
        telling = [q for q in found if q.number is None or words[q.first].says not in ("one", "a", "an", "half")]
        if telling:
            place = found.index(telling[-1])
            asked = sentence.rstrip().endswith("?")
            clear = not asked and not _VARIABLES.search(sentence) and _clear(words, found, place)
            number = telling[-1].number
            return number if clear and number is not None else sentence.strip()
    return None


def bare_number(line: str) -> Number | None:
    """The number of a line whose first sentence is a number with its unit, and nothing else ("18 dollars per day.")."""
    sentence = first_sentence(line)
    if len(sentence) > _LONGEST:
        return None
    words = words_of(plain_text(sentence))
    found = quantities(words)
    if not found or found[0].number is None or found[0].first or left_open(line, sentence):
        return None
    rest = words[found[0].end :]
    said = [word.says for word in rest]
    counted = len(rest) < 7 and harmless(rest) and not _LINKS.difference(_NOUN_LINKS) & set(said)
    return found[0].number if counted and _clear(words, found, 0) and not _enumerated(line) else None


_NOUN_LINKS = word_set("for per of in a an the each every at")


def first_sentence(text: str) -> str:
    """The text up to the end of its first sentence, without the period."""
    return SENTENCE_END.split(text.strip(), maxsplit=1)[0].strip()


def left_open(text: str, sentence: str) -> bool:
    """Whether the first sentence of a text asks, or another number follows it as a second candidate ("18; 20")."""
    return re.match(r"\?|\s*;\s*(?:or\s+)?[-+$]?\d", text.strip()[len(sentence) :]) is not None


def sentences(text: str) -> list[str]:
    """The sentences of a text, with what ends them; a line break ends one, too."""
    found = []
    for line in text.splitlines():
        start = 0
        for match in SENTENCE_END.finditer(line):
            found.append(line[start : match.end()])
            start = match.end()
        found.append(line[start:])
    return [sentence for sentence in found if sentence.strip()]


def denied(text: str) -> bool:
    """Tell whether a text says that something isn't so."""
    return bool(DENIAL.search(_CERTAIN.sub("", plain_text(text))))


def _behind_equals(sentence: str) -> tuple[list[AnswerWord], list[Quantity]]:
    """The words behind the last `=` that has a number behind it, and their quantities."""
    words = words_of(plain_text(_without_asides(sentence)))
    places = [at for at, word in enumerate(words) if word.says == "="]
    for at in reversed(places):
        found = quantities(words[at + 1 :])
        if found:
            return words[at + 1 :], found
    return words, quantities(words)


def _without_asides(sentence: str) -> str:
    """Drop what stands in brackets behind a word, but not a base, a scale or another candidate."""
    kept = rf"(?![^()]*\b(?:or|base|mod|modulo|wrong|incorrect|{_SCALES})\b)"
    return re.sub(rf"(?<=[\w%$])\s+\({kept}[^()]*[A-Za-z=][^()]*\)", "", sentence)


def _clear(words: Sequence[AnswerWord], found: Sequence[Quantity], place: int) -> bool:
    """Tell whether nothing around a quantity makes it another number, one of several, or denied."""
    chosen = found[place]
    before = words[found[place - 1].end if place else 0 : chosen.first]
    after = words[chosen.end :]
    nexts = found[place + 1].first - chosen.end if place + 1 < len(found) else None
    share = nexts == 1 and after[0].says == "of" and chosen.number is not None and chosen.number.unit == "percent"
    ordinal = re.fullmatch(r"[0-9]+th", words[chosen.first].says) and before and before[-1].says in ("a", "an", "one")
    return (
        not share  # 18% of 50
        and not ordinal  # an 18th
        and not _SCALED.search(" ".join(word.says for word in words))
        and not _spoils(before, first=not place)
        and not _denies(after, words[chosen.end - 1])
        and (nexts is None or _apart(after[:nexts], words[chosen.end - 1]))
    )


def _spoils(before: Sequence[AnswerWord], *, first: bool) -> bool:
    """Whether the words in front of a number, back to the one before it, make it a part of something else."""
    clause = before
    for at in range(len(before) - 1, -1, -1):
        if before[at].after.strip("*_\"'”’)").startswith((",", ";", ":")):
            clause = before[at + 1 :]
            if before[at].after.endswith(":") and denied(before[at].says):
                return True
            break
    says = [word.says or word.written or word.before + word.after for word in clause]
    said = " ".join(says)
    if denied(said) or _LESS_THAN_NOTHING.search(said) or {"or", "either", "neither", "between"} & set(says):
        return True
    if not says:
        return not first and clause is before
    if not first and clause is before and (says[0] == "of" or said in ("in", "out of")):
        return True  # 18% of 50, 1 in 18, 1 out of 18
    if says[-1] == "to" and len(says) > 1 and says[-2] in _EQUAL_TO | {"up", "down", "back"}:
        return says[-2] == "up" and (len(says) == 2 or says[-3] in ("is", "was", "be"))
    return says[-1] in _BEFORE or (len(says) > 1 and says[-1] in ("of", "the", "a") and says[-2] in _BEFORE | {"half"})


def _denies(after: Sequence[AnswerWord], last: AnswerWord) -> bool:
    """Whether the words behind a number, to the end of its clause, change or deny it."""
    if last.after.startswith((",", ";", ":")) and after and after[0].says not in ("or", "and"):
        said = " ".join(word.says for word in after)
        return after[0].says in ("which", "wrong", "incorrect") and (denied(said) or bool(_FAILS.search(said)))
    clause: list[str] = []
    for word in after:
        clause.append(word.says or word.before + word.after)
        if word.after.strip("*_").startswith((",", ";", ":")):
            break
    head = clause[:1] if clause and clause[0] not in _LINKS else []
    imaginary = bool(after) and after[0].written == "i"
    single = imaginary or (
        bool(head) and ((len(head[0]) == 1 and head[0] not in "ai&–") or re.search("[0-9]", head[0]) is not None)
    )
    symbol = bool(head) and not head[0][0].isalnum() and head[0] not in ("&", "–", "(", ")")
    upto = next((at for at, word in enumerate(clause) if word in _LINKS), len(clause))
    said = " ".join(clause)
    changed = any(word in CHANGING for word in clause[:upto]) or "or" in clause
    verb = re.search(r"\b(?:[a-z]+n['’]t|is|are|was|be|seems?|looks?|can|cannot|could|may|does|did|would)\b.*", said)
    changed = changed or bool(_CHANGED.search(said))
    return single or symbol or changed or bool(clause[:1] == ["not"]) or bool(verb and denied(verb.group()))


def _apart(between: Sequence[AnswerWord], last: AnswerWord) -> bool:
    """Whether a number that follows is said of something else: "18 dollars for 2 days", not "18 or 20"."""
    says = [word.says or word.before + word.after for word in between]
    if not says or set(says) & _BETWEEN or says[-1] in _JOINS:
        return not set(says) & _BETWEEN and bool(says) and says[-1] == "then" and len(says) > 1
    return bool(set(says) & _LINKS)


def _enumerated(line: str) -> bool:
    """Whether a line begins an enumeration: `1. First, ...`."""
    return re.match(r"\s*[(*]*1[.):]\**\s+\S", line) is not None
