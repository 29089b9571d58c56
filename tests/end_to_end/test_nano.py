"""The embedded model: its files, its tokenizer, its data, and the recipe that made them."""

from __future__ import annotations

import importlib
import json
import random
import re
import sys
from collections import Counter
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

import skiploop.nano

FOLDER = Path(skiploop.nano.__file__).parent
RECIPE = Path(__file__).parents[2] / "recipes" / "nano"
FAMILIES = ["arithmetic", "equation", "sort", "string", "count", "choice"]
MARGIN = 0.15  # below the card's accuracy at level 1: other hardware rounds otherwise, and the subset is small


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def rows_test() -> list[dict[str, Any]]:
    return read("test.jsonl")


@pytest.fixture(scope="module")
def rows_train() -> list[dict[str, Any]]:
    return read("train.jsonl")


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(FOLDER, local_files_only=True)


@pytest.fixture(scope="module")
def recipe() -> dict[str, ModuleType]:
    """The recipe's modules; they import each other by bare name, as when run as scripts."""
    sys.path.insert(0, str(RECIPE))
    try:
        return {name: importlib.import_module(name) for name in ("problems", "make_data", "evaluate")}
    finally:
        sys.path.remove(str(RECIPE))


# --- files --------------------------------------------------------------------------------------------------


def test_folder_is_small_and_complete() -> None:
    names = {p.name for p in FOLDER.iterdir()}
    assert names >= {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json"}
    assert names >= {"tokenizer_config.json", "test.jsonl", "train.jsonl", "README.md"}
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in names)
    assert sum(p.stat().st_size for p in FOLDER.glob("*.*")) < 20e6


