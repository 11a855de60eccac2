"""Minibatch estimators: sums over all batches against closed forms, draws and torch."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.foundations.batches import bernoulli_batches, fixed_batches
from openblackbox.foundations.sgd import bernoulli_moments, estimates, fixed_moments, moments


def gradients_of(n, p, seed=0):
    return np.random.default_rng(seed).standard_normal((n, p)) + 2


def assert_same(found, expected):
    assert np.allclose(found.mean, expected.mean, rtol=1e-12, atol=1e-13)
    assert np.allclose(found.covariance, expected.covariance, rtol=1e-11, atol=1e-13)
    assert np.isclose(found.empty, expected.empty, rtol=1e-12, atol=0)


@pytest.mark.parametrize("replacement", [False, True])
@pytest.mark.parametrize("n, size", [(1, 1), (2, 1), (5, 2), (6, 5), (6, 6)])
def test_fixed_sizes_by_exhaustion(n, size, replacement):
    gradients = gradients_of(n, 3, seed=n)
    batches = fixed_batches(n, size, replacement=replacement)
    for normalization in ("size", "expected"):
        found = moments(gradients, batches, normalization=normalization)
        assert_same(found, fixed_moments(gradients, size, replacement=replacement))
        assert np.allclose(found.mean, gradients.mean(axis=0), rtol=1e-13)


@pytest.mark.parametrize("p", [0.05, 0.3, 0.9, 1.0])
@pytest.mark.parametrize("normalization", ["size", "expected"])
@pytest.mark.parametrize("n", [1, 2, 6])
def test_bernoulli_by_exhaustion(n, p, normalization):
    gradients = gradients_of(n, 2, seed=n)
    found = moments(gradients, bernoulli_batches(n, p), normalization=normalization)
    assert_same(found, bernoulli_moments(gradients, p, normalization=normalization))
    assert np.allclose(found.mean, gradients.mean(axis=0), rtol=1e-12)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(st.integers(2, 7), st.data())
def test_closed_forms_for_any_gradients(n, data):
    entry = st.floats(-100, 100, allow_subnormal=False)
    gradients = np.array(data.draw(st.lists(st.tuples(entry, entry), min_size=n, max_size=n)))
    size = data.draw(st.integers(1, n))
    scale = 1 + np.abs(gradients).max() ** 2
    for found, expected in [
        (moments(gradients, fixed_batches(n, size)), fixed_moments(gradients, size)),
        (moments(gradients, bernoulli_batches(n, 0.4)), bernoulli_moments(gradients, 0.4)),
    ]:
        assert np.allclose(found.mean, gradients.mean(axis=0), rtol=0, atol=1e-12 * scale)
        assert np.allclose(found.covariance, expected.covariance, rtol=0, atol=1e-12 * scale)


def test_moments_by_hand():
    gradients = [[0.0], [2.0], [4.0]]  # mean 2, Sigma = 8/3
    assert np.isclose(fixed_moments(gradients, 2).covariance.item(), 2 / 3, rtol=1e-14)
    replaced = fixed_moments(gradients, 2, replacement=True)
    assert np.isclose(replaced.covariance.item(), 4 / 3, rtol=1e-14)
    expected = bernoulli_moments(gradients, 0.5, normalization="expected")
    assert np.isclose(expected.covariance.item(), (8 / 3 + 4) / 3, rtol=1e-14)
    assert np.isclose(expected.empty, 1 / 8, rtol=1e-14)
    given_size = bernoulli_moments(gradients, 0.5)
    # Sizes 1, 2, 3 with probabilities 3/7, 3/7, 1/7.
    inverse = 3 / 7 + 3 / 14 + 1 / 21
    expected = 8 / 3 * 3 / 2 * (inverse - 1 / 3)
    assert np.isclose(given_size.covariance.item(), expected, rtol=1e-14)


def test_equal_gradients_leave_noise_only_where_the_size_is_random():
    same = np.full((5, 1), 3.0)
    assert fixed_moments(same, 2).covariance.item() == 0
    assert bernoulli_moments(same, 0.4).covariance.item() == 0
    noisy = bernoulli_moments(same, 0.4, normalization="expected").covariance.item()
    assert np.isclose(noisy, 9 * 0.6 / (5 * 0.4), rtol=1e-14)


def test_estimates_are_means_over_batches():
    gradients = gradients_of(4, 2)
    batches = bernoulli_batches(4, 0.3)
    by_size = estimates(gradients, batches)
    by_mean = estimates(gradients, batches, normalization="expected")
    assert np.isnan(by_size[0]).all()
    assert (by_mean[0] == 0).all()
    for row, one, other in zip(batches.counts[1:] == 1, by_size[1:], by_mean[1:], strict=True):
        assert np.allclose(one, gradients[row].mean(axis=0), rtol=1e-14)
        assert np.allclose(other, gradients[row].sum(axis=0) / 1.2, rtol=1e-13)


@pytest.mark.claim("LN-07")
def test_steps_of_one_epoch_are_dependent():
    """Two disjoint batches of one permutation: the covariance is -Sigma / (n - 1).

    The second is unbiased by itself; given the first, its mean is that of the other samples.
    """
    gradients = gradients_of(6, 2)
    mean = gradients.mean(axis=0)
    centred = gradients - mean
    expected = -(centred.T @ centred) / 6 / 5
    products = [
        np.outer(centred[list(order[:2])].mean(axis=0), centred[list(order[2:4])].mean(axis=0))
        for order in itertools.permutations(range(6))
    ]
    assert np.allclose(np.mean(products, axis=0), expected, rtol=1e-10, atol=0)
    orders = np.array(list(itertools.permutations(range(6))))
    second = gradients[orders[:, 2:4]].mean(axis=1)
    assert np.allclose(second.mean(axis=0), mean, rtol=1e-12, atol=0)
    known = (orders[:, :2] == [0, 1]).all(axis=1)
    assert np.allclose(second[known].mean(axis=0), gradients[2:].mean(axis=0), rtol=1e-12, atol=0)


@pytest.mark.claim("LN-07")
def test_the_point_of_the_second_step_of_an_epoch_biases_its_estimate():
    """For f_i = a_i theta^2 / 2 by rate * theta_0 * variance / (n - 1), over all orders."""
    curvatures, rate, theta = np.array([0.5, 1.0, 4.0, 2.5]), 0.2, 3.0
    pairs = np.array(list(itertools.permutations(curvatures, 2)))
    moved = (1 - rate * pairs[:, 0]) * theta
    bias = np.mean(pairs[:, 1] * moved - curvatures.mean() * moved)
    assert np.isclose(bias, rate * theta * curvatures.var() / 3, rtol=1e-12, atol=0)


@pytest.mark.claim("LN-07")
@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_which_normalization_is_noisier_depends_on_the_mean(p):
    centred = np.array([[-1.0], [1.0]] * 6)
    for mean, noisier in [(0.0, "size"), (3.0, "expected")]:
        found = {
            name: bernoulli_moments(centred + mean, p, normalization=name).covariance.item()
            for name in ("size", "expected")
        }
        assert max(found, key=found.get) == noisier


class LeastSquares:
    """Three samples, one penalty: losses and gradients by torch."""

    inputs = torch.tensor([[1.0, 2.0], [-1.0, 0.5], [3.0, 1.0]], dtype=torch.float64)
    targets = torch.tensor([1.0, 2.0, -1.0], dtype=torch.float64)

    def terms(self, theta):
        losses = (self.inputs @ theta - self.targets) ** 2 / 2
        return losses + 0.05 * theta @ theta

    def gradient(self, theta, weights):
        theta = torch.tensor(theta, dtype=torch.float64, requires_grad=True)
        (self.terms(theta) @ torch.tensor(weights)).backward()
        return theta.grad.numpy()


@pytest.mark.claim("LN-07")
def test_the_mean_over_a_batch_estimates_the_gradient_of_the_objective():
    problem, theta = LeastSquares(), np.array([0.3, -0.7])
    gradients = np.array([problem.gradient(theta, row) for row in np.eye(3)])
    full = problem.gradient(theta, np.full(3, 1 / 3))
    for batches in (fixed_batches(3, 2), bernoulli_batches(3, 0.3)):
        assert np.allclose(moments(gradients, batches).mean, full, rtol=1e-13)
    expected = moments(gradients, bernoulli_batches(3, 0.3), normalization="expected")
    assert np.allclose(expected.mean, full, rtol=1e-13)


@pytest.mark.claim("LN-07", counterexample=True)
def test_the_printed_estimator_is_a_value_of_the_objective():
    problem, theta = LeastSquares(), np.array([0.3, -0.7])
    losses = problem.terms(torch.tensor(theta)).numpy()[:, None]
    printed = moments(losses, fixed_batches(3, 2)).mean
    full = problem.gradient(theta, np.full(3, 1 / 3))
    assert printed.shape == (1,)  # a number, where a vector is needed
    assert full.shape == (2,)
    assert np.isclose(printed[0], losses.mean(), rtol=1e-13)  # it estimates F, without bias
    # One parameter, one sample with loss theta^2 / 2: the printed number is F(2) = 2 = F(-2).
    # So the printed step from -2 goes away from the minimum, 0.
    value, slope = (-2) ** 2 / 2, -2
    assert abs(-2 - 0.5 * value) > 2 > abs(-2 - 0.5 * slope)


@pytest.mark.claim("LN-07", counterexample=True)
def test_a_random_size_needs_a_rule_for_the_empty_batch():
    gradients = gradients_of(6, 1)
    values = estimates(gradients, bernoulli_batches(6, 0.3))
    assert np.isnan(values).sum() == 1
    kept = moments(gradients, bernoulli_batches(6, 0.3))
    assert np.isclose(kept.empty, 0.117649, rtol=1e-12)
    # A zero in the place of the undefined value makes a bias: the factor 1 - 0.7^6.
    filled = bernoulli_batches(6, 0.3).probabilities @ np.nan_to_num(values)
    assert np.isclose(filled[0] / gradients.mean(), 1 - 0.7**6, rtol=1e-12)


@pytest.mark.parametrize("bad", [[1.0], [[np.nan]], [[np.inf]], np.zeros((0, 2)), np.zeros((2, 0))])
def test_gradients_must_be_finite_vectors(bad):
    for call in (
        lambda: fixed_moments(bad, 1),
        lambda: bernoulli_moments(bad, 0.5),
        lambda: moments(bad, fixed_batches(1, 1)),
    ):
        with pytest.raises(ValueError, match="gradients: expected"):
            call()


def test_bad_options_are_named():
    gradients = np.ones((3, 1))
    with pytest.raises(ValueError, match="size: expected an integer from 1 to 3, got 4"):
        fixed_moments(gradients, 4)
    assert fixed_moments(gradients, 4, replacement=True).empty == 0
    with pytest.raises(ValueError, match="batches: expected batches of 3 samples"):
        moments(gradients, fixed_batches(4, 2))
    for call in (
        lambda: estimates(gradients, fixed_batches(3, 1), normalization="mean"),
        lambda: bernoulli_moments(gradients, 0.5, normalization="mean"),
    ):
        with pytest.raises(ValueError, match="normalization: expected one of"):
            call()
    for p in (0, -0.1, 1.01, np.nan, "half"):
        with pytest.raises(ValueError, match="probability: expected"):
            bernoulli_moments(gradients, p)
