"""Every chooser on the planted controls."""

from skiploop.routing.choosers.named import CHOOSERS
from skiploop.testing.router_contract import RouterContract


class TestGain(RouterContract):
    chooser = staticmethod(CHOOSERS["gain"])


class TestMenu(RouterContract):
    chooser = staticmethod(CHOOSERS["menu"])


class TestMix(RouterContract):
    chooser = staticmethod(CHOOSERS["mix"])


class TestVote(RouterContract):
    chooser = staticmethod(CHOOSERS["vote"])
    reaches = None


class TestCisc(RouterContract):
    chooser = staticmethod(CHOOSERS["cisc"])
    reaches = None


class TestSelfCertainty(RouterContract):
    chooser = staticmethod(CHOOSERS["self_certainty"])
    reaches = None


class TestCascade(RouterContract):
    chooser = staticmethod(CHOOSERS["cascade"])
    reaches = None


class TestImitate(RouterContract):
    chooser = staticmethod(CHOOSERS["imitate"])
    reaches = None
    comes_back = False
