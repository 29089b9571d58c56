"""How settings describe themselves, whatever they are settings of. Pure Python.

flag   the help, panel and name of a field on the command line
"""
