"""Searchers that fit a model of the reward and try next what it expects most of.

gp          a Gaussian process over chains; the default
posterior   its posterior, updated row by row
codes       chains as vectors, for the kernel of `gp`
boosting    gradient-boosted trees (GBDT-NAS, arXiv 2007.04785)
optuna      TPE and NSGA-II
"""
