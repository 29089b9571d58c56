"""Where workers run, how many there are, and what each of them takes. Not a part of what makes a study. No Ray."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Annotated

from skiploop.errors import InvalidInput
from skiploop.settings.flag import RAY, Flag
from skiploop.validate import whole_number

LOCAL = "local"


@dataclass(frozen=True, slots=True, kw_only=True)
class RaySettings:
    """How a study is spread over workers.

    Attributes:
        address: `local` starts Ray on this machine, for this study; `auto` joins the cluster that this machine belongs
            to; HOST:PORT another one. None: the cluster that RAY_ADDRESS names (a job of Ray has it), else local.
        workers: processes with a replica of the model each; None: as many as there are GPUs, or processors where there
            are no GPUs, divided by what each takes.
        gpus_per_worker: that each takes; None: one where there are any. A fraction shares a GPU between workers.
        cpus_per_worker: processors that each takes, which are also its threads.
        chunk: inputs that are given to a worker at a time; None: so many that each worker has four chunks, 64 at most.
    """

    address: Annotated[
        str | None, Flag("auto (the running cluster), local, HOST:PORT (default: $RAY_ADDRESS, or local).", panel=RAY)
    ] = None
    workers: Annotated[int | None, Flag("Processes, each with the model (default: by GPUs or CPUs).", panel=RAY)] = None
    gpus_per_worker: Annotated[
        float | None, Flag("GPUs that each takes (default: 1 where there are any).", panel=RAY)
    ] = None
    cpus_per_worker: Annotated[int, Flag("Processors, and threads, of each.", panel=RAY)] = 1
    chunk: Annotated[int | None, Flag("Inputs that a worker takes at a time.", panel=RAY)] = None

    def __post_init__(self) -> None:
        whole_number("cpus_per_worker", self.cpus_per_worker, 1)
        for name in ("workers", "chunk"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), 1)
        gpus = self.gpus_per_worker
        if gpus is not None and not (0 <= gpus <= 1 or (gpus > 1 and float(gpus).is_integer())):
            raise InvalidInput(
                f"gpus_per_worker={gpus} isn't possible; give a part of a GPU, such as 0.5, or whole ones"
            )

    @property
    def where(self) -> str:
        """The address, resolved."""
        return self.address or ("auto" if os.environ.get("RAY_ADDRESS") else LOCAL)
