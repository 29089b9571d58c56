"""SmolLM2-135M-Instruct for tests that need a really pretrained model; recipes/smollm2.sh puts it in place."""

from __future__ import annotations

import pytest

from skiploop.models.loading import smollm2_folder

needs_smollm2 = pytest.mark.skipif(
    not (smollm2_folder() / "config.json").is_file(),
    reason=f"SmolLM2 isn't in {smollm2_folder()}: run recipes/smollm2.sh, or set SMOLLM2",
)
