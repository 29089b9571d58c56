"""Ray, which is an extra."""

from __future__ import annotations

from importlib.util import find_spec

from skiploop.errors import InvalidInput


def require_ray() -> None:
    """Raises InvalidInput, saying how to install it, where Ray is missing."""
    if find_spec("ray") is None:
        raise InvalidInput('--ray needs the package ray, which isn\'t installed: pip install "skiploop[ray]"')
