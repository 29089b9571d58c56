"""Ratios of seconds are over the same inputs, whatever else the machine does, and survive a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from skiploop.chains.chain import Chain
from skiploop.studies.static.cached_chain import CachedChain
from skiploop.studies.static.wall_clock import REPEATS, read_wall_clock, time_chains, write_wall_clock

IDENTITY, HALF = CachedChain(Chain.identity(10)), CachedChain(Chain(range(5), 10))


class Machine:
    """A second for each layer call and 2 beside them; every seventh run is disturbed."""

    def __init__(self) -> None:
        self.now, self.runs = 0.0, list[tuple[CachedChain, int]]()

    def run(self, chain: CachedChain, number: int) -> None:
        self.runs.append((chain, number))
        disturbed = 100 if len(self.runs) % 7 == 0 else 0
        self.now += (len(chain) + 2) * (number + 1) + disturbed

    def clock(self) -> float:
        return self.now


def test_the_ratio_is_that_of_the_fastest_runs() -> None:
    machine = Machine()
    found = time_chains({"identity": IDENTITY, "search": HALF}, 6, machine.run, machine.clock)
    ratio = found.chains["search"].ratio
    assert ratio.value == pytest.approx(7 / 12) and ratio.count == 6
    assert ratio.interval == (pytest.approx(7 / 12), pytest.approx(7 / 12)), "the same on every input"
    assert found.chains["search"].calls_ratio == 0.5, "layer calls promise more than seconds keep"
    assert found.chains["search"].seconds == pytest.approx(7 * 3.5)
    assert found.chains["identity"].ratio.value == 1
    per_input = [machine.runs[2:].count((chain, number)) for chain in (IDENTITY, HALF) for number in range(6)]
    assert per_input == [REPEATS] * 12, "the first run of each isn't timed"


def test_a_chain_that_was_chosen_twice_is_timed_once() -> None:
    machine = Machine()
    found = time_chains({"identity": IDENTITY, "search": HALF, "random": HALF}, 3, machine.run, machine.clock)
    assert found.chains["search"] == found.chains["random"]
    assert len(machine.runs) == 2 + 2 * 3 * REPEATS


def test_neither_chain_is_always_the_first() -> None:
    machine = Machine()
    time_chains({"identity": IDENTITY, "search": HALF}, 4, machine.run, machine.clock)
    first = [chain for chain, _ in machine.runs[2::2]]
    assert first.count(IDENTITY) == first.count(HALF)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    machine = Machine()
    found = time_chains({"identity": IDENTITY, "search": HALF}, 6, machine.run, machine.clock)
    assert read_wall_clock(tmp_path) is None
    write_wall_clock(tmp_path, found)
    assert read_wall_clock(tmp_path) == found
