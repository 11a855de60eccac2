"""What the slides say of butterflies with several hidden layers, claim by claim."""

import numpy as np
import pytest
from openblackbox.multitree.alive import (
    activatable_mask,
    alive_neurons,
    masked_factors,
    useful_neurons,
)
from openblackbox.multitree.deep import recover_deep
from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.needles import needle_network
from openblackbox.multitree.supports import dyadic_supports, enumerate_paths
from openblackbox.networks import CountingOracle, ReLUNetwork


def butterfly(n_layers, seed):
    rng = np.random.default_rng(seed)
    return [s * rng.standard_normal(s.shape) for s in dyadic_supports(n_layers)]


def linear_product(weights):
    return np.linalg.multi_dot(weights[::-1]) if len(weights) > 1 else weights[0]


@pytest.mark.claim("SL-20")
def test_with_two_layers_all_paths_are_activatable_with_three_not():
    for seed in range(5):
        assert activatable_mask(butterfly(2, seed)).all()
        for n_layers in (3, 4, 5):
            assert not activatable_mask(butterfly(n_layers, seed)).all()


@pytest.mark.claim("SL-20")
def test_the_product_is_not_determined_by_the_function():
    one, two = butterfly(4, 0), butterfly(4, 0)
    dead = int(np.flatnonzero(~alive_neurons(one)[1])[0])
    two[2][:, dead] *= 2.0  # what leaves a dead neuron
    assert np.abs(linear_product(one) - linear_product(two)).max() > 0.1
    x = np.random.default_rng(1).standard_normal((1000, 16))
    assert np.array_equal(ReLUNetwork(one)(x), ReLUNetwork(two)(x))
    chains = [ReLUNetwork([[[1.0]], [[-1.0]], [[w]]]) for w in (1.0, 2.0)]
    grid = np.linspace(-3, 3, 61)[:, None]
    assert not any(chain(grid).any() for chain in chains)


@pytest.mark.claim("SL-21", counterexample=True)
def test_gaussian_points_do_not_activate_as_many_paths_as_possible():
    network = needle_network(7, strength=32, background=0.5)
    x = np.random.default_rng(0).standard_normal((2000, 128))
    assert not network.activation_pattern(x)[-1][:, 0].any()
    # One more point shows the needle, and its path to output 0.
    assert network.jacobian(np.eye(128)[0])[0, 0] == 1
    assert useful_neurons(network.weights)[-1][0]
    # Without the needle, the same answers and another function.
    weights = [w.copy() for w in network.weights]
    weights[-1][0, 0] = 0
    other = ReLUNetwork(weights)
    assert np.array_equal(other(x), network(x))
    assert other(np.eye(128)[0])[0] != network(np.eye(128)[0])[0]


@pytest.mark.claim("SL-21")
def test_a_needle_fires_about_as_rarely_as_proved():
    x = np.random.default_rng(4).standard_normal((40_000, 16))
    rate = np.mean(needle_network(4, needle=3, strength=4)(x)[:, 0] > 0)
    assert 1.0 < rate * 2**4 < 2.2
    rate = np.mean(needle_network(4, needle=3, strength=1e9)(x)[:, 0] > 0)
    assert rate * 2**4 == pytest.approx(1.0, abs=0.1)


@pytest.mark.claim("SL-21")
def test_gaussian_points_show_all_activatable_paths_in_the_end():
    weights = butterfly(4, 3)
    network, mask = ReLUNetwork(weights), activatable_mask(weights)
    seen = np.zeros_like(mask)
    rng = np.random.default_rng(4)
    for _ in range(40):
        seen |= (network.jacobian(rng.standard_normal((500, 16))) != 0).any(axis=0)
    assert np.array_equal(seen, mask)


@pytest.mark.claim("SL-22")
def test_samples_show_a_masked_product():
    weights = butterfly(5, 5)
    jacobians = ReLUNetwork(weights).jacobian(np.random.default_rng(6).standard_normal((300, 32)))
    product = np.broadcast_to(linear_product(weights), jacobians.shape)
    seen = jacobians != 0
    assert np.allclose(jacobians[seen], product[seen], rtol=1e-11, atol=0)
    assert not seen.any(axis=0)[~activatable_mask(weights)].any()


@pytest.mark.claim("SL-23")
def test_butterfly_factors_of_what_was_seen_from_two_linear_systems():
    """Logarithms of absolute values over the reals, signs modulo 2."""
    weights = butterfly(4, 7)
    jacobians = ReLUNetwork(weights).jacobian(np.random.default_rng(8).standard_normal((6, 16)))
    seen = (jacobians != 0).any(axis=0)
    product = linear_product(weights)
    paths = [p for p in enumerate_paths(weights) if seen[p[-1], p[0]]]
    edges = sorted({(k, p[k + 1], p[k]) for p in paths for k in range(4)})
    number = {edge: place for place, edge in enumerate(edges)}
    incidence = np.zeros((len(paths), len(edges)), dtype=int)
    for row, p in enumerate(paths):
        incidence[row, [number[k, p[k + 1], p[k]] for k in range(4)]] = 1
    values = np.array([product[p[-1], p[0]] for p in paths])
    logs = np.linalg.lstsq(incidence, np.log(np.abs(values)), rcond=None)[0]
    signs = solve_modulo_2(incidence, (values < 0).astype(int))
    factors = [np.zeros((16, 16)) for _ in range(4)]
    for (layer, row, column), size, sign in zip(edges, np.exp(logs), signs, strict=True):
        factors[layer][row, column] = size * (-1) ** sign
    gap = linear_product(factors) - product
    assert np.abs(gap[seen]).max() < 1e-10
    for factor, support in zip(factors, dyadic_supports(4), strict=True):
        assert not factor[support == 0].any()


