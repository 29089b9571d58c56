"""How long a searcher takes for the next chain when a few hundred rewards are known, graded as with the guide.

    python benchmarks/ask.py
    python benchmarks/ask.py --searchers gp evolution --layers 16 30 --rewards 200

Ask and tell together, four chains at a time, in milliseconds of this process's own time for each chain: the median and
the mean over the last half of the rewards. Rewards are a smooth function of how often each layer is run.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time

from skiploop.chains.chain import Chain
from skiploop.searchers import make_searcher
from skiploop.spaces.named import make_space

PER_ROUND = 4


def milliseconds(name: str, layers: int, rewards: int, seed: int) -> list[float]:
    """Of each round, for one chain."""
    space = make_space("cola", layers)
    rng = random.Random(seed)
    weights = [rng.gauss(0, 1) for _ in range(layers)]

    def reward(chain: Chain) -> float:
        worth = sum(weight * (chain.layers.count(layer) - 1) for layer, weight in enumerate(weights))
        return 0.5 / (1 + math.exp(2 - 0.7 * worth))

    searcher, taken = make_searcher(name, space, seed=seed), []
    searcher.tell(space.identity, reward(space.identity))
    for _ in range(0, rewards, PER_ROUND):
        begun = time.process_time()
        asked = searcher.ask(PER_ROUND)
        spent = time.process_time() - begun
        told = [(chain, reward(chain)) for chain in asked]
        begun = time.process_time()
        for chain, worth in told:
            searcher.tell(chain, worth)
        taken.append(1000 * (spent + time.process_time() - begun) / PER_ROUND)
    return taken


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--searchers", nargs="+", default=["gp", "evolution", "surrogate", "puct", "cola"])
    parser.add_argument("--layers", type=int, nargs="+", default=[8, 30])
    parser.add_argument("--rewards", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    print("| searcher | layers | rewards | median ms | mean ms |\n|---|---|---|---|---|")
    for name in args.searchers:
        for layers in args.layers:
            rounds = [milliseconds(name, layers, args.rewards, seed) for seed in range(args.seeds)]
            last = [each for taken in rounds for each in taken[len(taken) // 2 :]]
            middle, mean = statistics.median(last), statistics.fmean(last)
            print(f"| `{name}` | {layers} | {args.rewards} | {middle:.2f} | {mean:.2f} |", flush=True)


if __name__ == "__main__":
    main()
