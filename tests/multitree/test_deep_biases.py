"""Multitree networks with biases and any number of layers: what comes back, and what cannot."""

import itertools

import numpy as np
import pytest
from biased_cases import AND, biased_network, random_case, spread_points
from openblackbox.multitree.alive import masked_factors
from openblackbox.multitree.deep_biases import recover_biases, recover_deep_biased
from openblackbox.multitree.ranges import bias_alive, seen_states, useful_with_biases
from openblackbox.multitree.supports import NotMultitreeError, dyadic_supports
from openblackbox.networks import CountingOracle, ReLUNetwork


def assert_same_function(found, network, *, rtol=1e-9, count=400):
    x = spread_points(network.n_inputs, count, np.random.default_rng(17))
    values = network(x)
    np.testing.assert_allclose(found(x), values, rtol=rtol, atol=1e-12 * np.abs(values).max())


def wakes_by_bias(network):
    """Whether an activatable path leads over a neuron that is alive only thanks to biases."""
    levels = zip(useful_with_biases(network), bias_alive(network), strict=True)
    return any((useful & woken).any() for useful, woken in levels)


@pytest.mark.claim("SL-29")
@pytest.mark.parametrize("seed", range(40))
def test_the_function_comes_back_where_no_neuron_lives_by_its_bias(seed):
    network = random_case(seed, kind="negative")
    counter = CountingOracle(network)
    found = recover_deep_biased(counter, network.supports, rng=np.random.default_rng(seed))
    assert found.agreement.fraction == 1.0
    assert found.agreement.residuals.max() < 1e-10
    assert not any(level.any() for level in found.unsettled)
    assert found.queries == counter.queries
    assert found.queries.jacobians == 0
    assert_same_function(found.network, network)
    for mine, support in zip(found.network.supports, network.supports, strict=True):
        assert not (mine & ~support).any()


@pytest.mark.parametrize("seed", [0, 4, 5, 35])
def test_weights_of_size_one_and_biases_that_are_integers(seed):
    # Sums of weights cancel, and biases of 0 come back as rounding errors.
    rng = np.random.default_rng(seed)
    supports = dyadic_supports(3)
    weights = [np.where(support, rng.choice([-1.0, 1], support.shape), 0) for support in supports]
    biases = [rng.integers(-3, 4, 8).astype(float) for _ in supports]
    network = ReLUNetwork(weights, [biases[0], -np.abs(biases[1]), biases[2]])
    found = recover_deep_biased(network, supports, rng=rng)
    assert found.agreement.fraction == 1
    assert_same_function(found.network, network)


@pytest.mark.claim("SL-29")
@pytest.mark.parametrize("layers", [2, 3, 4])
def test_recovered_if_and_only_if_no_activatable_path_leads_over_a_neuron_living_by_its_bias(
    layers,
):
    outcomes = []
    for seed in range({2: 4, 3: 12, 4: 4}[layers]):
        rng = np.random.default_rng(seed)
        network = biased_network(dyadic_supports(layers), rng)
        found = recover_deep_biased(network, network.supports, rng=rng, checks=400)
        outcomes.append(found.agreement.fraction == 1)
        assert outcomes[-1] != wakes_by_bias(network)
    assert sum(outcomes) == {2: 4, 3: 8, 4: 0}[layers]


@pytest.mark.parametrize("seed", range(25))
def test_biases_alone_come_back_to_rounding(seed):
    network = random_case(seed, kind="negative")
    weights = masked_factors(network.weights)
    found, _unsettled = recover_biases(network, weights)
    assert_same_function(found, network, rtol=1e-11)
    assert all(np.array_equal(a, b) for a, b in zip(found.weights, weights, strict=True))
    # Where no neuron hides another, the biases themselves are unique.
    on, off = seen_states(network)
    if all((up & down).all() for up, down in zip(on, off, strict=True)):
        for mine, true in zip(found.biases, network.biases, strict=True):
            np.testing.assert_allclose(mine, true, rtol=1e-9, atol=1e-10 * np.abs(true).max())


def test_at_least_one_case_has_unique_biases():
    weights = [np.eye(4), [[1, 1, 0, 0], [0, 0, 1, 1]], [[1.0, 1.0]]]
    secret = ReLUNetwork(weights, [[1.0, -2.0, 3.0, -4.0], [-0.5, -0.25], [7.0]])
    on, off = seen_states(secret)
    assert all((up & down).all() for up, down in zip(on, off, strict=True))
    counter = CountingOracle(secret)
    found, unsettled = recover_biases(counter, weights)
    for mine, true in zip(found.biases, secret.biases, strict=True):
        np.testing.assert_allclose(mine, true, rtol=1e-13)
    # One value at 0; for each of 6 neurons two points, at two scales and in three passes.
    assert counter.queries.evaluations == 1 + 6 * 2 * (2 + 3)
    assert not any(level.any() for level in unsettled)


def test_neurons_that_hide_their_kink_get_a_bias_in_normal_form():
    weights = [[[1.0]], [[2.0]], [[3.0]]]
    # Active whenever it is seen: its bias moves to the next level, up to the start of both.
    secret = ReLUNetwork(weights, [[1.0], [-6.0], [5.0]])
    found, _ = recover_biases(secret, weights)
    assert [b.round(9).tolist() for b in found.biases] == [[-2.0], [0.0], [5.0]]
    # Never off: what it is at least moves on.
    secret = ReLUNetwork(weights, [[1.0], [6.0], [5.0]])
    found, _ = recover_biases(secret, weights)
    assert [b.round(9).tolist() for b in found.biases] == [[1.0], [0.0], [23.0]]
    assert_same_function(found, secret)


