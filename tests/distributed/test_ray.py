"""Searches on a real cluster of Ray, on this machine, of which processes are killed: nothing of it can be seen."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra ray")]

FILES = ("inputs.jsonl", "journal.jsonl", "verified.jsonl", "summary.json")
MARK = "SKIPLOOP_TEST_RUN"  # in the environment of the processes that a test starts, and of theirs


def skiploop(*words: str) -> list[str]:
    return [sys.executable, "-m", "skiploop", *words]


def command(out: Path, *words: str, limit: int, budget: int) -> list[str]:
    sizes = ["--limit", str(limit), "--budget", str(budget)]
    return skiploop("search", *sizes, "--out", str(out), *words)


@contextmanager
def started(words: list[str], mark: str, said: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the test, with all that it has started; what it says on stderr goes to a file."""
    env = os.environ | {MARK: mark, "PYTHONPATH": os.pathsep.join(sys.path)}
    with said.open("wb") as file:
        process = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=file)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pid in pids(mark):
            os.kill(pid, signal.SIGKILL)


def pids(mark: str, title: bytes = b"") -> list[int]:
    """Processes that a test has started, itself or through others, whose command line begins so."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"{MARK}={mark}".encode() in (place / "environ").read_bytes().split(b"\0")
            if ours and (place / "cmdline").read_bytes().startswith(title):
                found.append(int(place.name))
        except OSError:
            continue
    return found


def written(out: Path) -> int:
    """Bytes of all shards' journals."""
    return sum(each.stat().st_size for each in out.glob("shards/*/*.jsonl"))


def kill_workers(out: Path, process: subprocess.Popen[bytes], mark: str, times: int, rng: random.Random) -> int:
    """Kills a random worker each time that something new was evaluated; how often, before the process ended."""
    for number in range(times):
        before = written(out)
        while written(out) <= before or not pids(mark, b"ray::Replica"):
            if process.poll() is not None:
                return number
            time.sleep(0.02)
        time.sleep(rng.random() * 0.5)
        for pid in rng.sample(pids(mark, b"ray::Replica"), 1):
            os.kill(pid, signal.SIGKILL)
    return times


@pytest.mark.parametrize(("workers", "drivers", "limit", "budget"), [(1, 1, 8, 12), (20, 5, 40, 24)])
def test_killed_workers_and_drivers_leave_no_trace(
    tmp_path: Path, workers: int, drivers: int, limit: int, budget: int
) -> None:
    out, rng, killed = tmp_path / "several", random.Random(0), 0
    words = command(out, "--ray", "--address", "local", "--workers", "2", "--chunk", "2", limit=limit, budget=budget)
    for number in range(drivers + 1):
        mark = f"{os.getpid()}-{workers}-{number}"
        last = number == drivers
        with started(words, mark, tmp_path / f"{number}.txt") as process:
            wanted = workers - killed if last else max(1, workers // (drivers + 1))
            killed += kill_workers(out, process, mark, min(wanted, workers - killed), rng)
            if not last:
                before = written(out)
                while written(out) <= before:
                    assert process.poll() is None, "the study is long enough to be killed so often"
                    time.sleep(0.02)
                process.kill()
            code = process.wait(timeout=600)
            assert code == (0 if last else -signal.SIGKILL), (tmp_path / f"{number}.txt").read_text()
    assert killed == workers
    one = tmp_path / "one"
    subprocess.run(command(one, "--threads", "1", limit=limit, budget=budget), check=True, capture_output=True)
    for name in FILES:
        assert (out / name).read_bytes() == (one / name).read_bytes(), name
    assert not (out / "shards").exists()


@pytest.mark.parametrize(
    ("words", "files"),
    [
        (("evaluate", "--chain", "0-5 4-7", "--limit", "1200"), FILES[:2] + FILES[3:]),
        (
            ("route", "train", "--chooser", "menu", "--samples", "1", "--limit", "192"),
            ("journal.jsonl", "router.json", "router.safetensors"),
        ),
    ],
    ids=["evaluate", "route"],
)
def test_killed_workers_leave_no_trace_in_other_work(
    tmp_path: Path, words: tuple[str, ...], files: tuple[str, ...]
) -> None:
    one, out, mark = tmp_path / "one", tmp_path / "several", f"{os.getpid()}-{words[0]}"
    sized = skiploop(*words)
    spread = [*sized, "--out", str(out), "--ray", "--address", "local", "--workers", "2", "--chunk", "8"]
    with started(spread, mark, tmp_path / "said.txt") as process:
        assert kill_workers(out, process, mark, 3, random.Random(0)) == 3
        assert process.wait(timeout=600) == 0, (tmp_path / "said.txt").read_text()
    assert "a worker was lost" in (tmp_path / "said.txt").read_text()
    subprocess.run([*sized, "--out", str(one), "--threads", "1"], check=True, capture_output=True)
    for name in files:
        assert (out / name).read_bytes() == (one / name).read_bytes(), name


CLUSTER = """
import sys
from ray.cluster_utils import Cluster
size = {"object_store_memory": 100 * 2**20}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **size})
leaves = cluster.add_node(num_cpus=1, **size)
cluster.add_node(num_cpus=1, **size)
print(cluster.address, flush=True)
sys.stdin.readline()
cluster.remove_node(leaves, allow_graceful=False)
print("gone", flush=True)
sys.stdin.readline()
cluster.shutdown()
"""


def test_a_machine_that_goes_away_leaves_no_trace(tmp_path: Path) -> None:
    """One of two of a cluster; the other one does what is left."""
    out, mark = tmp_path / "several", f"{os.getpid()}-node"
    env = os.environ | {MARK: mark, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", CLUSTER], env=env, stdin=pipe, stdout=pipe, text=True) as cluster:
        assert cluster.stdin is not None and cluster.stdout is not None
        address = next(line.strip() for line in cluster.stdout if line.count(":") == 1)
        words = command(out, "--ray", "--address", address, "--workers", "2", "--chunk", "2", limit=8, budget=12)
        with started(words, mark, tmp_path / "said.txt") as process:
            while sum(not (shard / "summary.json").exists() for shard in out.glob("shards/*-*")) < 2:
                assert process.poll() is None, (tmp_path / "said.txt").read_text()
                time.sleep(0.05)
            print(file=cluster.stdin, flush=True)
            assert "gone" in next(line for line in cluster.stdout if "gone" in line)
            assert process.wait(timeout=600) == 0, (tmp_path / "said.txt").read_text()
            assert "a worker was lost" in (tmp_path / "said.txt").read_text()
        print(file=cluster.stdin, flush=True)
        cluster.kill()
    one = tmp_path / "one"
    subprocess.run(command(one, "--threads", "1", limit=8, budget=12), check=True, capture_output=True)
    for name in FILES:
        assert (out / name).read_bytes() == (one / name).read_bytes(), name
