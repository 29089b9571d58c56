"""Continuations scored where nothing but the model's first token stands before them, as pointwise mutual information
asks for: each different one once for each chain, in a call of its own, so that no other result depends on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from skiploop.engine.request import Request, Result, Text
from skiploop.models.layered import LayeredModel

Run = Callable[[Sequence[Request]], list[Result]]


def with_unconditional(run: Run, model: LayeredModel, requests: Sequence[Request]) -> list[Result]:
    """What `run` answers to requests, with `unconditional` for those that ask for it."""
    results = run(requests)
    bare = {
        (request.chain, text): _bare(model, request, text)
        for request in requests
        if request.unconditional
        for text in request.continuations
    }
    if not bare:
        return results
    scores = {key: found.loglikelihoods[0] for key, found in zip(bare, run(list(bare.values())), strict=True)}
    return [
        replace(result, unconditional=tuple(scores[request.chain, text] for text in request.continuations))
        if request.unconditional
        else result
        for request, result in zip(requests, results, strict=True)
    ]


def _bare(model: LayeredModel, request: Request, text: Text) -> Request:
    tokens = tuple(model.encode_bare(text)) if isinstance(text, str) else text
    return Request((model.prefix_id,), request.chain, continuations=(tokens,))
