"""How an answer is read and judged.

text            the answer in a text: letters, final statements, exact and numeric verdicts
numeric         numbers as people write them
latex           LaTeX made plain
math            equal as mathematics, by math-verify where it is installed
sandbox         a process that judges, and can be killed
sandbox_child   what runs in that process
"""
