"""Newcombe's interval for paired shares against published figures."""

from __future__ import annotations

import pytest

from skiploop.stats.shares import newcombe_paired

# Newcombe 1998, Statistics in Medicine 17:2635-2650, Table III (pages 2641-2642): limits of method 10 for (f - g) / n
# at 95 %; his cells e, f, g, h are our both, first, second, neither. The rows were not read in the paper itself but in
# public test suites that quote the table and agree with each other: github.com/MichaelHixon/Iago, the tests of
# iago/stats.py, and github.com/jmagly/aiwg, those of src/decision/qualification/quality.ts.
# Left out is only the row 1, 97, 1, 1: they quote .8736 for its lower limit, while the formula gives .87367.
TABLE_III = {
    (36, 12, 2, 0): (0.0569, 0.3404),
    (20, 12, 2, 16): (0.0562, 0.3292),
    (18, 12, 2, 18): (0.0562, 0.3290),
    (36, 14, 0, 0): (0.1528, 0.4167),
    (35, 14, 0, 1): (0.1461, 0.4175),
    (18, 14, 0, 18): (0.1441, 0.3963),
    (2, 97, 1, 0): (0.8721, 0.9854),
    (0, 29, 1, 0): (0.6666, 0.9882),
    (2, 98, 0, 0): (0.9178, 0.9945),
    (1, 98, 0, 1): (0.9171, 0.9916),
    (0, 30, 0, 0): (0.8395, 1.0),
    (54, 0, 0, 0): (-0.0664, 0.0664),
    (53, 0, 0, 1): (-0.0729, 0.0729),
    (30, 0, 0, 24): (-0.0358, 0.0358),
    (29, 0, 0, 25): (-0.0354, 0.0354),
    (28, 0, 0, 26): (-0.0352, 0.0352),
    (27, 0, 0, 27): (-0.0351, 0.0351),
}
# The R package contingencytables (github.com/ocbe-uio/contingencytables, tests/testthat/test-ch8.R), an implementation
# of its own: `Newcombe_square_and_add_CI_paired_2x2` of Cavo et al. 2012, and of a table of two inputs.
CONTINGENCYTABLES = {(59, 6, 16, 80): (-0.1186, -0.0046), (1, 0, 0, 1): (-0.5734, 0.5734)}
PUBLISHED = TABLE_III | CONTINGENCYTABLES


@pytest.mark.parametrize("cells", PUBLISHED)
def test_newcombe_gives_the_published_limits(cells: tuple[int, int, int, int]) -> None:
    assert newcombe_paired(*cells) == pytest.approx(PUBLISHED[cells], abs=5.001e-5)


@pytest.mark.parametrize("cells", PUBLISHED)
def test_newcombe_of_second_minus_first_is_the_mirror_image(cells: tuple[int, int, int, int]) -> None:
    both, first, second, neither = cells
    low, high = PUBLISHED[cells]
    assert newcombe_paired(both, second, first, neither) == pytest.approx((-high, -low), abs=5.001e-5)
