"""ChainBench: small problems in which the reward of *every* chain is known, to judge searchers by the true optimum.

    from skiploop.testing.chainbench import load
    table = load("plain")                       # trained on first use in about a minute, then read from a cache
    searcher = make_searcher("cola", table.space, seed=0)
    for chain in searcher.ask(10):
        searcher.tell(chain, table.reward(0, chain))

`load` gives a small trained transformer's table; `additive`, `clustered`, `harmful_layer` and `null` planted ones
without a model.

    table     what every chain says on every input
    planted   tables without a model
    pointer   the trained model and its questions; imports torch
    cached    the model's table, built on first use
    modules   three modules in place of layers
"""

from skiploop.testing.chainbench.cached import load
from skiploop.testing.chainbench.modules import module_reward, module_space
from skiploop.testing.chainbench.planted import additive, clustered, harmful_layer, null
from skiploop.testing.chainbench.table import DEPTH_PRICE, AnswerTable

__all__ = [
    "DEPTH_PRICE",
    "AnswerTable",
    "additive",
    "clustered",
    "harmful_layer",
    "load",
    "module_reward",
    "module_space",
    "null",
]
