"""The settings of sampling. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

from skiploop.errors import InvalidInput
from skiploop.settings.flag import SAMPLING, Flag
from skiploop.validate import whole_number

TEMPERATURES = (0.3, 0.7, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingSettings:
    """How the identity is sampled.

    Attributes:
        temperatures: those from which one is chosen.
        tune: training inputs, at most, on which temperature and number of samples are chosen.
        most: most samples of an input; None: as many as the budget pays for.
        seed: of the samples.
        per_call: about how many samples go into one call of the engine, and are lost when it is killed.
    """

    temperatures: Annotated[tuple[float, ...], Flag("To choose from.", panel=SAMPLING)] = TEMPERATURES
    tune: Annotated[int, Flag("Training inputs on which the temperature is chosen.", panel=SAMPLING)] = 64
    most: Annotated[
        int | None,
        Flag("Most samples of an input (default: what the budget pays for).", panel=SAMPLING, name="--samples"),
    ] = None
    seed: Annotated[int, Flag("Of the samples.", panel=SAMPLING)] = 0
    per_call: int = 1024

    def __post_init__(self) -> None:
        whole_number("tune", self.tune, 1)
        whole_number("seed", self.seed, 0)
        whole_number("per_call", self.per_call, 1)
        if self.most is not None:
            whole_number("most", self.most, 1)
        wrong = [each for each in self.temperatures if not 0 < each < math.inf]
        if wrong or not self.temperatures:
            raise InvalidInput(f"temperatures={self.temperatures} don't work; give one or more numbers above 0")
        object.__setattr__(self, "temperatures", tuple(sorted(set(map(float, self.temperatures)))))
