"""The statements on noise: one block, the peel, one hidden layer, hidden paths."""

import numpy as np
import pytest
from openblackbox.black_boxes import AveragedOracle, NoisyOracle
from openblackbox.multitree.deep import recover_deep
from openblackbox.multitree.factorization import best_rank_one, factorize
from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.shallow_study import random_shallow_network
from openblackbox.multitree.supports import (
    descendants,
    dyadic_supports,
    kronecker_supports,
    random_multitree,
)
from openblackbox.networks import ReLUNetwork


@pytest.mark.claim("SL-27")
@pytest.mark.parametrize("shape", [(2, 2), (6, 4), (3, 9), (12, 12)])
@pytest.mark.parametrize("complex_numbers", [False, True])
def test_one_block_first_order_and_its_remainder_at_any_noise(shape, complex_numbers):
    rng = np.random.default_rng(0)
    p, q = shape

    def draw(*size):
        real = rng.standard_normal(size)
        return real + 1j * rng.standard_normal(size) if complex_numbers else real

    for sigma in 10.0 ** np.arange(-5, 4):
        u, v = draw(100, p, 1), draw(100, 1, q)
        block, noise = u * v, sigma * draw(100, p, q)
        left = np.eye(p) - u @ u.conj().mT / (u.conj().mT @ u)
        right = np.eye(q) - v.conj().mT @ v / (v @ v.conj().mT)
        best = best_rank_one(block + noise)
        estimate = best.left[..., None] * best.right[..., None, :]
        rest = np.linalg.norm(estimate - block - noise + left @ noise @ right, axis=(1, 2))
        size = np.linalg.norm(block, axis=(1, 2))
        bound = 10 * np.linalg.norm(noise, 2, axis=(1, 2)) ** 2 / size
        assert (rest <= bound + 1e-13 * size).all()


@pytest.mark.claim("SL-27")
@pytest.mark.parametrize("sigma", [1e-6, 0.1, 1.0, 10.0])
def test_the_error_of_the_peel_is_signal_lost_and_noise_kept(sigma):
    rng = np.random.default_rng(1)
    for supports in (dyadic_supports(4), random_multitree([5, 6, 5, 6, 5], rng=rng)):
        edges = [np.asarray(s, dtype=float) for s in supports]
        weights = [s * rng.standard_normal(s.shape) for s in edges]
        product = np.linalg.multi_dot(weights[::-1])
        reached = np.linalg.multi_dot(edges[::-1]) > 0
        noise = sigma * rng.standard_normal(product.shape) * reached
        factors = factorize(product + noise, supports).factors
        error = np.linalg.norm(np.linalg.multi_dot(factors[::-1]) - product) ** 2
        signal, kept = product, noise
        for level, factor in enumerate(factors[:-1]):
            mask = descendants(supports, level + 1)
            signal, kept = (signal @ factor.T) * mask, (kept @ factor.T) * mask
        lost = np.linalg.norm(product) ** 2 - np.linalg.norm(signal) ** 2
        total = np.linalg.norm(product) ** 2 + np.linalg.norm(noise) ** 2
        assert error == pytest.approx(lost + np.linalg.norm(kept) ** 2, abs=1e-12 * total)
        assert np.sqrt(error) <= (1 + np.sqrt(3)) * np.linalg.norm(noise) + 1e-12 * np.sqrt(total)


@pytest.mark.claim("SL-27")
def test_the_errors_of_one_hidden_layer_have_the_law_proved():
    supports = [np.kron(np.eye(4), np.ones((1, 3))), np.ones((2, 4))]
    secret = random_shallow_network(supports, [0.3, 1, 2, 30], rng=np.random.default_rng(2))
    norms = np.linalg.norm(secret.weights[0], axis=1)
    w, v, b = (
        secret.weights[0] / norms[:, None],
        secret.weights[1] * norms,
        secret.biases[0] / norms,
    )
    x = np.random.default_rng(3).standard_normal(12)
    exact = recover_shallow(secret, supports, rng=np.random.default_rng(3))
    p = 2 * np.abs(w @ x) * 2.0**exact.first_seen
    j = np.argmin(np.abs(secret.biases[1])[:, None] / np.abs(v) + p, axis=0)
    p = np.where(p > 8 * np.abs(b), 2 * np.abs(b), p)
    sigma, scores = 1e-6, []
    for seed in range(300):
        box = NoisyOracle(secret, sigma=sigma, rng=np.random.default_rng(seed + 50))
        found = recover_shallow(
            box, supports, rng=np.random.default_rng(3), noise=7 * sigma, tolerance=0.5, checks=2
        ).network
        rows = np.abs(found.weights[0] - w)[w != 0].reshape(4, 3)
        scores.append(
            [
                *((found.weights[1] - v) / sigma).ravel(),
                *(
                    (found.biases[0] - b)
                    * np.abs(v[j, range(4)])
                    / sigma
                    / np.sqrt(2 + (p + b) ** 2)
                ),
                *((found.biases[1] - secret.biases[1]) / sigma),
                # The error of a row lives on the 2 directions orthogonal to it.
                *(np.sqrt(np.sum(rows**2, axis=1) / 2) * np.linalg.norm(v, axis=0) / sigma),
            ]
        )
    scores = np.array(scores)
    np.testing.assert_allclose(np.mean(scores**2, axis=0), 1, atol=4 * np.sqrt(2 / 300))
    assert np.abs(scores[:, :14].mean(axis=0)).max() < 4 / np.sqrt(300)


