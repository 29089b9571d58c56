"""CoLa's tree search: golden trees compared whole, and each rule of the search by itself.

`python -m tests.searchers.trees.test_cola` writes the golden trees anew; look at the difference before keeping it.
"""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.searchers import ColaSearcher, ColaSettings, RandomSearcher
from skiploop.searchers.trees.cola import ucb
from skiploop.searchers.trees.tree import TreeNode
from skiploop.spaces.named import make_space
from skiploop.spaces.space import Space
from tests.searchers.rewards import planted, scattered

GOLDEN = Path(__file__).parent / "golden"

# name -> space, settings, seed, what is told first, and the sizes of the rounds
CASES: dict[str, dict[str, Any]] = {
    "early_exit_to_the_end": {
        "space": {"name": "early-exit", "num_layers": 6, "max_block": 2},
        "settings": {},
        "rounds": [1] * 7,
    },
    "cola_one_at_a_time": {
        "space": {"name": "cola", "num_layers": 5},
        "settings": {},
        "rounds": [1] * 30,
    },
    "cola_without_length_penalty": {
        "space": {"name": "cola", "num_layers": 5},
        "settings": {"length_penalty": 0.0, "exploration": 0.5},
        "rounds": [1] * 30,
    },
    "cola_in_batches_identity_told_first": {
        "space": {"name": "cola", "num_layers": 6, "max_block": 2, "max_repeats": 2},
        "settings": {"length_penalty": 0.5},
        "told": ["0-5", "0-1 4-5"],
        "rounds": [4] * 6,
    },
    "skip_small_space_exhausted": {
        "space": {"name": "skip", "num_layers": 4, "max_block": 2},
        "settings": {"length_penalty": 1.0},
        "rounds": [1] * 16,
    },
    "loop_with_pending_evaluations": {
        "space": {"name": "loop", "num_layers": 4, "max_repeats": 1},
        "settings": {"random_child": 0.5},
        "rounds": [3] * 3,
        "pending": 2,
    },
}


def grow(case: dict[str, Any]) -> list[dict[str, object]]:
    """The tree after the case's rounds; the last `pending` evaluations of each round are never told."""
    space = make_space(**case["space"])
    searcher = ColaSearcher(space, seed=7, settings=ColaSettings(**case["settings"]))
    for text in case.get("told", ()):
        chain = Chain.parse(text, space.num_layers)
        searcher.tell(chain, scattered(chain))
    for n in case["rounds"]:
        chains = searcher.ask(n)
        for chain in chains[: len(chains) - case.get("pending", 0)]:
            searcher.tell(chain, scattered(chain))
    return searcher.tree()


