"""Text from elsewhere is shown without its effects."""

from __future__ import annotations

from skiploop.storage.foreign_text import shown


def test_text_that_acts_is_shown_as_escapes_and_letters_stay() -> None:
    assert shown("\x1b[2J\x07\r") == r"\x1b[2J\x07\x0d"
    assert shown("\u202eabc\u2066\U000e0041\ud800") == r"\u202eabc\u2066\U000e0041\ud800"
    kept = "a\nb\tü 数 العربية \u200d👩\u200d🔬 [red]x[/red] 1\u00a0%"
    assert shown(kept) == kept
