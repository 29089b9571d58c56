"""What a worklist shows while it runs: the share of rewards that are 1, over everything so far."""

from __future__ import annotations

from pathlib import Path

from skiploop.chains.chain import Chain
from skiploop.engine.request import Request
from skiploop.storage.journal import JsonlJournal
from skiploop.studies.progress import Progress
from skiploop.studies.worklist import Unit, Worklist
from skiploop.testing.fakes import LAYERS, FakeRunner

REWARDS = [[1.0, 0.0], [1.0], [0.0]]


class Recording(Progress):
    def __init__(self) -> None:
        self.shown: list[tuple[int, int, float, bool]] = []

    def update(self, done: int, total: int, figure: float, *, replayed: bool = False) -> None:
        self.shown.append((done, total, figure, replayed))


def unit(number: int, rewards: list[float]) -> Unit:
    asked = Request("L1 number 0=", Chain(range(LAYERS), LAYERS), max_new_tokens=1)
    return Unit({"number": number}, (asked,) * len(rewards), lambda _: {"rewards": rewards})


def shown(place: Path) -> list[tuple[int, int, float, bool]]:
    progress = Recording()
    work = Worklist(FakeRunner(), JsonlJournal(place), per_call=1, progress=progress)
    work.run([unit(*each) for each in enumerate(REWARDS)])
    return progress.shown


def test_the_progress_shows_the_share_of_all_rewards_so_far(tmp_path: Path) -> None:
    wanted = [(2, 4, 0.5), (3, 4, 2 / 3), (4, 4, 0.5)]
    assert shown(tmp_path / "journal.jsonl") == [(*each, False) for each in wanted]
    assert shown(tmp_path / "journal.jsonl") == [(*each, True) for each in wanted], "the same from the journal"
