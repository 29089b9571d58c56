"""Search spaces: which chains there are, and which edits lead from one to the next. Pure Python, no torch.

language    the words of which spaces are made
decisions   a space as a graph of questions: counting, numbering, sampling, reading
space       `Space`: chains, edits, uniform samples
blocks      CoLa's space and its ablations, with their edits listed directly
named       the spaces by name, `make_space`, `compose`, `per_layer`
"""
