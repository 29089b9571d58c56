"""For tests of searchers, of the product and of others: imported by nothing else.

searcher_contract   what every searcher keeps to, as tests to inherit from
chainbench/         small problems in which the reward of every chain is known
fakes               a model and an engine without torch
"""
