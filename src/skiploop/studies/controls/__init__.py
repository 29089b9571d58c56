"""What stands beside a search at equal cost.

settings   how the identity is sampled
sampling   samples of the identity and their votes
voting     majority votes and their curves
rotation   options shown in another order
"""