def solve_modulo_2(matrix, right):
    rows = np.c_[matrix, right] % 2
    pivots = []
    for column in range(matrix.shape[1]):
        below = np.flatnonzero(rows[len(pivots) :, column]) + len(pivots)
        if below.size:
            rows[[len(pivots), below[0]]] = rows[[below[0], len(pivots)]]
            others = rows[:, column].astype(bool)
            others[len(pivots)] = False
            rows[others] ^= rows[len(pivots)]
            pivots.append(column)
    assert not rows[len(pivots) :, -1].any()  # solvable
    solution = np.zeros(matrix.shape[1], dtype=int)
    solution[pivots] = rows[: len(pivots), -1]
    return solution


EYE = np.eye(2)
TRUTH = ReLUNetwork([EYE, [[-1.0, -1.0], [1.0, 1.0]], EYE])


@pytest.mark.claim("SL-24", counterexample=True)
@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_agreement_on_all_activatable_paths_is_not_enough(flip):
    """The dead neuron may come to life; no choice of its sign prevents it."""
    mask = activatable_mask(TRUTH.weights)
    assert mask.tolist() == [[False, False], [True, True]]
    factors = [EYE, np.array([[flip, -flip], [1.0, 1.0]]), np.diag([flip, 1.0])]
    gap = linear_product(factors) - linear_product(TRUTH.weights)
    assert not (mask * gap).any()
    x = np.array([[1.0, 0.0], [0.0, 1.0]])
    # The signs of level 1 are right, and the second neuron of level 2 is.
    assert np.array_equal(ReLUNetwork(factors)(x)[:, 1], TRUTH(x)[:, 1])
    assert not np.array_equal(ReLUNetwork(factors)(x), TRUTH(x))


@pytest.mark.claim("SL-24")
@pytest.mark.parametrize("seed", range(4))
def test_with_zeros_outside_the_mask_and_signs_the_function_is_the_same(seed):
    weights = butterfly(4, seed)
    network, useful = ReLUNetwork(weights), useful_neurons(weights)
    factors = list(factorize(linear_product(masked_factors(weights)), dyadic_supports(4)).factors)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((5000, 16)) * 10 ** rng.uniform(-2, 2, (5000, 16))
    pattern = network.activation_pattern(x)
    for level in range(3):
        z = ReLUNetwork(factors).preactivations(x)[level]
        shown = pattern[level] & useful[level]
        assert shown.any(axis=0)[useful[level]].all()
        wrong = ((z < 0) & shown).any(axis=0)
        factors[level] = np.where(wrong[:, None], -1, 1) * factors[level]
        factors[level + 1] = np.where(wrong, -1, 1) * factors[level + 1]
    assert np.allclose(ReLUNetwork(factors)(x), network(x), rtol=1e-10, atol=1e-9)


@pytest.mark.claim("SL-26", counterexample=True)
def test_the_gaussian_method_may_be_wrong_at_a_unit_vector():
    network = needle_network(6, strength=16.0, background=0.5)
    supports, unit = dyadic_supports(6), np.eye(64)[0]
    rng = np.random.default_rng(0)
    found = recover_deep(network, supports, rng=rng, method="gaussian", patience=128)
    assert not found.certified
    assert not found.useful[-1][0]
    assert network(unit)[0] == 1
    assert found.network(unit)[0] == 0


@pytest.mark.claim("SL-26")
@pytest.mark.parametrize("n_layers", [3, 4, 5, 6, 7])
def test_the_certified_method_finds_the_needle_at_a_controlled_cost(n_layers):
    network = needle_network(n_layers, strength=1e12, background=0.5)
    supports = dyadic_supports(n_layers)
    found = recover_deep(network, supports, rng=np.random.default_rng(0))
    assert found.certified
    assert all(level.all() for level in found.useful)
    n = 2**n_layers
    asked = found.queries.jvps + found.queries.vjps
    retries = 1 + max(found.certificate.retries)
    first = sum(name == "tropical" for name, _ in found.origins)
    bound = 3 * np.sqrt(n / 2) * (first + (2 + retries) * n * n_layers)
    assert asked <= 8 * retries * n**2 + bound
    x = np.r_[np.eye(n), -np.eye(n), np.random.default_rng(1).standard_normal((200, n))]
    size = np.abs(network(x)).max(axis=1, keepdims=True)
    assert (np.abs(found.network(x) - network(x)) <= 1e-11 * size).all()


@pytest.mark.claim("SL-26")
def test_the_points_asked_activate_every_needle():
    """The lower bound: else the certificate for the zero network would be wrong."""

    class Listening(CountingOracle):
        asked = ()

        def jvp(self, x, v):
            self.asked = (*self.asked, *np.atleast_2d(x))
            return super().jvp(x, v)

    supports = dyadic_supports(5)
    oracle = Listening(ReLUNetwork([0.0 * s for s in supports]))
    found = recover_deep(oracle, supports, rng=np.random.default_rng(2))
    assert found.certified
    points = np.unique(oracle.asked, axis=0)
    assert len(points) >= 8
    fired = [needle_network(5, needle=i)(points)[:, 0] > 0 for i in range(8)]
    assert np.any(fired, axis=1).all()
    assert np.sum(fired, axis=0).max() == 1
