"""Monte Carlo tree search over edits of chains.

tree     the tree that the others share: nodes, transpositions, progressive widening
cola     CoLa (arXiv 2507.07996)
puct     the same tree with priors of edits
pareto   several objectives at once (PepTune, arXiv 2412.17780)
hybrid   the value of a node from a surrogate and from its visits (I-MCTS, arXiv 2502.14693)
"""