def test_two_outputs_of_which_one_hides_less():
    # Output 0 sees the first neuron through a threshold of 4, output 1 through one of 1.
    weights = [[[1.0]], [[1.0], [1.0]], np.eye(2)]
    secret = ReLUNetwork(weights, [[0.0], [-4.0, -1.0], [0.0, 0.0]])
    found, _ = recover_biases(secret, weights)
    assert [b.round(9).tolist() for b in found.biases] == [[-1.0], [-3.0, 0.0], [0.0, 0.0]]
    assert_same_function(found, secret)


def test_biases_of_all_sizes():
    weights = [np.eye(4), [[1, 1, 0, 0], [0, 0, 1, 1]], [[1.0, 1.0]]]
    for size in (1e-6, 1e6):
        secret = ReLUNetwork(weights, [[size, -2.0, 3.0, -4.0], [-0.5, -size], [7.0]])
        found, unsettled = recover_biases(secret, weights)
        assert_same_function(found, secret, rtol=1e-10)
        assert not any(level.any() for level in unsettled)


def test_a_bias_beyond_all_points_is_said_to_be_unsettled():
    weights = [np.eye(2), [[1.0, 1.0]]]
    secret = ReLUNetwork(weights, [[-(2.0**34), 1.0], [0.0]])
    _, unsettled = recover_biases(secret, weights, scale=8, steps=2)
    assert unsettled[0].tolist() == [True, False]
    found, unsettled = recover_biases(secret, weights)
    assert unsettled[0].tolist() == [False, False]
    assert found.biases[0].tolist() == [-(2.0**34), 1.0]
    counter = CountingOracle(secret)
    recover_biases(counter, weights)
    # Two neurons, two points: at the scales 2**16, 2**22, ..., 2**46, in three passes, and at 0.
    assert counter.queries.evaluations == 1 + 2 * 2 * (5 + 3)


@pytest.mark.claim("SL-29")
@pytest.mark.parametrize("inputs", [2, 3, 5])
def test_a_lock_with_one_key_in_two_to_the_inputs(inputs):
    """No point opens two locks: whoever opens all of them asks in all the orthants."""
    locks = []
    for signs in itertools.product([-1.0, 1.0], repeat=inputs):
        weights = [np.diag(signs), -np.ones((1, inputs)), [[1.0]]]
        locks.append(ReLUNetwork(weights, [np.ones(inputs), [0.5], [0.0]]))
    rng = np.random.default_rng(0)
    x = np.concatenate([spread_points(inputs, 3000, rng, low=-1, high=2), np.zeros((1, inputs))])
    opened = np.array([lock(x)[:, 0] != 0 for lock in locks])
    slopes = np.array([lock.jacobian(x).any(axis=(1, 2)) for lock in locks])
    assert opened.any(axis=1).all()  # every lock has a key
    assert opened.sum(axis=0).max() == 1  # and no key opens two
    assert not (slopes & ~opened).any()  # derivatives say no more
    assert bias_alive(locks[0])[1].all()
    found = recover_deep_biased(locks[0], locks[0].supports, rng=rng, checks=400)
    assert not any(weight.any() for weight in found.network.weights)
    assert found.agreement.fraction < 1


def test_a_constant_that_lives_by_its_bias_does_no_harm():
    # Level 1 is alive, its child is dead, and the child of that one is the constant 2.
    weights = [np.eye(2), [[-1.0, 0], [0, 1.0]], np.eye(2), [[3.0, 1.0]]]
    secret = ReLUNetwork(weights, [[0, 0], [-1, 0], [2.0, -1.0], [0]])
    assert bias_alive(secret)[2].tolist() == [True, False]
    assert seen_states(secret)[0][2].all()
    assert not wakes_by_bias(secret)
    found = recover_deep_biased(secret, secret.supports, rng=np.random.default_rng(0))
    assert found.agreement.fraction == 1
    assert_same_function(found.network, secret)


@pytest.mark.parametrize("seed", range(30))
def test_irregular_multitrees_come_back_exactly_when_the_theorem_says(seed):
    network = random_case(2 * seed)
    found = recover_deep_biased(
        network, network.supports, rng=np.random.default_rng(seed), checks=1000
    )
    assert (found.agreement.fraction == 1) != wakes_by_bias(network)


def test_what_is_wrong_stays_bounded():
    found = recover_deep_biased(AND, AND.supports, rng=np.random.default_rng(0))
    x = spread_points(2, 2000, np.random.default_rng(1))
    assert 0.4 < np.abs(found.network(x) - AND(x)).max() <= 0.5 + 1e-9


def test_arguments():
    weights = [np.eye(2), [[1.0, 1.0]]]
    with pytest.raises(ValueError, match="expected 2 inputs and 1 outputs, got 2 and 2"):
        recover_biases(ReLUNetwork(weights), [np.eye(2)])
    with pytest.raises(ValueError, match="neuron 0 of level 2 is dead without biases"):
        recover_biases(AND, AND.weights)
    with pytest.raises(NotMultitreeError):
        recover_biases(ReLUNetwork([[[1.0]]]), [[[1.0], [1.0]], [[1.0, 1.0]]])
    with pytest.raises(TypeError, match="rng"):
        recover_deep_biased(AND, AND.supports, rng=0)
