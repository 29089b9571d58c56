"""For tests of searchers, of the product and of others: imported by nothing else.

searcher_contract   what every searcher keeps to, as tests to inherit from
router_contract     the same for choosers of routers
modules             a workspace of modules in which the right chain is known
planted_routing     tables on which it is known what a chooser can find
chainbench/         small problems in which the reward of every chain is known
fakes               a model and an engine without torch
"""
