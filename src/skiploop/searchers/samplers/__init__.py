"""Searchers that draw chains.

random       uniformly from the space, without replacement
nearby       a few edits from the identity
exhaustive   every chain, in order
beam         the best so far, edited further
evolution    regularised evolution
metropolis   Metropolis-Hastings with tempering
gflownet     in proportion to exp(beta * reward)
flows        the graphs that gflownet learns on
moves        random changes of chains, for evolution and metropolis
"""
