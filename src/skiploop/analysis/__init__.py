"""What the chains that were found say about layers, levels and budgets. No torch."""