@pytest.mark.claim("SL-27")
@pytest.mark.parametrize("repeats", [1, 4, 25])
def test_the_error_of_a_network_is_the_noise_over_the_root_of_the_answers(repeats):
    supports = [kronecker_supports(1, 8, 8, 8), kronecker_supports(8, 8, 8, 1)]
    secret = random_shallow_network(supports, 1.0, rng=np.random.default_rng(4))
    sigma = 1e-4
    box = NoisyOracle(secret, sigma=sigma, rng=np.random.default_rng(60))
    box = AveragedOracle(box, repeats=repeats)
    found = recover_shallow(box, supports, rng=np.random.default_rng(5), noise=7e-4, tolerance=0.5)
    error = np.matmul(*found.network.weights[::-1]) - np.matmul(*secret.weights[::-1])
    predicted = sigma / np.sqrt(repeats) * np.sqrt(15 / 64)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(predicted, rel=4 / np.sqrt(2 * 960))


@pytest.mark.claim("SL-27")
def test_a_block_below_the_threshold_is_reported():
    supports = [np.eye(3), np.ones((1, 3))]
    box = ReLUNetwork([np.eye(3), [[1.0, 1e-4, 1.0]]], [[0.1, 0.1, 0.1], [0.0]])
    noisy = NoisyOracle(box, sigma=1e-4, rng=np.random.default_rng(6))
    options = {"rng": np.random.default_rng(7), "tolerance": 0.5, "max_doublings": 8}
    assert recover_shallow(noisy, supports, noise=7e-4, **options).unseen.tolist() == [1]
    clearer = AveragedOracle(noisy, repeats=1000)
    assert recover_shallow(clearer, supports, noise=2.5e-5, **options).unseen.size == 0


@pytest.mark.claim("SL-27")
@pytest.mark.parametrize("seed", range(20))
def test_hidden_paths_cost_at_most_the_threshold(seed):
    rng = np.random.default_rng(seed)
    supports = [np.asarray(s) for s in random_multitree([6, 7, 6, 5, 6], rng=rng)]
    weights = [s * rng.standard_normal(s.shape) for s in supports]
    kept = [w * (rng.random(w.shape) > 0.2) for w in weights]
    # The largest product of a path through a removed weight is the threshold.
    full = np.linalg.multi_dot([np.abs(w) for w in weights[::-1]])
    left = np.linalg.multi_dot([np.abs(w) for w in kept[::-1]])
    tau = np.where(left == 0, full, 0).max()
    x = rng.standard_normal((500, 6)) * 10 ** rng.uniform(-3, 3, (500, 6))
    error = np.abs(ReLUNetwork(weights)(x) - ReLUNetwork(kept)(x)).max(axis=1)
    assert (error <= tau * np.abs(x).sum(axis=1) * (1 + 1e-12)).all()


@pytest.mark.claim("SL-27")
def test_a_deep_recovery_from_noisy_answers_is_right_but_never_certified():
    rng, supports = np.random.default_rng(8), dyadic_supports(4)
    sizes = [rng.uniform(0.5, 1.5, s.shape) for s in supports]
    weights = [s * rng.choice([-1, 1], s.shape) * a for s, a in zip(supports, sizes, strict=True)]
    deep = ReLUNetwork(weights)
    exact = recover_deep(deep, supports, rng=np.random.default_rng(0))
    box = NoisyOracle(deep, sigma=1e-8, rng=np.random.default_rng(1))
    found = recover_deep(box, supports, rng=np.random.default_rng(0), noise=7e-8)
    assert exact.certified
    assert not found.certified
    for seen, useful in zip(found.useful, exact.useful, strict=True):
        assert (seen == useful).all()
    x = rng.standard_normal((1000, 16))
    error = np.linalg.norm(found.network(x) - deep(x)) / np.linalg.norm(deep(x))
    assert 1e-9 < error < 1e-6


@pytest.mark.parametrize("depth, costs", [(3, False), (5, True)])
def test_factors_between_the_splits_cost_when_splits_remain_that_see_their_ratios(depth, costs):
    rng, supports = np.random.default_rng(9), dyadic_supports(depth)
    size = 2**depth
    # The blocks of the second split read the pairs of columns (4 a + c, 4 a + 2 + c).
    each = np.repeat(10 ** rng.uniform(-1, 1, (size // 4, 1, 2)), 2, axis=1).ravel()
    squares = []
    for _ in range(30):
        weights = [s * rng.uniform(0.5, 1.5, s.shape) for s in supports]
        product = np.linalg.multi_dot(weights[::-1])
        noise = 1e-6 * rng.standard_normal(product.shape)
        first, rest = factorize(product + noise, [supports[0], descendants(supports, 1)]).factors
        found = []
        for scales in (np.ones(size), np.full(size, 10.0), each):
            factors = factorize(rest * scales, supports[1:]).factors
            found.append((np.linalg.multi_dot(factors[::-1]) / scales) @ first - product)
        # Both are differences of matrices of the size of the product, rounded entry by entry.
        rounding = 16 * np.finfo(float).eps * np.abs(product).max()
        atol = 1e-9 * np.abs(noise).max() + rounding
        np.testing.assert_allclose(found[1], found[0], atol=atol)
        squares.append([np.mean(error**2) for error in found])
    peel, _, blocks = np.sqrt(np.mean(squares, axis=0))
    if costs:
        assert blocks > 1.05 * peel
    else:
        assert blocks == pytest.approx(peel, rel=1e-6)
