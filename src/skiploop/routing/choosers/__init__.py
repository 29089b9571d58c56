"""Choosers, each a function from labelled inputs to a rule.

identity    the opponents that run the identity alone, and the best static chain
gain        the gain of each chain over the identity, with its uncertainty
menu        a menu by coverage and a classifier; the classifier that imitates
mix         a log-linear mix of what several passes say of each option
votes       vote, cisc, self_certainty
preference  which of two passes is to be preferred, from right and wrong siblings
controller  a recurrent network that writes chains layer by layer
networks    polar and layerwise, which imitate
topk        a vote among the passes that the classifier finds most likely
values      the best of several outputs by a learned value
cascade     further passes only where the identity is unsure
named       by name
"""
