r"""Units that may stand behind a number, and words that make another number of it.

What isn't in the table is no unit of a formula: `3\mathrm{i}`, `2\mathrm{e}` and `5x` keep their last letter. Two
answers whose units are both known must have the same one: 12 cm isn't 12 m.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def word_set(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_NAMES = {
    "metre": "m meter meters metre metres",
    "centimetre": "cm centimeter centimeters centimetre centimetres",
    "millimetre": "mm millimeter millimeters millimetre millimetres",
    "kilometre": "km kms kilometer kilometers kilometre kilometres",
    "inch": "inch inches",
    "foot": "ft foot feet",
    "yard": "yd yds yard yards",
    "mile": "mi mile miles",
    "gram": "g gm gms gram grams",
    "kilogram": "kg kgs kilo kilos kilogram kilograms",
    "milligram": "mg milligram milligrams",
    "ounce": "oz ounce ounces",
    "pound": "lb lbs pound pounds",
    "ton": "ton tons tonne tonnes",
    "second": "s sec secs second seconds",
    "minute": "min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "day days",
    "week": "wk wks week weeks",
    "month": "month months",
    "year": "yr yrs year years",
    "litre": "l liter liters litre litres",
    "millilitre": "ml milliliter milliliters millilitre millilitres",
    "gallon": "gal gallon gallons",
    "quart": "quart quarts",
    "pint": "pint pints",
    "degree": "° deg degs degree degrees",
    "radian": "rad rads radian radians",
    "percent": "% percent pct percentage",
    "dollar": "dollar dollars usd",
    "cent": "cent cents",
    "euro": "euro euros eur",
    "rupee": "rs rupee rupees",
    "mile/hour": "mph",
    "kilometre/hour": "kmh kph km/h km/hr",
    "metre/second": "m/s m/sec",
    "a.m.": "am a.m",
    "p.m.": "pm p.m",
    "": "unit units",  # a unit, but no particular one
}
UNITS = {name: unit for unit, names in _NAMES.items() for name in names.split()}
# Alone behind a number in a formula these could be variables: 3 m, 5 h.
_LETTERS = frozenset(name for name in UNITS if len(name) == 1 and name.isalpha())
# A number with one of these behind it is another number, or none.
OTHER_SCALES = word_set(
    "mio mrd mill thou milliard milliards milliarden millionen tausend billones millones wan "
    "тысяч тысячи тысяча миллион миллиона миллионов миллиард"
)
CHANGING = OTHER_SCALES | word_set(
    "squared cubed doubled tripled halved lakhs crores mille ppm ppb bps basis score scores grand mil googol myriad "
    "tens gazillion zillion bajillion kilo mega giga tera milli micro nano hundredweight repeating recurring periodic "
    "factorial pi π tau sqrt root power exponent log ln exp sin cos tan sec csc cot arcsin arccos "
    "arctan cis det lcm gcd mod modulo base remainder r choose hundreds thousands millions billions trillions dozens "
    "gross tenth tenths hundredth hundredths thousandth thousandths millionth millionths half halves third thirds "
    "quarter quarters fourth fourths fifth fifths sixth sixths seventh sevenths eighth eighths ninth ninths twelfths "
    "bp hex hexadecimal octal binary fold something split "
    "below plus minus times multiplied divided or infinity point"
)
_POWERED = re.compile(r"(?P<name>.+?)(?:\^(?P<power>[23]))?")
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3, "squared": 2, "cubed": 3}


def known_unit(words: Sequence[str], *, letters: bool = True) -> tuple[str, int] | None:
    """The unit that a list of words begins with, such as `metre^2`, and how many words name it; None for none.

    Args:
        words: what stands behind the number, in order.
        letters: whether one letter alone may be a unit.
    """
    head = words[0].casefold() if words else ""
    if head in ("square", "sq", "cubic", "cu"):
        found = known_unit(words[1:2], letters=letters)
        return None if found is None else (_power(found[0], _POWERS[head]), 2)
    match = _POWERED.fullmatch(head)
    capital = len(words[0]) == 1 and words[0] not in ("l", "L") and words[0].isupper() if words else False
    if match is None or capital or match["name"] not in UNITS or (match["name"] in _LETTERS and not letters):
        return None
    unit = _power(UNITS[match["name"]], int(match["power"] or 1))
    if len(words) > 1 and words[1].casefold() in ("squared", "cubed"):
        return _power(unit, _POWERS[words[1].casefold()]), 2
    return unit, 1


def is_unit_text(text: str) -> bool:
    r"""Tell whether a \text{...} or \mathrm{...} behind an expression holds a unit and nothing else."""
    words = text.strip(" .").split()
    found = known_unit(words)
    if found is None:
        return False
    rest = words[found[1] :]
    return not rest or (rest[0] in ("per", "a", "each") and known_unit(rest[1:]) is not None)


def _power(unit: str, power: int) -> str:
    return unit if power == 1 or not unit else f"{unit}^{power}"
