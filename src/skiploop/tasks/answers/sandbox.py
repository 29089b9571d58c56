"""A process that judges answers, see sandbox_child.py: one question at a time, with a time limit that holds in every
thread.

What a model writes is read by sympy there, which can take for ever, all memory, or log and warn; here it can't.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import weakref
from pathlib import Path
from threading import Lock, Thread
from typing import Any

_STARTUP = 120.0  # seconds until sympy is imported, on a busy machine


class Worker:
    """The process, started on first use, and again after one that had to be killed."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._held: list[subprocess.Popen[str]] = []  # the process, if there is one
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._lock = Lock()
        weakref.finalize(self, _end, self._held)  # also at exit

    def ask(self, question: Any, timeout: float) -> Any:
        """The reply, or None where it takes longer than `timeout` seconds or the process dies of the question."""
        with self._lock:
            process = self._running()
            try:
                assert process.stdin is not None, "it was started with a pipe"
                process.stdin.write(json.dumps(question) + "\n")
                process.stdin.flush()
                reply = self._lines.get(timeout=timeout)
            except (queue.Empty, OSError):
                reply = ""
            if reply:
                return json.loads(reply)
            self.stop()
            return None

    def __reduce__(self) -> tuple[type[Worker], tuple[str, ...]]:
        return Worker, self._arguments  # a copy in another process starts its own

    def stop(self) -> None:
        """End the process, if there is one."""
        _end(self._held)

    def _running(self) -> subprocess.Popen[str]:
        if self._held and self._held[0].poll() is None:
            return self._held[0]
        self.stop()
        # -P: a file of this folder must not be taken for a module of the same name. A fixed hash seed: data sets
        # that go through sets make the same problems in every process.
        command = [sys.executable, "-P", str(Path(__file__).with_name("sandbox_child.py")), *self._arguments]
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONIOENCODING": "utf-8"},
        )
        self._held.append(process)
        self._lines = queue.SimpleQueue()
        Thread(target=_forward, args=(process.stdout, self._lines), daemon=True).start()
        try:
            ready = self._lines.get(timeout=_STARTUP)
        except queue.Empty:
            ready = ""
        if not ready:
            self.stop()
            raise RuntimeError(f"the process that judges answers doesn't start; try {' '.join(command)}")
        return process


def _forward(pipe: Any, lines: queue.SimpleQueue[str]) -> None:
    """Hand on each line; an empty one says that the process has ended."""
    try:
        for line in pipe:
            lines.put(line)
    except (OSError, ValueError):  # closed while it was read
        pass
    lines.put("")


def _end(held: list[subprocess.Popen[str]]) -> None:
    while held:
        process = held.pop()
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # what was still to be written
                pass
