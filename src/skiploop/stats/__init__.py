"""Statistics: shares, resampling, correlations. numpy, and scipy where something is resampled or ranked; no torch.

shares         intervals of shares and of their differences, paired tests, Holm's correction, pass@k
bootstrap      intervals and tests by resampling inputs
correlations   Spearman's rank correlation
measured       a value with its interval
numbers        how values and their intervals are written
"""
