"""What stands beside a search at equal cost.

settings           how the identity is sampled
sampling           samples of the identity and their votes
sampling_figures   their figures
voting             majority votes and their curves
rotation           options shown in another order
rotation_figures   its figures
"""
