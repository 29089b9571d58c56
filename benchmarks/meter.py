"""Peak memory, the attainable matrix-multiply rate, and the shapes of an engine's layer calls."""

from __future__ import annotations

import ctypes
import random
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import torch

from skiploop import LayeredModel
from skiploop.models.recorded_calls import Recording
from skiploop.models.replay import find_layers

_clock = time.perf_counter


def use_cpu_clock() -> None:
    """Count the CPU seconds of this process: with one thread about what an idle machine takes."""
    global _clock
    _clock = time.process_time


def clock(device: torch.device) -> float:
    """Seconds, after everything that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return _clock()


class PeakMemory:
    """The most memory used since it was made, beyond what was in use then."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            self._before = torch.cuda.memory_allocated(device)
            return
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)  # free memory that the process keeps isn't in use (glibc)
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # resets the high-water mark (Linux)
        self._before = _resident_bytes("VmRSS")

    def bytes(self) -> int:
        """So far."""
        if self._device.type == "cuda":
            return torch.cuda.max_memory_allocated(self._device) - self._before
        return max(0, _resident_bytes("VmHWM") - self._before)


def _resident_bytes(name: str) -> int:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


@contextmanager
def counting_shapes() -> Iterator[Counter[int]]:
    """How many layer calls there are for each number of tokens (rows times S) that go through together."""
    shapes: Counter[int] = Counter()
    original: Callable[..., torch.Tensor] = Recording.run

    def run(self: Recording, layer: int, hidden: torch.Tensor, *rest: object) -> torch.Tensor:
        shapes[hidden.shape[0] * hidden.shape[1]] += 1
        return original(self, layer, hidden, *rest)

    Recording.run = run  # type: ignore[method-assign, assignment]
    try:
        yield shapes
    finally:
        Recording.run = original  # type: ignore[method-assign]


def attainable_seconds(model: LayeredModel, shapes: Counter[int], runs: int) -> float:
    """Seconds that the layers' own matrix products take in one run, measured now, for calls of these numbers of tokens.

    Every `nn.Linear` of a layer is run on [tokens, width] for each call that was counted, in random order and as
    long as the run was: a short burst would meet another clock rate. Layers are taken in turn, so that weights come
    from memory as in a pass. `shapes`: counted over so many `runs`.
    """
    layers = [
        [module for module in layer.modules() if isinstance(module, torch.nn.Linear)] for layer in find_layers(model.hf)
    ]
    place = {"device": model.device, "dtype": model.dtype}
    inputs = {width: torch.randn(max(shapes), width, **place) for width in {m.in_features for m in layers[0]}}
    calls = [tokens for tokens, count in shapes.items() for _ in range(count // runs)]
    random.Random(0).shuffle(calls)
    with torch.inference_mode():
        for part in (calls[:20], calls):  # the first to warm up
            start = clock(model.device)
            for number, tokens in enumerate(part):
                for linear in layers[number % len(layers)]:
                    linear(inputs[linear.in_features][:tokens])
            seconds = clock(model.device) - start
    return seconds