@pytest.mark.parametrize("name", CASES)
def test_golden_trees(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    assert golden["case"] == CASES[name]
    assert grow(CASES[name]) == golden["tree"]


def search(space: Space, budget: int, reward: Any = scattered, **settings: float) -> ColaSearcher:
    searcher = ColaSearcher(space, settings=ColaSettings(**settings))
    for _ in range(budget):
        for chain in searcher.ask(1):
            searcher.tell(chain, reward(chain))
    return searcher


def test_the_first_chain_is_the_identity() -> None:
    space = make_space("cola", 8)
    assert ColaSearcher(space).ask(1) == [space.identity]


def test_a_child_is_selected_by_the_ucb_of_the_paper() -> None:
    """UCB(P) = Q/v + c * sqrt(ln V / v) - lambda * |P| / L, worked out by hand for four children."""
    total, penalty, exploration, simulations = 10, 5.0, 1.5, 40
    root = TreeNode(0, Chain.identity(total), None, penalty)
    for number, (text, visits, rewards) in enumerate(
        [("0-8", 10, 9.0), ("0-7", 20, 2.0), ("0-6", 2, 0.0), ("0-9 9", 7, 7.0)]
    ):
        chain = Chain.parse(text, total)
        child = root.children[chain.layers] = TreeNode(number + 1, chain, root, penalty)
        child.add(visits, rewards)
    bounds = {
        str(child.chain): child.total / child.visits
        + exploration * math.sqrt(math.log(simulations) / child.visits)
        - penalty * len(child.chain) / total
        for child in root.children.values()
    }
    while bounds:
        best = ucb(root, exploration, simulations)
        assert best is not None and str(best.chain) == max(bounds, key=bounds.__getitem__)
        best.closed = True
        del bounds[str(best.chain)]
    assert ucb(root, exploration, simulations) is None


@pytest.mark.parametrize("batch", [1, 8])
def test_visits_and_values_add_up(batch: int) -> None:
    space = make_space("cola", 10)
    searcher = ColaSearcher(space)
    rewards = {}
    for _ in range(240 // batch):
        for chain in searcher.ask(batch):
            rewards[str(chain)] = scattered(chain)
            searcher.tell(chain, rewards[str(chain)])
    tree = searcher.tree()
    root = tree[0]
    assert len(tree) == len(rewards) == root["visits"] == 240  # each simulation is one new node, one evaluation
    assert root["value"] == sum(rewards.values()) / 240
    assert {node["chain"]: node["reward"] for node in tree} == rewards
    below = sum(tree[child]["visits"] for child in root["children"])  # type: ignore[misc, attr-defined]
    assert below >= 239  # each simulation but the first goes through a child of the root; some children share


def test_edges_are_legal_edits_and_have_no_cycles() -> None:
    space = make_space("cola", 5)
    tree = search(space, 1500).tree()
    chains = [Chain.parse(str(node["chain"]), 5) for node in tree]
    parents = [0] * len(tree)
    for node, chain in zip(tree, chains, strict=True):
        legal = set(space.children(chain))
        for child in node["children"]:  # type: ignore[attr-defined]
            parents[child] += 1
            assert chains[child] in legal
        if node["parent"] is not None:
            assert node["id"] in tree[node["parent"]]["children"]  # type: ignore[operator, call-overload]
    assert sum(count > 1 for count in parents) > 100, "transpositions are shared"
    ready, seen = [0], 0
    while ready:  # Kahn's algorithm reaches all nodes only if there is no cycle
        seen += 1
        for child in tree[ready.pop()]["children"]:  # type: ignore[attr-defined]
            parents[child] -= 1
            if not parents[child]:
                ready.append(child)
    assert seen == len(tree)


def test_a_node_reached_twice_is_evaluated_once_and_shared() -> None:
    space = make_space("skip", 3, max_block=1)
    tree = search(space, 8, random_child=0.0, widening=10.0).tree()  # one more than there are: all edges are made
    assert len(tree) == tree[0]["visits"] == 7
    parents = {node["chain"]: sum(node["id"] in other["children"] for other in tree) for node in tree}  # type: ignore[operator]
    assert parents == {"0-2": 0, "0-1": 1, "0 2": 1, "1-2": 1, "0": 2, "1": 2, "2": 2}


def test_progressive_widening_bounds_the_children() -> None:
    for widening, power in ((2.0, 0.5), (1.0, 0.4), (3.0, 0.3)):
        tree = search(make_space("cola", 16), 300, random_child=0.0, widening=widening, widening_power=power).tree()
        allowed = [math.ceil(widening * int(str(node["visits"])) ** power) for node in tree]
        children = [len(node["children"]) for node in tree]  # type: ignore[arg-type]
        assert all(number <= limit for number, limit in zip(children, allowed, strict=True))
        assert children[0] >= allowed[0] - 1, "the root is as wide as allowed"


def depths(tree: list[dict[str, Any]]) -> list[int]:
    levels: list[int] = []
    for node in tree:
        levels.append(0 if node["parent"] is None else levels[node["parent"]] + 1)
    return levels


def test_without_widening_the_tree_never_leaves_depth_1() -> None:
    space = make_space("cola", 28)
    assert max(depths(search(space, 200, widening=1e9).tree())) == 1
    assert max(depths(search(space, 200).tree())) >= 3


def test_random_children_are_taken_with_the_probability_given() -> None:
    space = make_space("cola", 28)
    wide = search(space, 200, random_child=1.0).tree()
    assert len(wide[0]["children"]) == 199  # type: ignore[arg-type]
    narrow = search(space, 200, random_child=0.0).tree()
    usual = search(space, 200).tree()
    assert len(narrow[0]["children"]) <= 29 < len(usual[0]["children"]) < 29 + 60  # type: ignore[arg-type]


def test_the_length_penalty_prefers_short_chains() -> None:
    space = make_space("cola", 12)

    def mean_depth(penalty: float) -> float:
        searcher = search(space, 200, lambda chain: 0.5, length_penalty=penalty)
        return sum(len(Chain.parse(str(node["chain"]), 12)) for node in searcher.tree()) / 200

    assert mean_depth(5.0) < mean_depth(1.0) < mean_depth(0.0)


def test_a_told_chain_is_used_without_an_evaluation() -> None:
    space = make_space("skip", 4)
    chains = list(space.enumerate())
    known = random.Random(0).sample(chains, 8)
    searcher = ColaSearcher(space)
    for chain in known:
        searcher.tell(chain, 1.0)
    assert searcher.tree()[0]["visits"] == 0
    asked = [chain for _ in chains for chain in searcher.ask(1)]
    for chain in asked:
        searcher.tell(chain, 0.0)
    tree = searcher.tree()
    assert set(asked) == set(chains) - set(known)
    assert tree[0]["visits"] == len(chains) == len(tree)
    assert tree[0]["value"] == 8 / len(chains)


def test_the_first_reward_counts() -> None:
    space = make_space("early-exit", 3)
    searcher = ColaSearcher(space)
    for reward in (0.75, 0.25):
        for chain in space.enumerate():
            searcher.tell(chain, reward)
    assert searcher.ask(1) == []
    assert [node["reward"] for node in searcher.tree()] == [0.75] * 3
    assert [node["value"] for node in searcher.tree()] == [0.75] * 3


def test_pending_evaluations_count_as_visits_without_reward() -> None:
    space = make_space("cola", 8)
    searcher = ColaSearcher(space)
    chains = searcher.ask(10)
    assert searcher.tree()[0]["visits"] == 10
    assert searcher.tree()[0]["value"] == 0.0
    assert all(node["reward"] is None for node in searcher.tree())
    for told, chain in enumerate(chains[::-1]):
        searcher.tell(chain, 1.0)
        assert searcher.tree()[0]["value"] == (told + 1) / 10


def test_the_order_of_tells_leaves_the_same_tree() -> None:
    trees = []
    for seed in (0, 1):
        searcher = ColaSearcher(make_space("cola", 9))
        for _ in range(10):
            chains = searcher.ask(12)
            for chain in random.Random(seed).sample(chains, len(chains)):
                searcher.tell(chain, scattered(chain))
        trees.append(searcher.tree())
    assert trees[0] == trees[1]


@pytest.mark.parametrize("name", ["cola", "skip", "loop"])
def test_exhausted_subtrees_are_closed(name: str) -> None:
    space = make_space(name, 4)
    searcher = search(space, space.count())
    assert searcher.ask(1) == []
    assert searcher.tree()[0]["closed"]
    assert len(searcher.tree()) == space.count()


def test_what_is_planted_is_found_sooner_than_by_chance() -> None:
    space = make_space("cola", 8)

    def best(searcher: Any) -> float:
        found = 0.0
        for _ in range(120):
            for chain in searcher.ask(1):
                found = max(found, planted(chain))
                searcher.tell(chain, planted(chain))
        return found

    settings = ColaSettings(length_penalty=0.0, exploration=0.3)
    cola = sum(best(ColaSearcher(space, seed=seed, settings=settings)) for seed in range(12)) / 12
    chance = sum(best(RandomSearcher(space, seed=seed)) for seed in range(12)) / 12
    assert cola > chance + 0.1


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("exploration", -1),
        ("length_penalty", math.nan),
        ("length_penalty", math.inf),
        ("length_penalty", True),
        ("random_child", 1.5),
        ("random_child", "often"),
        ("widening_power", 2),
        ("widening", -0.1),
    ],
)
def test_bad_settings_are_refused_by_name(setting: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=f"{setting}={value!r}"):
        ColaSettings(**{setting: value})


def test_defaults_are_those_of_the_paper() -> None:
    settings = ColaSettings()
    assert (settings.length_penalty, settings.random_child, settings.exploration) == (5.0, 0.1, math.sqrt(2))
    assert (settings.widening, settings.widening_power) == (2.0, 0.5)


def write_golden_trees() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for name, case in CASES.items():
        nodes = ",\n".join("  " + json.dumps(node) for node in grow(case))
        (GOLDEN / f"{name}.json").write_text(f'{{"case": {json.dumps(case)},\n"tree": [\n{nodes}\n]}}\n')


if __name__ == "__main__":
    write_golden_trees()
