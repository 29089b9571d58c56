"""The two exceptions of skiploop that a caller may want to catch."""

from __future__ import annotations


class InvalidInput(ValueError):
    """A value given by the user can't be used; the message says which, what is allowed, and the way out.

    Raised before work starts. The command line prints the message without a traceback and exits with 2.
    """


class UnsupportedModel(RuntimeError):
    """The model can't run chains exactly, or its stack of layers wasn't found; the message says why."""
