"""Memory that tensors give back stays with the process."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

_FAULTS = """
import resource, sys
from skiploop.engine.allocator import keep_freed_memory
import torch

def layer():  # tensors of a layer call on 1024 tokens, allocated and freed in its order
    hidden = torch.ones(1024 * 576)
    for _ in range(3):
        up = torch.ones(1024 * 1536)
        product = torch.sigmoid(up) * up
        hidden = hidden + 1

kept = keep_freed_memory() if sys.argv[1] == "keep" else False
for _ in range(5):
    layer()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    layer()
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(mode: str, **extra: str) -> tuple[bool, int]:
    """Whether memory is kept, and the page faults of ten layer calls after five to get used to."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", _FAULTS, mode]
    done = subprocess.run(command, env=clean | extra, capture_output=True, text=True, check=True)
    kept, count = done.stdout.split()
    return kept == "True", int(count)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    kept, count = faults("keep")
    assert kept
    assert count < faults("leave")[1] / 4


def test_settings_of_the_user_stand() -> None:
    assert faults("keep", MALLOC_TRIM_THRESHOLD_="100000")[0] is False
