"""Settings for all tests: no network, one thread, no deadlines, the same examples each time."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Where transformers copies the code of exported models that are opened.
os.environ.setdefault("HF_MODULES_CACHE", str(Path(tempfile.gettempdir()) / "skiploop-tests-modules"))

import torch
from hypothesis import HealthCheck, settings

# Deadlines fail on a loaded machine, and examples drawn anew fail for somebody who changed something else.
settings.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# Matrices of width 32 are faster on one thread, and a second process may own the other core.
torch.set_num_threads(1)
