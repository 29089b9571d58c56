"""Choosers by name, and the opponents that each is compared with."""

from __future__ import annotations

from skiploop.routing.chooser import Chooser
from skiploop.routing.choosers.cascade import cascade
from skiploop.routing.choosers.controller import controller
from skiploop.routing.choosers.gain import gain
from skiploop.routing.choosers.identity import identity, identity_features, static, strongest_identity
from skiploop.routing.choosers.menu import imitate, menu
from skiploop.routing.choosers.mix import mix
from skiploop.routing.choosers.networks import layerwise, polar
from skiploop.routing.choosers.preference import preference
from skiploop.routing.choosers.topk import topk
from skiploop.routing.choosers.values import values
from skiploop.routing.choosers.votes import cisc, self_certainty, vote

CHOOSERS: dict[str, Chooser] = {
    "gain": gain,
    "menu": menu,
    "mix": mix,
    "vote": vote,
    "cisc": cisc,
    "self_certainty": self_certainty,
    "cascade": cascade,
    "imitate": imitate,
    "topk": topk,
    "values": values,
    "preference": preference,
    "controller": controller,
    "polar": polar,
    "layerwise": layerwise,
}
NETWORKS = ("controller", "polar", "layerwise")
"""Trained by gradient, which takes minutes for an evaluation: evaluated where they are named."""
OPPONENTS: dict[str, Chooser] = {
    "identity": identity,
    "strongest_identity": strongest_identity,
    "identity_features": identity_features,
    "static": static,
}
"""They run the identity alone, or one chain for all inputs."""
