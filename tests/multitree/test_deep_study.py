"""The networks and the counts of the studies of deep recovery."""

import numpy as np
import pytest
import scipy.sparse as sp
from deep_cases import weights_on
from openblackbox.multitree import deep_study
from openblackbox.multitree.alive import useful_neurons
from openblackbox.multitree.butterfly import butterfly_supports
from openblackbox.multitree.deep import recover_deep
from openblackbox.multitree.deep_study import (
    BASELINE,
    EXACT,
    LARGE,
    LAWS,
    STUDY,
    count_baseline,
    count_deep_queries,
    random_deep_network,
    weight_errors,
)
from openblackbox.multitree.supports import dyadic_supports
from scipy.stats import kstest, norm, uniform


def test_the_laws_of_a_weight():
    rng = np.random.default_rng(0)
    count = 20_000
    gaussian, flat, heavy = (LAWS[law](count, rng) for law in ("gaussian", "uniform", "heavy"))
    assert kstest(gaussian, norm.cdf).pvalue > 1e-3
    assert kstest(np.abs(flat), uniform(0.5, 1.5).cdf).pvalue > 1e-3
    assert kstest(np.log10(np.abs(heavy)), uniform(-2, 4).cdf).pvalue > 1e-3
    for weights in (gaussian, flat, heavy):
        assert abs(np.mean(weights > 0) - 0.5) < 0.02


def test_the_laws_draw_in_a_fixed_way():
    """The tables depend on the draws, number by number."""
    for law in LAWS:
        rng, same = np.random.default_rng(1), np.random.default_rng(1)
        got = LAWS[law](5, rng)
        if law == "gaussian":
            expected = same.standard_normal(5)
        else:
            signs = same.choice([-1, 1], 5)
            sizes = same.uniform(0.5, 2, 5) if law == "uniform" else 10 ** same.uniform(-2, 2, 5)
            expected = signs * sizes
        np.testing.assert_allclose(got, expected, rtol=1e-14)


def test_a_random_network_has_the_supports_and_the_zeros():
    supports = dyadic_supports(4)
    network = random_deep_network(supports, rng=np.random.default_rng(0))
    for got, expected in zip(network.supports, supports, strict=True):
        assert np.array_equal(got.toarray(), expected)
    first = network.weights[0].data
    assert np.array_equal(first, np.random.default_rng(0).standard_normal(first.size))
    sparse = random_deep_network(
        butterfly_supports(8), "heavy", rng=np.random.default_rng(0), zeros=0.2
    )
    kept = sum(weight.nnz for weight in sparse.weights) / (8 * 2**9)
    assert kept == pytest.approx(0.8, abs=0.03)
    with pytest.raises(ValueError, match="law: expected one of gaussian, uniform, heavy, got 'x'"):
        random_deep_network(supports, "x", rng=np.random.default_rng(0))


def test_errors_do_not_see_scales_and_useless_neurons():
    rng = np.random.default_rng(1)
    for law in LAWS:
        weights = weights_on(dyadic_supports(4), rng, law=law)
        scales = [np.ones(16), *(10 ** rng.uniform(-9, 9, 16) for _ in range(3)), np.ones(16)]
        other = [
            weight * after[:, None] / before
            for weight, before, after in zip(weights, scales, scales[1:], strict=False)
        ]
        useless = ~useful_neurons(weights)[1]
        assert useless.any()
        other[2][:, useless] *= 5.0
        error, missing = weight_errors(other, weights)
        assert error < 1e-12
        assert missing == 0
        # Sparse matrices do as well.
        assert weight_errors([sp.csr_array(w) for w in other], weights) == (error, 0)


def test_errors_are_relative_and_the_largest_counts():
    true = [np.array([[3.0, 4.0, 0, 0], [0, 0, 1.0, 0]]), np.array([[2.0, 10.0]])]
    wrong = [true[0].copy(), true[1] * [1.0, 1.01]]
    assert weight_errors(wrong, true)[0] == pytest.approx(0.01, rel=1e-9)
    wrong = [np.array([[3.0, 4.0, 0, 0], [0, 0, 1.003, 0]]), true[1]]
    assert weight_errors(wrong, true)[0] == pytest.approx(0.003, rel=1e-9)
    assert weight_errors(true, true) == (0.0, 0)
    zeros = [0 * weight for weight in true]
    assert weight_errors(zeros, zeros) == (0.0, 0)


