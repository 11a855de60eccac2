"""Comparing two functions on fresh points."""

import numpy as np
import pytest
from biased_cases import random_case
from openblackbox.multitree.agreement import agreement, term_sizes
from openblackbox.networks import ReLUNetwork


def test_equal_functions_agree():
    for seed in range(5):
        network = random_case(seed)
        compared = agreement(network, network, rng=np.random.default_rng(0))
        assert compared.fraction == 1
        assert not compared.residuals.any()
        assert compared.count == len(compared.agree) == len(compared.points) == 200


def test_half_a_function():
    one, other = ReLUNetwork([[[1.0]], [[1.0]]]), ReLUNetwork([[[1.0]], [[2.0]]])
    compared = agreement(one, other, rng=np.random.default_rng(0), count=1000)
    positive = compared.points[:, 0] > 0
    assert (compared.agree == ~positive).all()
    assert 0.4 < compared.fraction < 0.6
    assert np.unique(compared.residuals).round(12).tolist() == [0.0, 0.5]
    assert agreement(one, other, rng=np.random.default_rng(0), tolerance=0.51).fraction == 1


def test_residuals_belong_to_the_points():
    one = ReLUNetwork([[[1.0]], [[1.0]]], [[1.0], [0.0]])
    other = ReLUNetwork([[[1.0]], [[1.0]]], [[2.0], [0.0]])
    compared = agreement(one, other, rng=np.random.default_rng(0))
    x = compared.points[compared.points > -1]
    expected = 1 / (np.abs(x) + 2 + 2 / 2**16)  # f differs by 1, and has the terms x and 2
    np.testing.assert_allclose(compared.residuals[compared.points[:, 0] > -1], expected, rtol=1e-9)


def test_a_bias_of_zero_may_come_back_as_a_rounding_error():
    # The neurons are off where x < -7: what is left there is the output bias alone.
    weights = [[[1.0], [1.0]], [[5.0, -3.0]]]
    one = ReLUNetwork(weights, [[7.0, 2.0], [0.0]])
    for error, fraction in ((1e-14, 1), (41 / 2**42 * 0.999, 1), (41 / 2**42 * 1.001, 0)):
        other = ReLUNetwork(weights, [[7.0, 2.0], [error]])
        compared = agreement(one, other, rng=np.random.default_rng(0))
        off = compared.points[:, 0] < -7
        assert off.any()
        assert compared.agree[off].mean() == fraction


def test_the_bound_is_that_of_clopper_and_pearson():
    network = ReLUNetwork([[[1.0]]])
    compared = agreement(network, network, rng=np.random.default_rng(0), count=300)
    # With no error among n points, (1 - p)^n = 1 - confidence.
    assert compared.error_bound() == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-9)
    assert compared.error_bound(0.5) == pytest.approx(1 - 0.5 ** (1 / 300), rel=1e-9)
    from scipy.stats import binom

    compared.agree[:7] = False
    assert binom.cdf(7, 300, compared.error_bound(0.9)) == pytest.approx(0.1, rel=1e-9)
    compared.agree[:] = False
    assert compared.error_bound() == 1


def test_points_run_over_the_sizes_of_the_biases():
    network = ReLUNetwork([np.eye(2), [[1.0, 1.0]]], [[0.01, -100.0], [3.0]])
    points = agreement(network, network, rng=np.random.default_rng(0), count=4000).points
    sizes = np.abs(points[1::2])  # the even rows
    assert np.log(np.median(sizes) / 0.67) == pytest.approx(np.log(8), abs=0.4)
    assert sizes.max() < 6400 * 5
    assert sizes.min() < 0.01
    assert np.median(sizes.min(axis=1) < 0.011 * 64) < 1
    uneven = np.abs(points[::2])
    assert np.log(np.median(uneven) / 0.67) == pytest.approx(0, abs=0.5)
    ratios = np.log2(uneven[:, 0] / uneven[:, 1])
    assert np.percentile(np.abs(ratios), 99) > 5
    # Without biases, around 1.
    bare = ReLUNetwork([np.eye(2), [[1.0, 1.0]]])
    points = agreement(bare, bare, rng=np.random.default_rng(0), count=4000).points[1::2]
    assert np.log(np.median(np.abs(points)) / 0.67) == pytest.approx(np.log(8), abs=0.4)


def test_sizes_of_terms():
    network = ReLUNetwork([[[1.0, -2.0], [1.0, 1.0]], [[3.0, -4.0]]], [[0.5, -9.0], [-7.0]])
    assert term_sizes(network, [[3.0, 1.0], [9.0, 9.0]]).tolist() == [
        [3 * (3 + 2 + 0.5) + 7],
        [4 * (9 + 9 + 9) + 7],
    ]
    with pytest.raises(ValueError, match="count"):
        agreement(network, network, rng=np.random.default_rng(0), count=0)
