from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from skiploop.errors import InvalidInput
from skiploop.storage.lock import lock_folder

HOLD = """
import sys
from pathlib import Path
from skiploop.storage.lock import lock_folder
lock = lock_folder(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_the_lock_of_a_process_ends_with_it_even_when_it_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        with pytest.raises(InvalidInput, match=f"another process is working on {tmp_path}; wait for it to end"):
            lock_folder(tmp_path)
        process.kill()
        process.wait()
    lock_folder(tmp_path).release()


def test_two_studies_of_one_process_keep_each_other_out(tmp_path: Path) -> None:
    lock = lock_folder(tmp_path)
    with pytest.raises(InvalidInput, match="another process"):
        lock_folder(tmp_path)
    lock.release()
    lock.release()  # twice is harmless
    lock_folder(tmp_path).release()


def test_a_lock_may_be_released_by_another_thread(tmp_path: Path) -> None:
    lock = lock_folder(tmp_path)
    thread = Thread(target=lock.release)
    thread.start()
    thread.join()
    lock_folder(tmp_path).release()


def test_the_file_of_a_dead_process_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("{")
    lock_folder(tmp_path).release()