def test_errors_where_the_zeros_differ():
    true = [np.array([[3.0, 4.0, 0, 0], [0, 0, 1.0, 0]]), np.array([[2.0, 10.0]])]
    lost = [np.array([[3.0, 4.0, 0, 0], [0, 0, 0, 0]]), true[1]]
    assert weight_errors(lost, true) == (np.inf, 1)
    more = [np.array([[3.0, 4.0, 0, 0], [0, 0, 1.0, 0.1]]), true[1]]
    assert weight_errors(more, true) == (np.inf, 0)
    moved = [np.array([[3.0, 4.0, 0, 0], [0, 0, 0, 1.0]]), true[1]]
    assert weight_errors(moved, true) == (np.inf, 0)


@pytest.mark.parametrize("law, zeros", [("gaussian", 0.0), ("heavy", 0.2)])
def test_what_is_counted(law, zeros):
    counts = count_deep_queries(5, law, zeros, 3)
    rng = np.random.default_rng([5, 3])
    secret = random_deep_network(butterfly_supports(5), law, rng=rng, zeros=zeros)
    found = recover_deep(secret, butterfly_supports(5), rng=rng)
    assert counts["products"] == found.queries.jvps + found.queries.vjps
    assert counts["jacobians"] == round(counts["products"] / 32, 2)
    assert counts["points"] == len(found.origins)
    reasons = [reason for reason, _ in found.origins]
    assert counts["found"] == reasons.count("found")
    assert counts["spliced"] == reasons.count("splice")
    assert counts["points"] == 8 + counts["found"] + counts["spliced"]
    assert counts["pairs"] == sum(found.certificate.pairs)
    assert counts["useful"] == sum(level.sum() for level in useful_neurons(secret.weights))
    assert counts["missed"] == 0
    assert counts["exact"] is True
    assert list(counts) == list(STUDY.columns)


def test_an_error_is_not_called_exact(monkeypatch):
    assert EXACT == 2.0**-36
    monkeypatch.setattr(deep_study, "EXACT", 1e-18)
    assert count_deep_queries(4, "gaussian", 0.0, 0)["exact"] is False
    assert count_baseline(2, "gaussian", 0)["exact"] is False


def test_the_baseline_is_counted():
    counts = count_baseline(4, "uniform", 2, most=40)
    rng = np.random.default_rng([4, 2])
    secret = random_deep_network(butterfly_supports(4), "uniform", rng=rng)
    found = recover_deep(secret, butterfly_supports(4), rng=rng, method="gaussian", points=40)
    useful = sum(int(level.sum()) for level in useful_neurons(secret.weights))
    assert counts["points"] == 40 == len(found.origins)
    assert counts["stopped"] is False
    assert counts["useful"] == useful
    assert counts["missed"] == weight_errors(found.network.weights, secret.weights)[1]
    assert counts["unresolved"] == sum(len(rows) for rows in found.unresolved)
    assert list(counts) == list(BASELINE.columns)
    easy = count_baseline(2, "gaussian", 1)
    assert easy["stopped"] is True
    assert easy["exact"] is True
    assert (easy["missed"], easy["unresolved"]) == (0, 0)


def test_the_same_networks_are_opened_by_both_methods():
    for seed in range(3):
        assert (
            count_baseline(3, "heavy", seed)["useful"]
            == count_deep_queries(3, "heavy", 0.0, seed)["useful"]
        )


def test_the_grids_of_the_studies():
    assert STUDY.function is count_deep_queries
    assert LARGE.function is count_deep_queries
    assert BASELINE.function is count_baseline
    for study in (STUDY, BASELINE):
        assert study.grid["law"] == tuple(LAWS)
        assert study.grid["seed"][:5] == tuple(range(5))
    assert STUDY.grid["zeros"] == (0.0, 0.2)
    assert STUDY.grid["n_layers"] == tuple(range(2, 11))
    assert set(BASELINE.grid["n_layers"]) <= set(STUDY.grid["n_layers"])
    assert LARGE.grid["n_layers"][-1] == 14
