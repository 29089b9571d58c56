#!/usr/bin/env bash
# Table 1 of CoLa (arXiv 2507.07996) for one model: ARC-easy, ARC-challenge and DART-Math 1 to 5, each searched among all
# chains, among those that only skip, and among those that only loop; with the controls that the paper leaves out.
#
#   recipes/cola_paper.sh MODEL [OUT] [FLAGS OF skiploop search ...]
#   LIMIT=5 BUDGET=10 TASKS="nano" recipes/cola_paper.sh nano runs/smoke       # a few seconds a cell, offline
#
# Given again, the same command goes on where it stopped; cells that are complete are only read. OUT has a folder for
# each cell (TASK/SPACE), and is runs/cola-MODEL unless given. What can be set in the environment:
#
#   LIMIT=500      inputs a cell, 0: all          BUDGET=200   distinct evaluations per input (the paper: simulations)
#   TASKS="..."    what skiploop search --task takes, separated by blanks, so no blanks within
#   SPACES="..."   cola skip loop                 SEED=0       of the searchers
#   DIFFICULTY=F   fail rates for dart-1:FILE ... (docs/tasks.md); none is needed for dart-1 ... of the hub
#   PAPER_MODEL    row of recipes/cola_table1.csv to compare with, where MODEL's name doesn't tell
#   PYTHON=python  with skiploop installed
#
# The paper doesn't give its prompts, its c, its longest chain, or how it cut DART-Math into levels. Here: plain
# zero-shot prompts, c = sqrt(2), 2 L, fifths by fail rate (docs/tasks.md). Its numbers, and those here called oracle,
# need the gold answer to choose a chain for each input: they aren't accuracies.
set -euo pipefail

if [ $# -lt 1 ] || [[ "$1" == -* ]]; then
  awk 'NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0" >&2
  exit 2
fi
model=$1
shift
out=runs/cola-$(basename "$model")
if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
  out=$1
  shift
fi
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python}
read -r -a tasks <<< "${TASKS:-arc-easy arc-challenge dart-1 dart-2 dart-3 dart-4 dart-5}"
read -r -a spaces <<< "${SPACES:-skip loop cola}"
table=("$python" "$here/cola_table.py" "$out" --paper-model "${PAPER_MODEL:-}")

for task in "${tasks[@]}"; do
  for space in "${spaces[@]}"; do
    cell=$out/$(printf %s "$task" | tr -c 'A-Za-z0-9._-' '-')/$space
    flags=(--limit "${LIMIT:-500}" --budget "${BUDGET:-200}" --seed "${SEED:-0}" --searcher cola --space "$space")
    flags+=(--prompt cola --length-penalty 5 --exploration 1.4142135623730951)
    if [[ "$task" == dart* && -n "${DIFFICULTY:-}" ]]; then
      flags+=(--difficulty "$DIFFICULTY")
    fi
    echo "== $task, $space: $cell" >&2
    "$python" -m skiploop search --model "$model" --task "$task" --out "$cell" "${flags[@]}" "$@" > /dev/null
    "${table[@]}" --cell "$cell"
  done
done
"${table[@]}"