def test_config_is_a_plain_llama_with_greedy_generation() -> None:
    config = json.loads((FOLDER / "config.json").read_text())
    generation = json.loads((FOLDER / "generation_config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert 8 <= config["num_hidden_layers"] <= 12
    assert not generation.get("do_sample", False)
    assert generation.get("num_beams") in (None, 1)
    assert generation["eos_token_id"] == config["eos_token_id"] == 2


# --- tokenizer ----------------------------------------------------------------------------------------------


def test_tokenizer_pads_left_and_puts_bos_in_front(tokenizer: PreTrainedTokenizerBase) -> None:
    batch = tokenizer(["sort:12,11=", "calc:100+7="], padding=True)
    assert tokenizer.padding_side == "left"
    assert [row.index(tokenizer.bos_token_id) for row in batch["input_ids"]] == [0, 0]
    assert tokenizer.pad_token_id == 0
    longer = tokenizer(["sort:12,11=", "sort:12="], padding=True)["input_ids"][1]
    assert longer[:4] == [tokenizer.pad_token_id] * 3 + [tokenizer.bos_token_id]


def test_every_row_survives_the_round_trip(tokenizer: PreTrainedTokenizerBase, rows_test: list) -> None:
    for row in rows_test:
        for text in (row["prompt"], row["answer"], row["prompt"] + row["answer"]):
            ids = tokenizer(text)["input_ids"]
            assert tokenizer.unk_token_id not in ids
            assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_an_answer_has_one_tokenisation(tokenizer: PreTrainedTokenizerBase, rows_test: list) -> None:
    pieces = {tokenizer.decode([i]) for i in range(4, len(tokenizer))}
    for row in rows_test:
        prompt, answer, both = (
            tokenizer.encode(text, add_special_tokens=False)
            for text in (row["prompt"], row["answer"], row["prompt"] + row["answer"])
        )
        assert both == prompt + answer
        assert not any(piece in row["answer"] for piece in pieces if len(piece) > 1)


# --- data ---------------------------------------------------------------------------------------------------


def test_files_are_balanced_and_disjoint(rows_test: list, rows_train: list) -> None:
    for rows, per_cell in ((rows_test, 40), (rows_train, 80)):
        cells = Counter((row["family"], row["level"]) for row in rows)
        assert cells == {(family, level): per_cell for family in FAMILIES for level in range(1, 6)}
        assert len({row["prompt"] for row in rows}) == len(rows) == len({row["id"] for row in rows})
    assert not {row["prompt"] for row in rows_test} & {row["prompt"] for row in rows_train}


def test_rows_are_in_the_split_they_claim(recipe: dict, rows_test: list, rows_train: list) -> None:
    split_of = recipe["problems"].split_of
    assert {split_of(row["family"], row["prompt"]) for row in rows_test} == {"test"}
    assert {split_of(row["family"], row["prompt"]) for row in rows_train} == {"valid"}


def test_split_is_stable(recipe: dict) -> None:
    """Golden values: a changed hash would put test problems into the training split of the next model."""
    bucket_of = recipe["problems"].bucket_of
    assert bucket_of("arithmetic", "calc:347+58=") == 11
    assert bucket_of("choice", "largest:A 187 B 871 C 132 D 269=") == 90
    assert bucket_of("sort", "calc:347+58=") == 4


def test_data_files_are_what_the_recipe_writes(recipe: dict, rows_test: list, rows_train: list) -> None:
    assert recipe["make_data"].rows("test") == rows_test
    assert recipe["make_data"].rows("train") == rows_train


def value_of(expression: str) -> int:
    return sum(int(term) for term in re.findall(r"[+-]?\d+", expression))


def check_arithmetic(prompt: str, answer: str) -> bool:
    return value_of(prompt.removeprefix("calc:").removesuffix("=")) == int(answer)


def check_equation(prompt: str, answer: str) -> bool:
    left, right, _ = prompt.removeprefix("solve:").split("=")

    def line(text: str) -> tuple[int, int]:
        slope = re.search(r"(\d*)x", text)
        rest = re.sub(r"\d*x", "", text)
        return (int(slope[1] or 1) if slope else 0), value_of(rest)

    (a, b), (c, d) = line(left), line(right)
    return Fraction(d - b, a - c) == int(answer)


def check_sort(prompt: str, answer: str) -> bool:
    before, after = prompt.removeprefix("sort:").removesuffix("=").split(","), answer.split(",")
    ordered = all(int(x) <= int(y) for x, y in pairwise(after))
    return ordered and Counter(before) == Counter(after)


def check_string(prompt: str, answer: str) -> bool:
    """Follows each letter's place and its shift, rather than the word."""
    word, ops = prompt.removeprefix("word:").removesuffix("=").split(" ")
    places, shift = list(range(len(word))), ops.count("U")
    for op in ops:
        if op == "R":
            places.reverse()
        elif op == "L":
            places.append(places.pop(0))
        elif op == "E":
            places[0], places[-1] = places[-1], places[0]
    return answer == "".join(chr((ord(word[i]) - ord("a") + shift) % 26 + ord("a")) for i in places)


def check_count(prompt: str, answer: str) -> bool:
    spelled = "".join(letter * int(n) for letter, n in re.findall(r"([a-z])(\d+)", answer))
    return spelled == "".join(sorted(prompt.removeprefix("count:").removesuffix("=")))


def check_choice(prompt: str, answer: str) -> bool:
    question, rest = prompt.removesuffix("=").split(":")
    values = {letter: value_of(text) for letter, text in re.findall(r"([A-D]) (\S+)", rest)}
    best = (max if question == "largest" else min)(values.values())
    return [letter for letter, value in values.items() if value == best] == [answer]


CHECKS = {
    "arithmetic": check_arithmetic,
    "equation": check_equation,
    "sort": check_sort,
    "string": check_string,
    "count": check_count,
    "choice": check_choice,
}


def test_shipped_answers_are_right(rows_test: list, rows_train: list) -> None:
    for row in rows_test + rows_train:
        assert CHECKS[row["family"]](row["prompt"], row["answer"]), row


@pytest.mark.parametrize("family", FAMILIES)
def test_generated_answers_are_right(recipe: dict, family: str) -> None:
    rng = random.Random(7)
    for size in recipe["problems"].TRAIN_SIZES[family]:
        for _ in range(50):
            problem = recipe["problems"].sample(rng, family, size, "train")
            assert CHECKS[family](problem.prompt, problem.answer), problem


def test_choice_rows_name_their_options(recipe: dict, rows_test: list) -> None:
    rows = [row for row in rows_test if "choices" in row]
    assert {row["family"] for row in rows} == {"choice"}
    for row in rows:
        rendered = recipe["problems"].render_choices(tuple(row["choices"]))
        assert row["prompt"] == f"{row['question']}:{rendered}="
        assert row["answer"] == "ABCD"[row["gold"]]


# --- the model ----------------------------------------------------------------------------------------------


def card_accuracy() -> dict[str, float]:
    """Level-1 accuracy of each family, from the table of the model card."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (\w+) \| ([\d.]+) \(", text, flags=re.MULTILINE)
    return {family: float(percent) / 100 for family, percent in cells if family in FAMILIES}


def test_level_one_is_as_good_as_the_card_says(
    recipe: dict, tokenizer: PreTrainedTokenizerBase, rows_test: list
) -> None:
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32, local_files_only=True).eval()
    card = card_accuracy()
    assert set(card) == set(FAMILIES)
    for family in FAMILIES:
        rows = [row for row in rows_test if row["family"] == family and row["level"] == 1][:20]
        answers = recipe["evaluate"].greedy_answers(model, tokenizer, [row["prompt"] for row in rows])
        right = sum(answer == row["answer"] for answer, row in zip(answers, rows, strict=True))
        assert right / len(rows) >= card[family] - MARGIN, family


@pytest.mark.slow
def test_whole_table_is_as_good_as_the_card_says(recipe: dict, rows_test: list) -> None:
    cells = recipe["evaluate"].evaluate(FOLDER, rows_test)
    ours = recipe["evaluate"].table(cells)
    theirs = (FOLDER / "README.md").read_text(encoding="utf-8")
    for line in ours.splitlines()[2:]:
        name = line.split("|")[1].strip()
        (stated,) = re.findall(rf"^\| {name} \| [\d.]+ \(.*$", theirs, flags=re.MULTILINE)
        mine, card = (float(part.rstrip(" |").split("| ")[-1].split(" (")[0]) for part in (line, stated))
        assert mine == pytest.approx(card, abs=3), name
