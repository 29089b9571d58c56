#!/usr/bin/env bash
# Routers on nano and, where MODEL and ARC_EASY are given, on a model of the hub with shots; see docs/routing.md.
#   bash recipes/route.sh [OUT]
#   MODEL=runs/smollm2 ARC_EASY=arc_easy.jsonl SHOTS=shots.jsonl bash recipes/route.sh
# On one idle core: nano 3 minutes, SmolLM2-135M on 120 questions 15. Both can be interrupted and resumed.
set -euo pipefail
out=${1:-runs/route}
skiploop route train --model nano --task nano --limit "${NANO_INPUTS:-480}" --samples 3 --out "$out/nano" --threads 1
skiploop route eval "$out/nano" --plot
[ -n "${MODEL:-}" ] || exit 0
skiploop route train --model "$MODEL" --task "arc-easy:$ARC_EASY" --dtype float32 --threads 1 --limit "${INPUTS:-120}" \
  --prompt lm-eval --chat off --shots 3 --shots-from "$SHOTS" --prompts 2 --chooser mix \
  --menu "0-18 20-29" --menu "0-15 17-29" --menu "0-19 22-29" --menu "0-19 20-21x2 22-29" \
  --menu "0-13 14-17x2~.5 18-29" --out "$out/arc_easy"
skiploop route eval "$out/arc_easy" --plot
