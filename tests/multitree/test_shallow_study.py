"""The law of the doublings, and the study of the queries."""

import numpy as np
import pytest
from openblackbox.data import data_path
from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.shallow_study import (
    EXACT,
    STUDY,
    count_queries,
    expected_doublings,
    random_shallow_network,
)
from openblackbox.multitree.supports import check_multitree, kronecker_supports
from openblackbox.study import read_study
from scipy.stats import norm


def test_the_network_drawn_has_its_kinks_where_asked():
    supports = [kronecker_supports(1, 3, 3, 3), kronecker_supports(3, 3, 3, 1)]
    ratios = np.linspace(0, 4, 9)
    network = random_shallow_network(supports, ratios, rng=np.random.default_rng(0))
    norms = np.linalg.norm(network.weights[0], axis=1)
    np.testing.assert_allclose(np.abs(network.biases[0]), ratios * norms, rtol=1e-13)
    assert {-1.0, 1.0} == set(np.sign(network.biases[0][1:]))
    assert all((s == t).all() for s, t in zip(network.supports, supports, strict=True))
    assert abs(np.std(network.weights[1][supports[1]]) - 1) < 0.5


@pytest.mark.claim("SL-13")
@pytest.mark.parametrize("ratios, growth", [([1.0], 2), ([0.3, 5, 70], 2), (np.full(50, 3.0), 7)])
def test_the_expected_number_of_doublings(ratios, growth):
    # The law of the smallest k with growth**k |g_h| > r_h for every h, by the normal tails.
    k = np.arange(100)[:, None]
    seen = np.prod(2 * norm.sf(np.asarray(ratios) / float(growth) ** k), axis=1)
    law = np.diff(np.concatenate([[0.0], seen]))
    assert expected_doublings(ratios, growth=growth) == pytest.approx(
        law @ np.arange(100), rel=1e-9
    )
    g = np.abs(np.random.default_rng(1).standard_normal((20000, len(ratios))))
    drawn = np.ceil(np.log((np.asarray(ratios) / g).max(axis=1)) / np.log(growth)).clip(min=0)
    mean, spread = drawn.mean(), drawn.std() / np.sqrt(len(drawn))
    assert abs(mean - expected_doublings(ratios, growth=growth)) < 4 * spread


def test_the_search_follows_the_law_on_orthogonal_rows():
    supports = [np.eye(20), np.ones((1, 20))]
    doublings = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        network = random_shallow_network(supports, 4.0, rng=rng)
        doublings.append(recover_shallow(network, supports, rng=rng, checks=2).doublings)
    spread = np.std(doublings) / np.sqrt(len(doublings))
    assert abs(np.mean(doublings) - expected_doublings(np.full(20, 4.0))) < 4 * spread


@pytest.mark.claim("SL-25")
@pytest.mark.parametrize("block", [2, 4])
def test_the_counts_are_those_of_a_recovery(block):
    counts = count_queries(block, 1.0, 3)
    supports = [kronecker_supports(1, *[block] * 3), kronecker_supports(*[block] * 3, 1)]
    check_multitree(supports)
    rng = np.random.default_rng(3)
    network = random_shallow_network(supports, 1.0, rng=rng)
    found = recover_shallow(network, supports, rng=rng)
    assert counts["jacobians"] == found.queries.jacobians == 2 * (found.doublings + 1)
    assert counts["evaluations"] == found.queries.evaluations
    assert counts["doublings"] == found.doublings
    assert counts["parameters"] == 2 * block**3 + 2 * block**2
    norms = np.linalg.norm(network.weights[0], axis=1)
    pairs = [
        (found.network.weights[0], network.weights[0] / norms[:, None]),
        (found.network.weights[1], network.weights[1] * norms),
        (found.network.biases[0], network.biases[0] / norms),
        (found.network.biases[1], network.biases[1]),
    ]
    error = max(np.abs(a - b).max() / np.abs(b).max() for a, b in pairs)
    assert counts["exact"] is True
    assert 0 < error < EXACT == 1e-13


def test_an_error_is_not_called_exact(monkeypatch):
    monkeypatch.setattr("openblackbox.multitree.shallow_study.EXACT", 1e-18)
    assert count_queries(2, 1.0, 3)["exact"] is False


def test_the_table_in_the_book_is_that_of_the_study():
    assert STUDY.function is count_queries
    assert STUDY.grid == {
        "block": (2, 4, 8, 16, 32),
        "ratio": (1.0, 100.0),
        "seed": tuple(range(10)),
    }
    stored = read_study(data_path("shallow-queries.csv"))
    for name in STUDY.grid:
        assert stored[name] == [cell[name] for cell in STUDY.cells()]
    fresh = count_queries(2, 100.0, 7)
    row = STUDY.cells().index({"block": 2, "ratio": 100.0, "seed": 7})
    for name in ("jacobians", "evaluations", "doublings", "parameters"):
        assert stored[name][row] == fresh[name]
    assert all(exact is True for exact in stored["exact"])
    assert set(fresh) == set(STUDY.columns)
