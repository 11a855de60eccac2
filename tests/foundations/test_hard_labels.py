"""Nearly random labels: the overlap of two laws, the lower bound, the identity of the gap."""

import itertools

import numpy as np
import pytest
from openblackbox.data import data_path
from openblackbox.foundations.erm import fit_certified
from openblackbox.foundations.hard_labels import STUDY, hard_excess, mean_value, overlap
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
from openblackbox.study import read_study
from scipy.integrate import quad
from scipy.stats import norm


@pytest.mark.parametrize("w", [-2.0, -0.3, 0.0, 0.3, 2.0])
@pytest.mark.parametrize("b", [-3.0, -0.7, 0.0, 0.7, 2.0])
def test_the_mean_of_a_neuron_is_its_integral(w, b):
    net = OneHiddenLayer([1.7], [[w]], [b])
    kink = [-b / w] if w and abs(b) < abs(w) else None
    value = quad(lambda x: 1.7 * max(w * x + b, 0) / 2, -1, 1, points=kink)[0]
    assert mean_value(net) == pytest.approx(value, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("n, shift", [(1, 1.0), (5, 1.0), (8, 0.75), (6, 0.0)])
def test_the_overlap_by_enumeration_of_all_labels(n, shift):
    p = (1 + shift / np.sqrt(n)) / 2
    total = 0.0
    for labels in itertools.product((0, 1), repeat=n):
        k = sum(labels)
        total += min(p**k * (1 - p) ** (n - k), (1 - p) ** k * p ** (n - k))
    assert overlap(n, shift=shift) == pytest.approx(total, rel=1e-12, abs=1e-15)


def test_the_overlap_is_above_the_bound_of_the_proof_and_has_its_limit():
    for n in [*range(2, 60), 500, 5000]:
        affinity = (1 - 1 / n) ** n
        assert overlap(n) >= 1 - np.sqrt(1 - affinity) >= 1 - np.sqrt(3) / 2 - 1e-15
    assert overlap(10**6, shift=0.75) == pytest.approx(2 * norm.cdf(-0.75), rel=1e-3)
    for wrong in (-0.1, 3.1):
        with pytest.raises(ValueError, match="shift: expected a number from 0 to sqrt"):
            overlap(9, shift=wrong)


def test_no_rule_beats_the_overlap_on_average_over_the_two_laws():
    # Any rule with values in the class has |E f| <= 1; the best one follows the majority.
    n = 7
    p = (1 + 1 / np.sqrt(n)) / 2
    regret = 0.0
    for k in range(n + 1):
        ways = len(list(itertools.combinations(range(n), k)))
        plus, minus = ways * p**k * (1 - p) ** (n - k), ways * (1 - p) ** k * p ** (n - k)
        side = np.sign(plus - minus)
        regret += (plus * (1 - side) + minus * (1 + side)) / 2
    assert regret == pytest.approx(overlap(n), rel=1e-12)


def test_the_excess_of_one_sample_by_hand():
    rows = {loss: hard_excess(50, loss, 3) for loss in ("linear", "logistic")}
    by_hand = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, (50, 1))
        y = np.where(rng.random(50) < (1 + 50**-0.5) / 2, 1.0, -1.0)
        net = fit_certified(X, y, radius=1, budget=1, loss="linear").net
        kink = [-float(net.b[0] / net.w[0, 0])]
        mean = quad(
            lambda x, net=net: net(np.array([[x]]))[0] / 2,
            -1,
            1,
            points=kink if abs(kink[0]) < 1 else None,
        )[0]
        by_hand.append((1 - mean) / np.sqrt(50))
    assert rows["linear"]["excess"] == pytest.approx(np.mean(by_hand), rel=1e-8)
    assert rows["linear"]["error"] == pytest.approx(np.std(by_hand, ddof=1) / 3**0.5, rel=1e-8)
    assert 0 < rows["logistic"]["excess"] < rows["linear"]["excess"]
    with pytest.raises(ValueError, match="loss: expected 'linear' or 'logistic', got 'squared'"):
        hard_excess(50, "squared", 3)
    with pytest.raises(ValueError, match="n: expected an integer, at least 5"):
        hard_excess(4, "linear", 3)
    with pytest.raises(ValueError, match="draws: expected an integer, at least 2"):
        hard_excess(50, "linear", 1)


def test_the_logistic_excess_is_an_integral_of_divergences():
    row, total = hard_excess(30, "logistic", 2), 0.0
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X = rng.uniform(-1, 1, (30, 1))
        q = (1 + 30**-0.5) / 2
        y = np.where(rng.random(30) < q, 1.0, -1.0)
        net = fit_certified(X, y, radius=1, budget=1, tol=1e-7).net
        grid = np.linspace(-1, 1, 200_001)
        p = 1 / (1 + np.exp(-net(grid[:, None])))
        divergence = q * np.log(q / p) + (1 - q) * np.log((1 - q) / (1 - p))
        total += np.trapezoid(divergence, grid) / 2
    assert row["excess"] == pytest.approx(total / 2, rel=1e-6)


def test_the_gap_of_random_labels_is_the_complexity_exactly():
    # All labels of six points: each fit, and each supremum on a fine circle.
    X = np.random.default_rng(0).uniform(-1, 1, (6, 1))
    angles = np.linspace(0, 2 * np.pi, 20001)
    kinks = np.arctan2(-X[:, 0], 1.0)
    neurons = np.concatenate([angles, kinks, kinks + np.pi])
    values = np.maximum(X * np.cos(neurons) + np.sin(neurons), 0)
    gaps, suprema = [], []
    for labels in itertools.product((-1.0, 1.0), repeat=6):
        fit = fit_certified(X, np.array(labels), radius=1, budget=2, loss="linear")
        gaps.append(-fit.risk)  # the population risk of every function is zero
        suprema.append(2 * np.abs(np.array(labels) @ values).max() / 6)
    assert np.mean(gaps) == pytest.approx(np.mean(suprema), rel=1e-7)


def test_the_table_of_the_book():
    table = read_study(data_path("hard-labels.csv"))
    assert list(table) == list(STUDY.header)
    assert len(table["n"]) == len(STUDY.cells())
    again = hard_excess(25, "linear", 2000)  # the whole cell
    part = hard_excess(25, "logistic", 100)  # the first samples of it
    rows = zip(table["n"], table["loss"], table["excess"], table["error"], strict=True)
    for n, loss, excess, error in rows:
        assert error < 0.05 * excess
        if loss == "linear":
            assert overlap(n) < excess * np.sqrt(n) < 3 * np.sqrt(2)
            if n == 25:
                assert again["excess"] == pytest.approx(excess, rel=1e-6)
                assert again["error"] == pytest.approx(error, rel=1e-6)
        elif n == 25:
            assert abs(part["excess"] - excess) < 4 * part["error"]
