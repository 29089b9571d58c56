"""Choosing a chain for an input without its gold answer.

memory   chains that did well on similar inputs
"""
