"""Recovery of black boxes that are not quite multitree networks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.gauge import canonical
from openblackbox.multitree.nearby import RARE, open_values, recover_nearby
from openblackbox.multitree.students import relative_error
from openblackbox.multitree.supports import dyadic_supports, random_multitree
from openblackbox.multitree.teachers import add_edges, add_network, random_butterfly
from openblackbox.networks import CountingOracle, ReLUNetwork


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(0, 24),
    st.floats(-8, 8),
)
def test_the_lemma_of_the_open_values(seed, rank, n_open, value):
    rng = np.random.default_rng(seed)
    gates = rng.permutation(24) < n_open
    entries = gates * value + rng.uniform(-1, 1, 24)
    found, opened = open_values(entries[:, None, None], rank)
    assert found.item() in entries
    assert opened.item() >= rank
    if n_open < rank / 2:
        assert abs(found.item()) <= 1
    elif n_open >= rank and abs(value) > 3:
        assert abs(found.item() - value) <= 1
        assert opened.item() == n_open
    if abs(value) <= 3:
        assert abs(found.item()) <= 4
        assert abs(found.item() - value) <= 4


def test_open_values_by_hand():
    entries = np.array([[3.0, 0, 0], [-4, 0, 1], [5, 0, 0], [2, 0, 0], [-2.6, 0, -0.5]])
    values, opened = open_values(entries[:, None, :])
    np.testing.assert_array_equal(values, [[-4.0, 0, 1]])  # 5, -4, 3, -2.6 exceed 2.5
    np.testing.assert_array_equal(opened, [[4, 0, 1]])
    values, opened = open_values(entries[:, None, :], rank=3)
    np.testing.assert_array_equal(values, [[3.0, 0, 0]])  # half of 3: all five
    np.testing.assert_array_equal(opened, [[5, 0, 0]])
    for wrong, rank in ((entries, 1), (entries[:, None], 6), (entries[:, None], 0)):
        with pytest.raises(ValueError, match="expected shape"):
            open_values(wrong, rank)


@pytest.mark.parametrize("depth, samples", [(1, 1), (2, 40), (3, 400)])
def test_a_multitree_network_is_recovered_exactly(depth, samples):
    secret = random_butterfly(depth, rng=np.random.default_rng(depth))
    oracle = CountingOracle(secret)
    found = recover_nearby(
        oracle, dyadic_supports(depth), rng=np.random.default_rng(1), samples=samples
    )
    assert found.queries.jacobians == oracle.queries.jacobians == samples
    assert found.queries.evaluations == 0
    x = np.random.default_rng(2).standard_normal((500, 2**depth))
    assert relative_error(found.network, secret, x) < 1e-12
    assert found.factorization.residual < 1e-12 * np.linalg.norm(found.product)
    jacobians = secret.jacobian(np.random.default_rng(1).standard_normal((samples, 2**depth)))
    values, opened = open_values(jacobians)
    np.testing.assert_array_equal(found.product, values)
    np.testing.assert_array_equal(found.opened, opened)
    rows = [np.linalg.norm(weight, axis=1) for weight in found.network.weights[:-1]]
    assert all(np.allclose(r[r > 0], 1, rtol=1e-12) for r in rows)


def test_irregular_multitrees_too():
    supports = random_multitree([6, 5, 6, 5], rng=np.random.default_rng(3))
    rng = np.random.default_rng(4)
    secret = ReLUNetwork([s * rng.standard_normal(s.shape) for s in supports])
    found = recover_nearby(secret, supports, rng=rng, samples=500)
    x = rng.standard_normal((500, 6))
    assert relative_error(found.network, secret, x) < 1e-12


def test_the_fraction_that_fits_best_is_kept():
    rng = np.random.default_rng(0)
    secret = random_butterfly(3, rng=rng)
    supports = dyadic_supports(3)
    dense = add_edges(secret, supports, 0.01, rng=rng)
    every = [
        recover_nearby(dense, supports, rng=np.random.default_rng(1), samples=256, rare=[r])
        for r in RARE
    ]
    residuals = [found.residual for found in every]
    best = recover_nearby(dense, supports, rng=np.random.default_rng(1), samples=256)
    assert best.residual == min(residuals) < residuals[0] / 5
    assert best.rare == RARE[int(np.argmin(residuals))] > 0
    x = np.random.default_rng(1).standard_normal((256, 8))
    assert best.residual == pytest.approx(relative_error(best.network, dense, x), rel=1e-9)
    exact = recover_nearby(secret, supports, rng=np.random.default_rng(1), samples=256)
    assert exact.residual < 1e-12


def test_rare_is_the_rank_of_the_largest_value():
    secret = random_butterfly(2, rng=np.random.default_rng(5))
    supports = dyadic_supports(2)
    dense = add_edges(secret, supports, 0.05, rng=np.random.default_rng(6))
    found = recover_nearby(dense, supports, rng=np.random.default_rng(7), samples=50, rare=[0.05])
    x = np.random.default_rng(7).standard_normal((50, 4))
    values, _ = open_values(dense.jacobian(x), 3)
    np.testing.assert_array_equal(found.product, values)


@pytest.mark.parametrize("depth", [2, 3])
@pytest.mark.parametrize("kind", ["edges", "network"])
def test_the_error_is_proportional_to_the_distance(depth, kind):
    supports, errors = dyadic_supports(depth), []
    for delta in (1e-5, 1e-4):
        rng = np.random.default_rng(8)
        secret = random_butterfly(depth, rng=rng)
        if kind == "edges":
            teacher = add_edges(secret, supports, delta, rng=rng)
        else:
            teacher = add_network(secret, delta, 16, rng=rng)
        found = recover_nearby(teacher, supports, rng=np.random.default_rng(1), samples=300)
        x = np.random.default_rng(9).standard_normal((2000, 2**depth))
        errors.append(relative_error(found.network, secret, x))
    assert 8 < errors[1] / errors[0] < 12
    assert errors[0] < 1e-4


def random_pair(seed, size):
    """Two networks on one random multitree, the second with rows of norm 1 and the right signs."""
    rng = np.random.default_rng(seed)
    supports = random_multitree([5, 6, 5, 6], rng=rng)
    weights = [s * rng.standard_normal(s.shape) for s in supports]
    close = [w * (1 + size * rng.uniform(-1, 1, w.shape)) for w in weights]
    return ReLUNetwork(weights), canonical(ReLUNetwork(close))


@pytest.mark.parametrize("size", [0.01, 0.5, 0.95])
@pytest.mark.parametrize("seed", range(4))
def test_the_function_is_as_close_as_the_product(seed, size):
    # Signs agree weight by weight, hence every c_h of the theorem is positive.
    first, second = random_pair(seed, size)
    products = [np.linalg.multi_dot(net.weights[::-1]) for net in (first, second)]
    distance = np.linalg.norm(products[0] - products[1])
    x = np.random.default_rng(seed).standard_normal((4000, 5))
    gaps = np.linalg.norm(first(x) - second(x), axis=1) / np.linalg.norm(x, axis=1)
    assert 0 < gaps.max() <= np.sqrt(3) * distance * (1 + 1e-12)


def test_the_whole_bound_with_the_peel():
    supports = dyadic_supports(3)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        secret = random_butterfly(3, rng=rng)
        exact = recover_nearby(secret, supports, rng=np.random.default_rng(0), samples=500)
        teacher = add_network(secret, 0.01, 8, rng=rng)
        found = recover_nearby(teacher, supports, rng=np.random.default_rng(0), samples=500)
        size = np.linalg.norm(found.product - exact.product)
        fit = factorize(found.product, supports)
        assert fit.residual <= np.sqrt(2) * size
        x = rng.standard_normal((2000, 8))
        gaps = np.linalg.norm(found.network(x) - secret(x), axis=1) / np.linalg.norm(x, axis=1)
        assert gaps.max() <= np.sqrt(3) * (1 + np.sqrt(2)) * size


def test_wrong_arguments_are_told_together():
    secret, rng = random_butterfly(2, rng=np.random.default_rng(0)), np.random.default_rng(1)
    with pytest.raises(ValueError, match=r"supports: 8 inputs.*samples: .*rare: "):
        recover_nearby(secret, dyadic_supports(3), rng=rng, samples=0, rare=[1.0])
    with pytest.raises(TypeError, match="rng"):
        recover_nearby(secret, dyadic_supports(2), rng=1, samples=10)
    with pytest.raises(TypeError, match="oracle"):
        recover_nearby(np.eye(4), dyadic_supports(2), rng=rng, samples=10)
    for rare in ([], 0.5, [-0.1]):
        with pytest.raises(ValueError, match="rare: expected fractions"):
            recover_nearby(secret, dyadic_supports(2), rng=rng, samples=10, rare=rare)
    with pytest.raises(ValueError, match="multitree"):
        recover_nearby(secret, [np.ones((4, 4))] * 2, rng=rng, samples=10)
