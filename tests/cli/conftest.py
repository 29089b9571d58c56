"""The study that reports are tested on."""

from tests.reporting.conftest import nano

__all__ = ["nano"]
