"""Floating ranges, points of many magnitudes, and what a bank of points remembers."""

import numpy as np
import pytest
from deep_cases import irregular, sketcher_of, weights_on
from openblackbox.multitree.alive import visible_edges
from openblackbox.multitree.bank import (
    Bank,
    FloatRange,
    RangeExhaustedError,
    ends,
    tropical_points,
)
from openblackbox.multitree.reach import Graph
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.networks import ReLUNetwork

DOUBLE, SINGLE = FloatRange(1024), FloatRange(128)


def test_the_range_is_that_of_the_oracle():
    assert FloatRange.of(ReLUNetwork([np.eye(2)])) == DOUBLE
    assert FloatRange.of(ReLUNetwork([np.eye(2, dtype=np.float32)])) == SINGLE
    assert FloatRange.of(object()) == DOUBLE


def test_sizes_are_powers_of_two():
    assert (DOUBLE.floor, DOUBLE.gap) == (-204, 64)
    assert (SINGLE.floor, SINGLE.gap) == (-25, 8)
    assert FloatRange(8).gap == 1
    assert (DOUBLE.loud, DOUBLE.audible, DOUBLE.quiet) == (2.0**128, 2.0**-960, 2.0**-512)
    assert (SINGLE.loud, SINGLE.audible, SINGLE.quiet) == (2.0**16, 2.0**-120, 2.0**-64)
    # All are normal numbers of their type.
    assert SINGLE.audible > np.finfo(np.float32).tiny
    assert DOUBLE.audible > np.finfo(float).tiny


@pytest.mark.parametrize("sides", [DOUBLE, SINGLE])
def test_a_softened_answer_is_just_audible(sides):
    for exponent in range(-sides.bits // 2, sides.bits // 16, 7):
        softened = np.ldexp(1.0, exponent - sides.softening(np.ldexp(1.0, exponent)))
        assert sides.audible < softened < np.sqrt(sides.audible)
    assert sides.softening(np.ldexp(1.0, sides.bits // 2)) == 15 * sides.bits // 16
    assert sides.softening(0.0) == 7 * sides.bits // 8
    assert sides.softening(np.ldexp(1.0, 1 - sides.bits)) == 0


def test_points_are_shifted_to_the_floor():
    rng = np.random.default_rng(0)
    x = rng.standard_normal(9) * 10.0 ** rng.uniform(-99, 99, 9)
    x[3] = 0
    y = DOUBLE.normalized(x)
    assert ends(y)[0] == DOUBLE.floor
    ratios = y[x != 0] / x[x != 0]
    assert (ratios == ratios[0]).all()
    assert np.log2(ratios[0]) % 1 == 0
    assert DOUBLE.normalized(np.zeros(3)).tolist() == [0, 0, 0]


def test_ends_are_exponents():
    assert ends(np.array([0.0, -0.5, 6.0])) == (0, 3)
    assert ends(np.zeros(2)) == (0, 0)
    assert ends(np.array([5e-324])) == (-1073, -1073)


def test_too_wide_a_point_is_refused():
    assert SINGLE.shift(-100, 28) == 75
    with pytest.raises(
        RangeExhaustedError, match=r"129 binary orders of magnitude apart.*allows 128"
    ):
        SINGLE.shift(-100, 29)
    with pytest.raises(ArithmeticError):
        SINGLE.normalized(np.array([1e-30, 1e30]))


@pytest.mark.parametrize("budget, bits", [(341, 26.0), (65, 13.0)])
def test_tropical_points_follow_their_formula(budget, bits):
    graph = Graph(dyadic_supports(5))
    options = {} if budget == 341 else {"budget": budget}
    got = tropical_points(graph, 4, rng=np.random.default_rng(3), **options)
    rng = np.random.default_rng(3)
    expected = rng.standard_normal((4, 32))
    for level in range(5):
        sets = graph.inputs[level].sets.toarray()
        damped = bits * rng.random((4, len(sets))) * rng.integers(0, 2, (4, len(sets)))
        expected = expected * np.exp2(-(damped @ sets))
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_tropical_points_of_an_irregular_graph_have_all_inputs():
    for seed in range(20):
        graph = Graph(irregular(seed)[0])
        points = tropical_points(graph, 3, rng=np.random.default_rng(seed))
        assert points.shape == (3, graph.widths[0])
        assert points.all()


def test_a_bank_remembers_what_its_points_show():
    rng = np.random.default_rng(1)
    supports = dyadic_supports(3)
    network = ReLUNetwork(weights_on(supports, rng))
    bank = Bank(sketcher_of(network, supports, rng))
    assert len(bank) == 0
    points = rng.standard_normal((50, 8))  # more than the first room for 16
    for number, x in enumerate(points):
        assert bank.add(x, ("test", number)) == number
    assert len(bank) == 50
    assert bank.origins[7] == ("test", 7)
    assert np.array_equal(bank.points[9], points[9])
    graph, visible = bank.graph, [visible_edges(network, x) for x in points]
    seen = np.zeros(graph.n_edges, dtype=bool)
    for layer in range(3):
        edges = np.array([v[layer][graph.rows[layer], graph.columns[layer]] for v in visible])
        seen[graph.layer(layer)] = edges.any(axis=0)
    assert np.array_equal(bank.seen, seen)
    for level in (1, 2):
        shown = np.array([v[level - 1].any(axis=1) for v in visible])
        assert np.array_equal(bank.shown(level), shown)
        first = np.where(shown.any(axis=0), shown.argmax(axis=0), -1)
        assert np.array_equal(bank.first_seen[level], first)
    # Outputs are linear: every point shows them.
    assert bank.shown(3).all()
    assert bank.shown(3).shape == (50, 8)
    assert not bank.first_seen[3].any()
