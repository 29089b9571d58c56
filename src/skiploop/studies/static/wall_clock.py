"""Seconds of the chosen chains beside their layer calls: the same inputs, one after another, in one run. No torch.

Each input is run alone under the identity and under each chain in turn, a few times over; the fastest run of each
counts, which other work on the machine disturbs least. So the ratio to the identity means something where seconds
don't: on a busy machine, or on another one. What is timed is what judges an answer, with its prompt: a forced pass,
scored options, or a text that is generated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from skiploop.chains.weights import Layers
from skiploop.stats.bootstrap import Floats
from skiploop.stats.measured import Measured, measured_statistic
from skiploop.storage.files import Line, write_json
from skiploop.storage.records import as_json, read_record
from skiploop.studies.static.cached_chain import CachedChain

FILE = "wall_clock.json"
REPEATS = 3
Run = Callable[[CachedChain, int], object]
"""Runs a chain on the input of this number, and nothing else."""


@dataclass(frozen=True, slots=True)
class ChainTime:
    """What a chain takes.

    Attributes:
        chain: its layers.
        depth: its layer calls.
        seconds: of an input, the mean over inputs of the fastest run.
        ratio: of its seconds to the identity's over the same inputs, with a bootstrap interval over inputs.
        calls_ratio: of its layer calls to the identity's.
    """

    chain: Layers
    depth: int
    seconds: float
    ratio: Measured
    calls_ratio: float


@dataclass(frozen=True, slots=True)
class WallClock:
    """The times; other than all else in a study's folder, they differ between equal runs.

    Attributes:
        inputs: test inputs that were timed.
        repeats: runs of each input under each chain.
        chains: by what chose them, the identity among them.
    """

    inputs: int
    repeats: int
    chains: dict[str, ChainTime]

    def to_json(self) -> Line:
        """What wall_clock.json has."""
        line: Line = as_json(self)
        return line


def time_chains(
    chains: Mapping[str, CachedChain], inputs: int, run: Run, clock: Callable[[], float] = time.perf_counter
) -> WallClock:
    """Times chains beside each other.

    Args:
        chains: by what chose them; one of them is the identity.
        inputs: how many there are.
        run: runs one.
        clock: seconds.
    """
    distinct = list(dict.fromkeys(chains.values()))
    fastest = {chain: [float("inf")] * inputs for chain in distinct}
    for chain in distinct:
        run(chain, 0)  # what is made on first use isn't timed
    for repeat in range(REPEATS):
        for number in range(inputs):
            turn = (repeat + number) % len(distinct)  # none is always the first
            for chain in distinct[turn:] + distinct[:turn]:
                begun = clock()
                run(chain, number)
                fastest[chain][number] = min(fastest[chain][number], clock() - begun)
    base = fastest[next(chain for chain in distinct if chain.is_identity)]
    return WallClock(inputs, REPEATS, {name: _time(chain, fastest[chain], base) for name, chain in chains.items()})


def write_wall_clock(out: Path, found: WallClock) -> None:
    """Into a study's folder."""
    write_json(out / FILE, found.to_json())


def read_wall_clock(out: Path) -> WallClock | None:
    """Of a study's folder; None where nothing was timed."""
    return read_record(WallClock, out / FILE) if (out / FILE).is_file() else None


def _time(chain: CachedChain, seconds: Sequence[float], base: Sequence[float]) -> ChainTime:
    ratio = measured_statistic(list(zip(seconds, base, strict=True)), _ratio, method="percentile")
    calls = len(chain) / chain.chain.num_layers
    return ChainTime(chain.layers, len(chain), sum(seconds) / len(seconds), ratio, calls)


def _ratio(samples: Floats) -> Floats:
    """Of the sums, [R, N, 2] -> [R]."""
    totals = samples.sum(axis=1)
    found: Floats = totals[:, 0] / totals[:, 1]
    return found
