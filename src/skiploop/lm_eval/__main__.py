"""`python -m skiploop.lm_eval`: the command line of lm-evaluation-harness, with the model `skiploop` in it."""

from __future__ import annotations

import sys

from skiploop.errors import InvalidInput, UnsupportedModel
from skiploop.lm_eval.extra import require_lm_eval


def main() -> None:
    """Registers the model, and lets lm-evaluation-harness read the command line."""
    try:
        require_lm_eval()
        from lm_eval.__main__ import cli_evaluate
        from lm_eval.api.registry import register_model

        from skiploop.lm_eval.model import SkiploopLM

        register_model("skiploop")(SkiploopLM)
        cli_evaluate()
    except (InvalidInput, UnsupportedModel) as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
