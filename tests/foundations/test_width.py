"""The smallest width against all subsets, against networks that exist, and against rounding."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations.piecewise import piecewise_affine
from openblackbox.foundations.two_neurons import best_two_neurons
from openblackbox.foundations.width import minimal_width, relu_network

HALF = Fraction(1, 2)
quick = settings(deadline=None, derandomize=True, max_examples=150)
small = st.integers(-3, 3)


def value(neurons, x):
    return sum(eta * max(w * x + b, 0) for eta, w, b in neurons)


def brute_force(f):
    """Return the width by trying all the subsets of the kinks, as the theorem is written."""
    k, found = f.pieces, f.pieces + 1
    for left in itertools.product([False, True], repeat=k - 1):
        taken = [(a, jump) for a, jump, in_l in zip(f.kinks, f.jumps, left, strict=True) if in_l]

        def rest(x, taken=taken):
            first = f.values[0] + f.slope * (x + f.radius)
            return first + sum(jump * (x - a) for a, jump in taken)

        ends = rest(-f.radius), rest(f.radius)
        if ends == (0, 0):
            return k - 1
        if ends[0] * ends[1] >= 0 or any(rest(a) == 0 for a in f.kinks):
            found = k
    return found


@st.composite
def exact_functions(draw, most=7):
    inner = sorted(draw(st.sets(st.integers(-5, 5), max_size=most)))
    knots = [-6, *inner, 6]
    return knots, draw(st.lists(small, min_size=len(knots), max_size=len(knots)))


def checked(knots, values, radius):
    """Return the result, after a look at its certificate."""
    result = minimal_width(knots, values, radius=radius)
    proof = result.certificate
    assert len(proof.neurons) == result.width
    assert proof.error == 0
    assert all(value(proof.neurons, x) == y for x, y in zip(knots, values, strict=True))
    assert result.width - proof.function.pieces in (-1, 0, 1)
    kinds = {"nothing": -1, "one neuron": 0, "two neurons at a kink": 0}
    assert kinds.get(proof.kind, 1) == result.width - proof.function.pieces
    if proof.network is None:
        assert result.width == 0
    else:
        assert proof.network.widths == (1, result.width, 1)
        grid = np.linspace(-float(radius), float(radius), 301)
        size = max(proof.function.scale, 1)
        expected = np.interp(grid, np.array(knots, float), np.array(values, float))
        assert np.abs(proof.network(grid[:, None])[:, 0] - expected).max() < 1e-12 * size
    return result


@quick
@given(exact_functions())
def test_all_subsets_give_the_same_width(data):
    knots, values = data
    result = checked(knots, values, 6)
    assert result.width == brute_force(result.certificate.function)


def neurons_of_one(kind):
    """Draw a neuron of integers: kinked at an integer, or anything small."""
    return st.tuples(small, st.sampled_from([-1, 0, 1, 2]), st.integers(-7, 7))


@quick
@given(st.lists(neurons_of_one(0), min_size=1, max_size=6))
def test_no_network_is_narrower_than_the_smallest_width(neurons):
    # The lower bound of the theorem: a network of m neurons exists, so the width is at most m.
    kinks = {Fraction(-b, w) for _, w, b in neurons if w and abs(Fraction(b, w)) < 6}
    knots = [Fraction(-6), *sorted(kinks), Fraction(6)]
    values = [Fraction(value(neurons, x)) for x in knots]
    result = checked(knots, values, 6)
    assert result.width <= len(neurons)
    assert result.width == brute_force(result.certificate.function)


@pytest.mark.parametrize(
    ("knots", "values", "width"),
    [
        ([-1, 1], [0, 0], 0),
        ([-1, 1], [1, 1], 1),
        ([-1, 1], [0, 2], 1),
        ([-1, 1], [-3, -1], 1),
        ([-1, 1], [-1, 1], 2),
        ([-1, 0, 1], [0, 0, 1], 1),
        ([-1, 0, 1], [0, 0, 0], 0),
        ([-1, 0, 1], [1, 0, 1], 2),
        ([-1, 0, 1], [-1, 0, 3], 2),
        ([-1, 0, 1], [2, 1, 2], 2),
        ([-1, 0, 1], [HALF - 2, HALF, HALF - 2], 3),
    ],
)
def test_small_functions(knots, values, width):
    assert checked(knots, values, 1).width == width
    floats = minimal_width(np.array(knots, float), np.array(values, float), radius=1.0)
    assert floats.width == width
    assert floats.certificate.error < 1e-15


@pytest.mark.claim("LN-26")
def test_m_pieces_need_not_fit_into_m_neurons_and_k_plus_1_neurons_are_exact():
    # The number is the best possible: m pieces in m neurons fails for two pieces.
    knots, values = [-1, 0, 1], [HALF - 2, HALF, HALF - 2]
    result = checked(knots, values, 1)
    assert result.certificate.function.pieces == 2
    assert result.width == 3
    x = np.linspace(-1, 1, 2001)
    assert best_two_neurons(x, 0.5 - 2 * np.abs(x)).rms == pytest.approx(0.14466, rel=1e-4)
    # As printed and better: one neuron more than pieces is enough, and nothing is approximated.
    rng = np.random.default_rng(0)
    for k in (1, 2, 5, 12):
        knots = [-20, *sorted(rng.choice(np.arange(-19, 20), k - 1, replace=False)), 20]
        values = rng.integers(-9, 10, k + 1)
        assert checked(knots, values, 20).width <= k + 1


@pytest.mark.claim("LN-27")
def test_two_neurons_make_a_constant():
    neurons = [(1, 1, Fraction(7, 3)), (1, -1, Fraction(7, 3))]
    for x in (Fraction(n, 11) for n in range(-25, 26)):
        assert value(neurons, x) == 2 * Fraction(7, 3)
    assert value(neurons, 3) != 2 * Fraction(7, 3)  # outside [-M, M] it is false
    network = relu_network([-3, 3], [6, 6], radius=3)
    assert network.weights[0][:, 0].tolist() == [1, -1]
    assert network.weights[1].tolist() == [[1, 1]]
    assert network.biases[0].tolist() == [3, 3]


@pytest.mark.claim("LN-28")
@quick
@given(exact_functions())
def test_the_formula_of_the_proof(data):
    # s_1 (x + M)_+ and one term for every kink is f if f(-M) = 0; if not, (M - x)_+ joins.
    knots, values = data
    f = piecewise_affine(knots, values, radius=6)
    for shift in (values[0], 0):
        terms = [(f.slope + (f.values[0] - shift) / 12, 1, 6)]
        terms += [(jump, 1, -a) for a, jump in zip(f.kinks, f.jumps, strict=True)]
        if shift == 0:
            terms.append((f.values[0] / 12, -1, 6))
        assert all(value(terms, x) == y - shift for x, y in zip(knots, values, strict=True))
        if shift == 0 and any(values):
            network = relu_network(knots, values, radius=6, order="left")
            kept = [term for term in terms if term[0]]
            found = zip(network.weights[1][0], network.weights[0][:, 0], network.biases[0],
                        strict=True)  # fmt: skip
            for mine, theirs in zip(kept, found, strict=True):
                assert np.allclose(np.array(mine, float), theirs, rtol=1e-12, atol=0)


@quick
@given(exact_functions(), st.sampled_from(["centre", "left"]))
def test_networks_are_the_function(data, order):
    knots, values = data
    if not any(values):
        with pytest.raises(ValueError, match="zero everywhere"):
            relu_network(knots, values, radius=6, order=order)
        return
    network = relu_network(knots, values, radius=6, order=order)
    grid = np.linspace(-6, 6, 241)
    f = piecewise_affine(knots, values, radius=6)
    assert np.allclose(network(grid[:, None])[:, 0], f(grid), rtol=0, atol=1e-11)
    assert np.array_equal(f(grid), np.interp(grid, knots, values))
    assert network.widths[1] <= f.pieces + 1
    kinked = -network.biases[0] / network.weights[0][:, 0]
    inside = np.abs(kinked) < 6
    right = network.weights[0][:, 0] == 1
    assert np.array_equal(right[inside], kinked[inside] >= 0) or order == "left"
    assert order == "centre" or right[inside].all()


def test_no_neuron_is_spent_on_a_rounding_error():
    # With f(-M) = 0 the neuron (M - x)_+ is not needed, and in floats it is not there either.
    for k in (3, 10, 999, 10000):
        knots, values = np.linspace(-1, 1, k + 1), np.arange(k + 1) % 2
        assert relu_network(knots, values, radius=1, order="left").widths == (1, k, 1)
    rng = np.random.default_rng(4)
    for _ in range(20):
        knots = np.r_[-3, np.sort(rng.uniform(-3, 3, 5)), 3]
        values = np.r_[0, rng.standard_normal(6)]
        assert relu_network(knots, values, radius=3, order="left").widths == (1, 6, 1)
        # And if the outermost piece ends in zero at M, the neuron (x + M)_+ is saved.
        assert relu_network(knots[[0, -1]], values[[1, 0]], radius=3).widths == (1, 1, 1)


def test_how_often_all_residuals_change_sign():
    # The numbers of the chapter, from 200 000 draws of this kind; here 20 000 with another seed.
    rng, draws = np.random.default_rng(5), 20000
    expected = [0.5, 0.419, 0.31, 0.127, 0.044, 0.013, 0.0036, 0.0007]
    for k, share in enumerate(expected, 1):
        inner = np.sort(rng.uniform(-1, 1, (draws, k - 1)), axis=1)
        knots = np.c_[-np.ones(draws), inner, np.ones(draws)]
        values = rng.standard_normal((draws, k + 1))
        slopes = np.diff(values, axis=1) / np.diff(knots, axis=1)
        jumps = np.diff(slopes, axis=1)
        wide = np.ones(draws, bool)
        for turned in itertools.product([0.0, 1.0], repeat=k - 1):
            at_left = values[:, 0] - (jumps * (inner + 1)) @ np.array(turned)
            at_right = values[:, 0] + 2 * slopes[:, 0] + (jumps * (1 - inner)) @ np.array(turned)
            wide &= at_left * at_right < 0
        assert abs(wide.mean() - share) < 4.5 * math.sqrt(share * (1 - share) / draws) + 0.0005
        for row in range(25):
            result = minimal_width(knots[row], values[row], radius=1)
            assert result.width == k + wide[row]


def test_the_parts_of_a_function():
    f = piecewise_affine([-2, -1, 0, 2], [1, 3, 5, 4], radius=2)
    assert (f.kinks, f.jumps, f.slope, f.pieces, f.exact) == ((0,), (-2.5,), 2, 2, True)
    assert f.scale == 5 + 4 * 2.5
    assert f([-2, -0.5, 1]).tolist() == [1, 4, 4.5]
    with pytest.raises(ValueError, match="x: expected points"):
        f([2.001])


def test_a_certificate_in_full():
    proof = checked([-2, -1, 1, 2], [1, 0, 0, 3], 2).certificate
    assert proof.kind == "nothing"
    assert proof.left == (0,)
    assert proof.residual == (0, 0)
    assert set(proof.neurons) == {(1, -1, -1), (3, 1, -1)}
    proof = checked([-2, 0, 2], [4, 2, 4], 2).certificate
    assert proof.kind == "one neuron"
    assert proof.residual in ((4, 0), (0, 4))
    proof = checked([-2, 2], [-1, 3], 2).certificate
    assert proof.residual == (-1, 3)
    assert set(proof.neurons) == {(Fraction(3, 4), 1, 2), (Fraction(-1, 4), -1, 2)}
    proof = checked([-1, 0, 1], [-1, 0, 3], 1).certificate
    assert set(proof.neurons) == {(3, 1, 0), (-1, -1, 0)}


def test_random_functions_in_floats():
    rng = np.random.default_rng(1)
    counts = np.zeros(3)
    for k in (2, 3, 5, 9):
        for _ in range(60):
            knots = np.r_[-2, np.sort(rng.uniform(-2, 2, k - 1)), 2]
            values = rng.standard_normal(k + 1)
            result = minimal_width(knots, values, radius=2)
            exact = minimal_width(
                [Fraction(a) for a in knots], [Fraction(y) for y in values], radius=2
            )
            assert result.width == exact.width
            assert result.certificate.error < 1e-12 * result.certificate.function.scale
            grid = np.linspace(-2, 2, 1001)
            error = result.certificate.network(grid[:, None])[:, 0] - np.interp(grid, knots, values)
            assert np.abs(error).max() < 1e-12 * result.certificate.function.scale
            counts[result.width - k + 1] += 1
    assert counts[0] == 0
    assert counts[1] > 100
    assert counts[2] > 20


def test_planted_functions_in_floats():
    # Without residual: k - 1 neurons, found among the 2^(k-1) choices in spite of the rounding.
    rng = np.random.default_rng(2)
    for k in (2, 6, 15, 24):
        inner = np.sort(rng.uniform(-1, 1, k - 1))
        neurons = [
            (jump, sign, -sign * a)
            for jump, sign, a in zip(
                rng.standard_normal(k - 1), rng.choice([-1, 1], k - 1), inner, strict=True
            )
        ]
        knots = np.r_[-1, inner, 1]
        values = np.array([value(neurons, x) for x in knots])
        result = minimal_width(knots, values, radius=1)
        assert result.width == k - 1
        assert result.certificate.kind == "nothing"
        assert result.certificate.error < 1e-12 * result.certificate.function.scale
        # One more neuron of one sign, and one with a doubled kink.
        assert minimal_width(knots, values + 1.5 + knots, radius=1).width <= k
        assert minimal_width(knots, values + 2 * (knots - inner[0]), radius=1).width == k


@pytest.mark.parametrize("factor", [0.9995, 1.0005])
def test_the_tolerance_is_the_one_that_is_stated(factor):
    low = factor < 1
    # A kink of jump d counts from 2 d > 1e-9 (1 + d + 2 d) on.
    d = 0.5e-9 * factor
    assert piecewise_affine([-1.0, 0, 1], [1, 1, 1 + d], radius=1, tolerance=1e-9).pieces == (
        1 if low else 2
    )
    # c + x_+ has scale 3 + c, and the residual c.
    assert minimal_width([-1.0, 0, 1], [c := 3e-9 * factor, c, 1 + c], radius=1).width == (
        1 if low else 2
    )
    # An affine function with the ends -d and 1.
    for sign in (1, -1):
        result = minimal_width([-1.0, 1.0], [-sign * 1e-9 * factor, sign], radius=1)
        assert result.width == (1 if low else 2)
        assert result.certificate.error == pytest.approx(1e-9 if low else 0, rel=1e-3)
    # x + c before the kink, 2 x + c after it: scale 4 + c, and c at the kink.
    c = 4e-9 * factor
    assert minimal_width([-1.0, 0, 1], [c - 1, c, 2 + c], radius=1).width == (2 if low else 3)
    assert minimal_width([-1.0, 1.0], [-0.01, 1], radius=1, tolerance=0.1).width == 1


def test_scales_do_not_matter():
    rng = np.random.default_rng(3)
    for _ in range(20):
        knots, values = np.r_[-1, np.sort(rng.uniform(-1, 1, 3)), 1], rng.standard_normal(5)
        width = minimal_width(knots, values, radius=1).width
        for stretch, size in itertools.product([1e-6, 1, 1e6], [-1e-8, 1e8]):
            assert width == minimal_width(
                stretch * knots, size * values, radius=stretch
            ).width  # fmt: skip
        assert width == minimal_width(-knots[::-1], values[::-1], radius=1).width


def test_forty_kinks_are_decided_and_more_are_refused():
    knots = list(range(-21, 22))
    values = [x % 2 for x in knots]
    with pytest.raises(ValueError, match="at most 40 kinks, got 41"):
        minimal_width(knots, values, radius=21)
    knots = list(range(-20, 22))
    knots[-1] = Fraction(20) + HALF
    knots[0] = -knots[-1]
    values = [0, *(x * x for x in knots[1:-1]), 0]
    result = checked(knots, values, knots[-1])
    assert result.certificate.function.pieces == 41


@pytest.mark.parametrize(
    ("knots", "values", "radius", "error", "message"),
    [
        ([-1, 1], [1, 2, 3], 1, ValueError, "values: expected one for each of 2 knots, got 3"),
        ([1], [1], 1, ValueError, "knots: expected at least 2, got 1"),
        ([-1, 0, 0, 1], [0, 1, 2, 3], 1, ValueError, "knots: expected them to increase"),
        ([-1, 2], [0, 1], 1, ValueError, "got one outside"),
        ([-1, 0.5], [0, 1], 1, ValueError, "to run from -1.0 to 1.0, got -1.0 to 0.5"),
        ([-1, math.nan], [0, 1], 1, ValueError, "knots: expected finite"),
        ([-1, 1], [0, math.inf], 1, ValueError, "values: expected finite"),
        ([-1, 1], [0, 1], 0, ValueError, "radius: expected a positive"),
        ([-1, 1], [0, 1], "1", TypeError, "radius: expected a sequence of real"),
        ([-1, 1], [0, 1j], 1, TypeError, "values: expected a sequence of real"),
        ([-1, 1], [0, True], 1, TypeError, "values: expected a sequence of real"),
        ([-1, 1], [[0], [1]], 1, TypeError, "values: expected a sequence of real"),
        ([-1e-300, 1e-300], [-1e300, 1e300], 1e-300, ValueError, "too large"),
    ],
)
def test_bad_functions_are_refused(knots, values, radius, error, message):
    for make in (relu_network, minimal_width, piecewise_affine):
        with pytest.raises(error, match=message):
            make(knots, values, radius=radius)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match='order: expected "centre" or "left"'):
        relu_network([-1, 1], [0, 1], radius=1, order="right")
    for tolerance in (-1e-9, 1, math.nan):
        with pytest.raises(ValueError, match="tolerance: expected"):
            minimal_width([-1, 1], [0, 1], radius=1, tolerance=tolerance)


def test_the_best_two_neurons():
    x = np.linspace(-1, 1, 201)
    pair = [0.3, 2.5]
    y = 2 * np.maximum(np.cos(pair[0]) * x + np.sin(pair[0]), 0)
    y -= 3 * np.maximum(np.cos(pair[1]) * x + np.sin(pair[1]), 0)
    grid = 2 * np.pi * np.arange(12) / 12
    features = [np.maximum(np.cos(t) * x + np.sin(t), 0) for t in grid]
    errors = {
        (s, t): np.linalg.norm(y - both @ np.linalg.lstsq(both, y, rcond=1e-9)[0])
        for s, t in itertools.combinations(range(12), 2)
        for both in [np.stack([features[s], features[t]], axis=1)]
    }
    found = best_two_neurons(x, y, directions=12)
    best = min(errors, key=errors.get)
    assert found.rms == pytest.approx(errors[best] / math.sqrt(201), rel=1e-9)
    assert sorted(found.angles) == pytest.approx(sorted(grid[list(best)]), rel=1e-12)
    # A single neuron of the grid leaves nothing.
    assert best_two_neurons(x, features[2], directions=12).rms < 1e-7
    for bad in ([1.0], np.zeros((201, 1)), np.full(201, np.nan)):
        with pytest.raises(ValueError, match="expected"):
            best_two_neurons(x, bad)
    with pytest.raises(ValueError, match="directions"):
        best_two_neurons(x, y, directions=1)
