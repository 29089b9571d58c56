"""Three modules in place of layers: input, increment, output. The right chain for each number is known.

`input` puts 0 into the register, `increment` adds 1, `output` writes what is in it and ends the run. The chain that
writes n is 0 1...1 2 with n increments, so order and number of runs both count. A positive control for anything that
chooses a chain by its input.
"""

from __future__ import annotations

from skiploop.chains.chain import Chain
from skiploop.errors import InvalidInput
from skiploop.spaces.language import Concat, Loop, Run
from skiploop.spaces.named import compose
from skiploop.spaces.space import Space
from skiploop.validate import whole_number

INPUT, INCREMENT, OUTPUT = range(3)


def module_space(most: int = 8) -> Space:
    """The chains `input`, 0 to `most` increments, `output`: one for each number."""
    counts = tuple(range(whole_number("most", most, 1) + 1))
    return compose(Concat((Run((INPUT,)), Loop(Run((INCREMENT,)), counts), Run((OUTPUT,)))), 3, max_length=most + 2)


def run_modules(chain: Chain) -> int | None:
    """What a chain writes, or None where it writes nothing."""
    if chain.num_layers != 3:
        raise InvalidInput(f"chain {str(chain)!r} is for {chain.num_layers} layers; there are 3 modules")
    register: int | None = None
    for module in chain:
        if module == INPUT:
            register = 0
        elif module == OUTPUT:
            return register
        elif register is not None:
            register += 1
    return None


def module_reward(number: int, chain: Chain) -> float:
    """1 where the chain writes the number; for other numbers 1 / (1 + distance) / 2; 0 for nothing."""
    written = run_modules(chain)
    if written is None:
        return 0.0
    return 1.0 if written == number else 0.5 / (1 + abs(written - number))
