"""How the answers to a task are judged: one scorer a file, behind one protocol. The rules themselves are in `answers`.

protocol   `Scorer`: what a task asks of it
named      the scorers by name
verbatim   the text is the answer, character by character
exact      the final statement is the answer
numeric    the final number is the answer
math       the same, with math-verify for what isn't decided by that
choice     the option with the highest score is right: the log-likelihood of its text
letter     the same with the letters of the options
"""
