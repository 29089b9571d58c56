"""Choosing between chains without the right answer, held against the strongest identity.

passes      ways to run the model on an input: the identity, a menu of chains, blind chains, prompts, samples
work        passes that can be run on the inputs of a task
collect     runs them, in one process or several, into a folder that is resumed
load        a labelled table from that folder
table       what passes gave, as arrays; right answers apart
split       training, validation and test inputs
runs        what a chooser may do with inputs, and what it is charged for it
features    what is known of options and of inputs
regression  between options, between classes, of a gain with its uncertainty
controller  a recurrent network that says which layer is next
networks    those of PoLar and Dr.LLM
chooser     the protocol
choosers/   the choosers and opponents, by name
evaluate    all of them on held-out inputs
figures     what that finds
ablate      which of their inputs choosers need
router      a fitted rule as files, and generation under it
live        passes that a model runs when a rule asks for them: texts
live_options  the same for questions with options
settings    what can be chosen
train       from a model and a task to a router and its figures
"""
