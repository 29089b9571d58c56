"""Statistics: shares, resampling, correlations. numpy and scipy, no torch.

shares         intervals of shares and of their differences, paired tests, pass@k
bootstrap      intervals and tests by resampling
correlations   rank correlations
measured       a value with its interval
intervals      figures of studies as measured values
"""
