"""How a chain is exported. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from skiploop.errors import InvalidInput
from skiploop.settings.flag import Flag

FORMS = {
    "flat": "a stock checkpoint; layers that run more than once are copies",
    "tied": "one copy of each layer, with a modelling file of its own (trust_remote_code)",
    "custom_generate": "code alone, for the generate of the base (trust_remote_code)",
    "gguf": "a file that llama.cpp reads; layers that run more than once are copies",
}
"""What an export can be, and what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSettings:
    """How a chain is exported.

    Attributes:
        form: one of `FORMS`.
        force: replace an export that is there already.
        push_to_hub: a repository to which the finished folder is uploaded, None: nowhere.
        private: make that repository a private one.
    """

    form: Annotated[str, Flag("; ".join(f"{name}: {what}" for name, what in FORMS.items()))] = "flat"
    force: Annotated[bool, Flag("Replace an export that is there already.")] = False
    push_to_hub: Annotated[str | None, Flag("Upload it to this repository, such as me/smollm2-looped.")] = None
    private: Annotated[bool, Flag("Make that repository a private one.")] = False

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise InvalidInput(f"unknown form {self.form!r} of an export; use one of {', '.join(FORMS)}")
        if self.private and self.push_to_hub is None:
            raise InvalidInput("private is said of a repository on the hub; give push_to_hub (--push-to-hub), too")
