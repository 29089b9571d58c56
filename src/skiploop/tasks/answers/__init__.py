"""How an answer is read and judged.

text            verdicts on a text: exact, numeric
letters         options named by letters
marks           where a text says that its answer comes
reasoning       what is said before the answer, in <think> and its kind
prose           which number a sentence gives, if it gives one
numeric         numbers with sign, scale and unit, read as a whole or not at all
digits          one spelling for numbers in digits, and their exact values
number_words    numbers in words
units           known units, and words that make another number of a number
latex           LaTeX made plain
math            equal as mathematics, by math-verify where it is installed
sandbox         a process that judges, and can be killed
sandbox_child   what runs in that process
"""
