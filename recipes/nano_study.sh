#!/usr/bin/env bash
# The full study on the built-in model, twice: with CoLa's tree (the paper's method) and with `gp`, and one report of both.
# docs/nano_study.md says what came out. Nothing is downloaded.
#
#   recipes/nano_study.sh [OUT] [FLAGS OF skiploop study ...]
#   recipes/nano_study.sh /tmp/smoke --limit 8 --budget 10 --train 32 --test 64 --samples 4     # a minute
#
# Given again, the same command goes on where it stopped. OUT is runs/nano-study unless given; it gets a folder for each
# searcher, each with a report of its own, and report.html with both side by side. What can be set in the environment:
#
#   SEARCHERS="cola gp"   the first one is what the others are compared with
#   INPUTS=24             single inputs to look at in the report of both
#   PYTHON=python         with skiploop[report,search] installed
set -euo pipefail

out=runs/nano-study
if [ $# -gt 0 ] && [[ "$1" != -* ]]; then
  out=$1
  shift
fi
python=${PYTHON:-python}
read -r -a searchers <<< "${SEARCHERS:-cola gp}"
mkdir -p "$out"
folders=()
for searcher in "${searchers[@]}"; do
  echo "== $searcher: $out/$searcher" >&2
  "$python" -m skiploop study --model nano --task nano --limit 128 --budget 100 --seed 0 --searcher "$searcher" \
    --out "$out/$searcher" "$@"
  folders+=("$out/$searcher")
done
"$python" -m skiploop report "${folders[@]}" --out "$out/report.html" --force --inputs "${INPUTS:-24}" \
  --title "nano on its own task: a full study"
