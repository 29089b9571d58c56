"""Peak memory, the attainable matrix-multiply rate, and the shapes of an engine's layer calls."""

from __future__ import annotations

import ctypes
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy
import torch

from skiploop import LayeredModel
from skiploop.recording import Recording
from skiploop.replay import find_layers

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


def attainable_seconds(model: LayeredModel, shapes: Counter[int]) -> float:
    """Seconds that the layers' own matrix products take, measured now, for calls of these numbers of tokens.

    Every ``nn.Linear`` of one layer is timed on [tokens, width] for tokens on a grid of powers of two, and
    interpolated in between. Layers are taken in turn, so that weights come from memory as in a pass.
    """
    largest = max(shapes)
    grid = [1 << power for power in range((largest - 1).bit_length())] + [largest]
    with torch.inference_mode():
        seconds = [_seconds_per_call(model, tokens) for tokens in grid]
    return float(sum(count * numpy.interp(tokens, grid, seconds) for tokens, count in shapes.items()))


def _seconds_per_call(model: LayeredModel, tokens: int) -> float:
    layers = [
        [module for module in layer.modules() if isinstance(module, torch.nn.Linear)]
        for layer in find_layers(model.hf)
    ]
    place = {"device": model.device, "dtype": model.dtype}
    inputs = {width: torch.randn(tokens, width, **place) for width in {m.in_features for m in layers[0]}}
    times = []
    begun = time.perf_counter()
    while len(times) < 5 or (time.perf_counter() - begun < 0.15 and len(times) < 200):
        start = clock(model.device)
        for linear in layers[len(times) % len(layers)]:
            linear(inputs[linear.in_features])
        times.append(clock(model.device) - start)
    return float(numpy.median(times))
