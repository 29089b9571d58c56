"""Settings for all tests: no network, two threads."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

# Matrices of width 32 are faster on one thread, and a second process may own the other core.
torch.set_num_threads(1)
