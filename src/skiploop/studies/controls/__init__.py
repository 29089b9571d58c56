"""What stands beside a search at equal cost.

sampling   samples of the identity and their votes
voting     majority votes and their curves
rotation   options shown in another order
"""
