"""A runner whose generations leave the keys and values of loops that a cache policy says. No torch.

Studies ask for chains, and a policy is a property of how a chain is executed: so it is put onto their requests here, in
one place for all engines. Continuations are scored in one forward, to which policies make no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from skiploop.chains.policy import CachePolicy, checked_policy
from skiploop.engine.request import Request, Result, Runner


class UnderPolicy:
    """Runs every request with one cache policy; whatever else is asked of it, its runner answers."""

    def __init__(self, runner: Runner, policy: CachePolicy) -> None:
        self._runner, self._policy = runner, policy

    @property
    def layer_calls(self) -> int:
        """Of its runner, executed so far."""
        return self._runner.layer_calls

    def run(self, requests: Sequence[Request]) -> list[Result]:
        """The results, in request order."""
        return self._runner.run([self._changed(request) for request in requests])

    def run_alone(self, request: Request) -> Result:
        """The result of one request by itself."""
        return self._runner.run_alone(self._changed(request))

    def _changed(self, request: Request) -> Request:
        return request if request.continuations else replace(request, cache_policy=self._policy)

    def __getattr__(self, name: str) -> Any:
        """What some engines offer beside, such as `forget`."""
        return getattr(self._runner, name)


def under_policy(runner: Runner, policy: str) -> Runner:
    """The runner itself where the policy is `own`, which requests have anyway."""
    known = checked_policy(policy)
    return runner if known == "own" else UnderPolicy(runner, known)
