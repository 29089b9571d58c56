"""`polar` and `layerwise`: the networks of PoLar and of Dr.LLM choose among the chains of a menu.

As in the papers there is no margin and no way back to the identity: what they find likeliest is run. They stand here to
measure how they collapse. Of few hundred inputs and a menu PoLar's width of 256 is a quarter.
"""

from __future__ import annotations

from dataclasses import replace

from skiploop.routing.choosers.menu import Selector
from skiploop.routing.features import directions, input_features
from skiploop.routing.networks import LAYERWISE, POLAR, NetworkTraining, fit_network
from skiploop.routing.runs import TableRuns
from skiploop.routing.table import Labelled

_WIDTH = 64


def polar(train: Labelled, validation: Labelled) -> Selector:
    """PoLar's network (arXiv 2606.06574) on the whole state; nothing is decided on the validation inputs."""
    return _fitted("polar", train, replace(POLAR, width=_WIDTH))


def layerwise(train: Labelled, validation: Labelled) -> Selector:
    """Dr.LLM's routers (arXiv 2510.12773) on the whole state; nothing is decided on the validation inputs."""
    return _fitted("layerwise", train, LAYERWISE)


def _fitted(kind: str, train: Labelled, training: NetworkTraining) -> Selector:
    table = train.table
    axes = directions(table.states, table.states.shape[1])
    chains = [each.chain for each in table.passes]
    model = fit_network(kind, input_features(TableRuns(table), axes), train.pass_right, chains, training)
    return Selector(axes, model, tuple(range(len(chains))), 0.0)
