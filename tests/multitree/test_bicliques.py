"""From bicliques to completion: brute force, both bounds, and every entry of the gadgets."""

import itertools

import numpy as np
import pytest
from openblackbox.multitree.bicliques import (
    Biclique,
    biclique_completion,
    biclique_vectors,
    largest_biclique,
)
from openblackbox.multitree.completion import completion_supports, masked_loss
from openblackbox.multitree.fixed_support import local_minima
from scipy.optimize import minimize

PATH = [[1, 1], [1, 0]]  # three edges, the largest biclique has two


def brute(edges):
    """Largest biclique over all pairs of sets."""
    s, t = edges.shape
    return max(
        len(rows) * len(columns)
        for a, b in itertools.product(range(1, s + 1), range(1, t + 1))
        for rows in itertools.combinations(range(s), a)
        for columns in itertools.combinations(range(t), b)
        if edges[np.ix_(rows, columns)].all()
    )


def random_graph(rng, s, t, density=0.6):
    edges = rng.random((s, t)) < density
    edges[0, 0] = True
    return edges


def test_largest_biclique_is_the_largest():
    rng = np.random.default_rng(0)
    for _ in range(40):
        edges = random_graph(rng, *rng.integers(1, 5, 2))
        found = largest_biclique(edges)
        assert edges[np.ix_(found.rows, found.columns)].all()
        assert found.size == len(found.rows) * len(found.columns) == brute(edges)


@pytest.mark.claim("LQ-03")
def test_a_biclique_gives_its_bound():
    rng = np.random.default_rng(1)
    for _ in range(30):
        edges = random_graph(rng, *rng.integers(1, 5, 2))
        best = largest_biclique(edges)
        matrix, observed = biclique_completion(edges)
        height, small = matrix.max(), 2.0**-6
        u, v = biclique_vectors(edges, best, height=height, small=small)
        loss = masked_loss(matrix, observed, u, v)
        count, pairs = edges.sum(), (~edges).sum()
        assert count - best.size <= loss <= count - best.size + pairs * small**2


@pytest.mark.claim("LQ-03")
def test_no_vectors_beat_the_largest_biclique_by_more_than_a_half():
    """The lower bound of the theorem, attacked by descents from random and from good points."""
    rng = np.random.default_rng(2)
    for _ in range(8):
        edges = random_graph(rng, 3, 3)
        best, count = largest_biclique(edges).size, int(edges.sum())
        matrix, observed = biclique_completion(edges)

        def loss(weights, matrix=matrix, observed=observed):
            u, v = weights[: len(matrix)], weights[len(matrix) :]
            rest = observed * (matrix - np.outer(u, v))
            return (rest**2).sum(), np.concatenate([-2 * rest @ v, -2 * rest.T @ u])

        good = biclique_vectors(edges, largest_biclique(edges), height=matrix.max(), small=0.1)
        for k in range(6):
            start = np.concatenate(good) + (k > 0) * rng.standard_normal(sum(matrix.shape))
            value = minimize(loss, start, jac=True, method="L-BFGS-B").fun
            assert value >= count - best - 0.5


@pytest.mark.claim("LQ-03")
def test_the_height_matters():
    """Without the gadget the infimum is below the bound; with it, it is not."""
    supports = completion_supports(biclique_completion(PATH)[1])
    rng = np.random.default_rng(3)
    low = local_minima(biclique_completion(PATH, height=0)[0], supports, rng=rng, starts=8)
    np.testing.assert_allclose(low.endings.min(), (3 - 5**0.5) / 2, rtol=1e-6)  # sigma_2^2
    high = local_minima(biclique_completion(PATH)[0], supports, rng=rng, starts=8)
    assert high.endings.min() > 0.5


def test_every_entry_of_an_instance():
    matrix, observed = biclique_completion(PATH)
    np.testing.assert_array_equal(matrix, [[1, 1, 0], [1, 0, 0], [0, 0, 32 * 81 + 3]])
    np.testing.assert_array_equal(observed, [[1, 1, 0], [1, 1, 1], [0, 1, 1]])
    matrix, observed = biclique_completion([[0, 1, 0]], height=5)
    np.testing.assert_array_equal(matrix, [[0, 1, 0, 0, 0], [0, 0, 0, 5, 0], [0, 0, 0, 0, 5]])
    np.testing.assert_array_equal(observed, [[1, 1, 1, 1, 1], [1, 0, 0, 1, 0], [0, 0, 1, 0, 1]])


def test_bad_arguments():
    with pytest.raises(ValueError, match="at least one edge"):
        biclique_completion(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="at least one edge"):
        largest_biclique([1, 1])
    with pytest.raises(ValueError, match="at most 16 rows, got 17"):
        largest_biclique(np.ones((17, 1)))
    with pytest.raises(ValueError, match="are not joined"):
        biclique_vectors(PATH, Biclique((0, 1), (0, 1), 4), height=9, small=0.1)
