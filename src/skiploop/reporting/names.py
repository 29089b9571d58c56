"""What people read for arms, choices, spaces, transitions and groups of chains: each name stands here once."""

from __future__ import annotations

ARM_NAMES = {"search": "search", "random": "random chains", "nearby": "nearby chains", "control": "control"}
"""The arms; `MARKS` and `COLOURS` have a style by the same keys."""

STATIC_NAMES = {
    "identity": "identity (the model as it is)",
    "search": "search",
    "random": "random chains",
    "block": "one block twice (RYS)",
    "influence": "Block Influence (ShortGPT)",
    "gates": "gates trained by gradient",
    "cheapest": "cheapest within the margin",
    "swapped": "search on other inputs",
}
"""What chose each chain of a static study."""

SPACE_NAMES = {
    "skip": "skip only",
    "loop": "loop only",
    "damped": "damped loop only",
    "cola": "skip and loop",
}
"""The spaces of an ablation."""

CHAIN_NAMES = {
    "identity_right": "the identity on inputs that it gets right",
    "best_shorter": "shorter right chains",
    "identity_corrected": "the identity on corrected inputs",
    "best_corrected": "best chains on corrected inputs",
    "found_corrected": "drawn right chains on corrected inputs",
    "random": "random right chains",
}
"""Whose neighbours were tried."""

PAIR_NAMES = {
    "best_random": "best less random chains",
    "found_random": "drawn less random chains",
    "found_identity": "drawn chains less the identity, on corrected inputs",
}
"""Neighbours that are compared on the same inputs."""

LENS_NAMES = {
    "identity_right": "the identity where it is right",
    "identity_wrong": "the identity where it is wrong",
    "corrected_identity": "the identity on corrected inputs",
    "still_wrong_identity": "the identity where nothing right was found",
    "corrected": "best chains on corrected inputs",
    "shorter": "shorter right chains",
}
"""Chains that were read through the logit lens."""

KIND_NAMES = {"identity": "the identity", "skip": "only skip", "loop": "only loop", "both": "skip and loop"}
"""What the chains of a format table do."""

TRANSITION_NAMES = {
    "right_shorter": "right, and so is a shorter chain",
    "corrected": "wrong, some chain is right",
    "still_wrong": "wrong, and so is every chain tried",
    "identity_best": "right, no shorter chain found",
}
"""What became of an input, the identity's verdict first."""

TRANSITION_BADGES = {
    "right_shorter": "right, shorter",
    "corrected": "corrected",
    "still_wrong": "still wrong",
    "identity_best": "identity best",
}
"""The same in two words."""
