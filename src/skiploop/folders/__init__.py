"""Studies of every kind, read from their folders; `kind` in run.json says which one it is. No torch.

open         a study of any kind
full         a full study: the figures of its parts, and how far each of them is
compare      two of one kind, paired
"""
