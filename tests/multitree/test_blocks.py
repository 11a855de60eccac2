"""Seeing the blocks of the Jacobian, and splitting them in a row and a column."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.blocks import block_owners, see_blocks, split_blocks
from openblackbox.multitree.supports import random_multitree
from openblackbox.networks import ReLUNetwork
from shallow_cases import block_supports, random_network


class Ask:
    def __init__(self, network):
        self.jacobians = network.jacobian


def see(network, supports, x, *, growth=2.0, max_doublings=60, noise=0.0, tolerance=None):
    first, second = (np.asarray(s, dtype=bool) for s in supports)
    return see_blocks(
        Ask(network), np.asarray(x), first, second, growth, max_doublings, noise, tolerance
    )


@given(
    widths=st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8)),
    seed=st.integers(0, 10**6),
)
@settings(deadline=None, derandomize=True, max_examples=40)
def test_the_owner_is_the_neuron_on_the_only_path(widths, seed):
    first, second = random_multitree(widths, rng=np.random.default_rng(seed), density=0.8)
    owner = block_owners(first, second)
    for (output, source), neuron in np.ndenumerate(owner):
        through = np.flatnonzero(second[output] & first[:, source])
        assert through.tolist() == ([neuron] if neuron >= 0 else [])


@pytest.mark.claim("SL-12", "SL-14")
def test_the_blocks_seen_add_up_to_the_product():
    supports = block_supports(3)
    network = random_network(supports, np.random.default_rng(0))
    x = np.random.default_rng(1).standard_normal(9)
    seen = see(network, supports, x)
    product = network.weights[1] @ network.weights[0]
    np.testing.assert_allclose(seen.product, product, rtol=1e-14)
    far = 2.0**seen.doublings * x
    np.testing.assert_allclose(network.jacobian(far) + network.jacobian(-far), product, rtol=1e-14)
    assert seen.tolerance == np.sqrt(np.finfo(float).eps)
    rows, columns = split_blocks(seen, *(s.astype(bool) for s in supports), x)
    scale = np.diag(rows @ network.weights[0].T) / np.diag(rows @ rows.T)  # D of step 3
    np.testing.assert_allclose(network.weights[0], scale[:, None] * rows, rtol=1e-12)
    np.testing.assert_allclose(network.weights[1], columns / scale, rtol=1e-12)


@pytest.mark.claim("SL-15")
def test_the_sign_is_that_of_the_side_where_the_neuron_shows():
    supports = block_supports(4)
    network = random_network(supports, np.random.default_rng(2))
    x = np.random.default_rng(3).standard_normal(16)
    seen = see(network, supports, x)
    rows, columns = split_blocks(seen, *(s.astype(bool) for s in supports), x)
    assert (np.diag(rows @ network.weights[0].T) > 0).all()  # D > 0
    assert seen.side.tolist() == np.sign(rows @ x).astype(int).tolist()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-14)
    # Flipping a row and its column keeps the product but not the function: the sign is needed.
    flipped = ReLUNetwork([-rows, -columns], network.biases)
    assert not np.allclose(flipped.jacobian(100 * x), network.jacobian(100 * x))


@pytest.mark.claim("SL-14", counterexample=True)
def test_a_zero_block_does_not_determine_its_row():
    network = ReLUNetwork([[[3.0]], [[0.0]]], [[1.0], [0.0]])
    seen = see(network, [[[1]], [[1]]], [1.0], max_doublings=3)
    assert not seen.shown.any()
    rows, columns = split_blocks(seen, np.ones((1, 1), bool), np.ones((1, 1), bool), np.ones(1))
    assert rows.tolist() == columns.tolist() == [[0.0]]  # no D makes D * 3 = 0


def test_first_seen_side_and_growth():
    # Kinks at 0.5, 3, 3 (other side), 100 for x = 1, and one that is on at first.
    network = ReLUNetwork([np.eye(5), np.ones((1, 5))], [[-0.5, -3.0, -3.0, -100.0, 5.0], [0.0]])
    x = [1.0, 1.0, -1.0, 1.0, -1.0]
    seen = see(network, network.supports, x)
    assert seen.first_seen.tolist() == [0, 2, 2, 7, 3]
    assert seen.side.tolist() == [1, 1, -1, 1, -1]
    assert seen.doublings == 7
    ten = see(network, network.supports, x, growth=10.0)
    assert ten.first_seen.tolist() == [0, 1, 1, 3, 1]  # at x = 100 the neuron is on its kink: off
    few = see(network, network.supports, x, max_doublings=2)
    assert few.doublings == 2
    assert few.shown.tolist() == [True, True, True, False, True]
    assert few.always_on.tolist() == [False, False, False, False, True]
    assert few.first_seen.tolist() == [0, 2, 2, -1, -1]


def test_equality_counts_as_seen():
    """At |<w, x>| = |b| one of the two points is on the kink, and shows nothing."""
    for bias, side in ((2.0, 1), (-2.0, None)):
        network = ReLUNetwork([[[1.0]], [[1.0]]], [[bias], [0.0]])
        seen = see(network, [[[1]], [[1]]], [2.0], max_doublings=0)
        assert seen.shown[0] == (side is not None)
        assert seen.side[0] == (side or 0)


@pytest.mark.parametrize("tolerance", [1e-3, None])
def test_a_block_may_change_by_the_tolerance(tolerance):
    limit = tolerance or np.sqrt(np.finfo(float).eps)

    class Drifting:
        def __init__(self, drift):
            self.drift = drift

        def jacobian(self, x):
            late = np.abs(x[:, :1, None]) > 1  # after the first doubling
            return np.array([[[1.0, 2.0]], [[0.0, 2.0]]]) * (1 + self.drift * late)

    supports = [np.eye(2), np.ones((1, 2))]
    see(Drifting(0.9995 * limit), supports, [1.0, 1.0], tolerance=tolerance, max_doublings=1)
    with pytest.raises(ValueError, match=r"hidden neuron [01] .* changes from point to point by"):
        see(Drifting(1.0005 * limit), supports, [1.0, 1.0], tolerance=tolerance, max_doublings=1)


@pytest.mark.parametrize("tolerance", [1e-3, None])
def test_a_block_may_miss_rank_one_by_the_tolerance(tolerance):
    limit = tolerance or np.sqrt(np.finfo(float).eps)
    ones = np.ones((1, 2), dtype=bool), np.ones((2, 1), dtype=bool)

    class Constant:
        def __init__(self, excess):
            # 1 + e in two corners: half of the excess is in the second singular value.
            self.block = np.array([[1 + excess, 1 - excess], [1 - excess, 1 + excess]])

        def jacobian(self, x):
            return self.block * (x[:, :1, None] > 0)

    def run(factor):
        excess = factor * limit / (1 - factor * limit)  # the error relative to the largest entry
        seen = see(Constant(excess), ones, [1.0, 1.0], tolerance=tolerance)
        return split_blocks(seen, *ones, np.ones(2))

    run(0.9995)
    with pytest.raises(ValueError, match="hidden neuron 0 in the Jacobian is not of rank one"):
        run(1.0005)


def test_mass_outside_the_blocks_is_refused_above_the_noise():
    network = ReLUNetwork([[[1.0, 1e-3]], [[1.0]]], [[0.0], [0.0]])
    with pytest.raises(ValueError, match=r"1 nonzero .* up to 1.0e-03, .* output 0, input 1"):
        see(network, [[[1, 0]], [[1]]], [1.0, 1.0])
    with pytest.raises(ValueError, match="outside"):
        see(network, [[[1, 0]], [[1]]], [1.0, 1.0], noise=0.9995e-3)
    seen = see(network, [[[1, 0]], [[1]]], [1.0, 1.0], noise=1.0005e-3)
    assert seen.product.tolist() == [[1.0, 0.0]]
