"""Factorizations with supports that are not told, against the list of all supports."""

import itertools
from math import prod

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
from openblackbox.multitree.gauge import gauge_distance
from openblackbox.multitree.tilings import rank_one_tilings, tiling_factors


def cosine(size):
    """Orthonormal DCT-II."""
    return scipy.fft.dct(np.eye(size), axis=0, norm="ortho")


def sine(size):
    """Orthonormal DST-II."""
    return scipy.fft.dst(np.eye(size), axis=0, norm="ortho")


def fourier(size):
    """Fourier matrix, columns in natural order."""
    return scipy.linalg.dft(size)


def slow_tilings(matrix, height, width):
    """All sets of disjoint rectangles that cover the table, each checked by an SVD."""
    m, n = matrix.shape
    rectangles = []
    for rows in itertools.combinations(range(m), height):
        for columns in itertools.combinations(range(n), width):
            values = np.linalg.svd(matrix[np.ix_(rows, columns)], compute_uv=False)
            if values.size == 1 or values[1] < 1e-9 * values[0]:
                rectangles.append((rows, columns))
    found = set()
    for chosen in itertools.combinations(rectangles, m * n // (height * width)):
        cells = {(o, i) for rows, columns in chosen for o in rows for i in columns}
        if len(cells) == m * n:
            found.add(frozenset(chosen))
    return found


@pytest.mark.parametrize(
    "matrix, height, width",
    [
        (cosine(4), 2, 2),
        (sine(4), 2, 2),
        (fourier(4), 2, 2),
        (scipy.linalg.hadamard(4), 2, 2),
        (np.ones((2, 4)), 2, 2),
        (np.ones((3, 4)), 3, 2),
        (np.outer([1, 2, 3], [1, -1, 5]), 1, 3),
        (np.arange(1.0, 10).reshape(3, 3), 1, 1),
        (np.arange(1.0, 9).reshape(2, 4), 2, 2),
        (cosine(4)[:2, :3], 2, 1),
    ],
)
def test_all_tilings_are_found_once(matrix, height, width):
    found = list(rank_one_tilings(matrix, height, width))
    assert len(found) == len(set(map(frozenset, found)))
    assert set(map(frozenset, found)) == slow_tilings(np.asarray(matrix), height, width)


@pytest.mark.claim("LZ-07")
@pytest.mark.parametrize("transform", [cosine, sine, fourier])
@pytest.mark.parametrize("size", [2, 4, 8, 16, 32])
def test_cosine_sine_and_fourier_have_one_sparse_factorization(transform, size):
    matrix = transform(size)
    assert np.abs(matrix).min() > 1e-3  # no entry is zero: the theorem applies
    (tiling,) = rank_one_tilings(matrix, size // 2, 2)
    partner = (lambda i: i + size // 2) if transform is fourier else (lambda i: size - 1 - i)
    expected = {
        (tuple(range(parity, size, 2)), (i, partner(i)))
        for parity in (0, 1)
        for i in range(size // 2)
    }
    assert set(tiling) == expected
    W1, W2 = tiling_factors(matrix, tiling)
    assert (np.count_nonzero(W1, axis=1) == 2).all()
    assert (np.count_nonzero(W2, axis=0) == size // 2).all()
    np.testing.assert_allclose(W2 @ W1, matrix, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.abs(W1[W1 != 0]), np.sqrt(0.5), rtol=1e-11)


@pytest.mark.claim("LZ-07", counterexample=True)
def test_with_n_sparse_columns_as_our_copy_prints_there_are_many():
    """N entries in a column of length N are no constraint: two factorizations, not equivalent."""
    size = 8
    matrix = cosine(size)
    pairs = [(np.eye(size), matrix)]  # the rows of the identity have one entry
    shear = np.eye(size)
    shear[0, 1] = 1.0
    pairs.append((shear, matrix @ np.linalg.inv(shear)))
    for W1, W2 in pairs:
        assert np.count_nonzero(W1, axis=1).max() <= 2
        assert np.count_nonzero(W2, axis=0).max() <= size
        np.testing.assert_allclose(W2 @ W1, matrix, rtol=0, atol=1e-14)
    # Scaling and permutation keep the number of nonzero entries of a factor.
    assert np.count_nonzero(pairs[0][0]) != np.count_nonzero(pairs[1][0])
    # With N/2 there is one.
    assert sum(1 for _ in rank_one_tilings(matrix, size // 2, 2)) == 1


@pytest.mark.claim("LZ-05")
@pytest.mark.parametrize("size, number", [(2, 1), (4, 3), (8, 105)])
def test_hadamard_is_not_determined_by_the_numbers_of_entries(size, number):
    """(N - 1)!! factorizations: more structure than a count of entries is needed."""
    tilings = list(rank_one_tilings(scipy.linalg.hadamard(size), size // 2, 2))
    assert len(tilings) == number == prod(range(size - 1, 0, -2))
    for tiling in tilings:
        columns = {pair for _, pair in tiling}
        assert sorted(i for pair in columns for i in pair) == list(range(size))  # a matching
        W1, W2 = tiling_factors(scipy.linalg.hadamard(size), tiling)
        np.testing.assert_allclose(W2 @ W1, scipy.linalg.hadamard(size), atol=1e-13)


@pytest.mark.claim("LZ-06")
def test_factors_and_sets_of_rank_one_matrices_are_the_same_thing():
    """Equal contributions, in any order: equal factors up to scaling and permutation."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        W1, W2 = rng.standard_normal((4, 3)), rng.standard_normal((5, 4))
        order, scale = rng.permutation(4), rng.uniform(0.1, 10, 4) * rng.choice([-1, 1], 4)
        V1, V2 = scale[:, None] * W1[order], W2[:, order] / scale
        parts = [np.outer(W2[:, h], W1[h]) for h in range(4)]
        moved = [np.outer(V2[:, h], V1[h]) for h in range(4)]
        match = [
            [k for k in range(4) if np.allclose(part, moved[k], rtol=1e-12, atol=0)]
            for part in parts
        ]
        assert match == [[int(k)] for k in np.argsort(order)]
        back = [k for (k,) in match]
        assert gauge_distance([V1[back], V2[:, back]], [W1, W2]) < 1e-12
    # and a sum of rank-one matrices that is not the same list is not equivalent
    other = [W1[0] + W1[1], W1[1], W1[2], W1[3]]
    columns = np.stack([W2[:, 0], W2[:, 1] - W2[:, 0], W2[:, 2], W2[:, 3]], axis=1)
    np.testing.assert_allclose(columns @ np.array(other), W2 @ W1, atol=1e-12)
    assert gauge_distance([np.array(other), columns], [W1, W2]) > 0.1


def test_one_part_in_a_thousand_of_the_tolerance_is_seen():
    def rows(gap):
        return np.array([[1.0, 1.0], [1.0, 1.0 + gap]])

    for ratio, number in ((0.9995, 1), (1.0005, 0)):
        assert sum(1 for _ in rank_one_tilings(rows(1e-10 * ratio), 2, 2)) == number
        assert sum(1 for _ in rank_one_tilings(rows(1e-6 * ratio), 2, 2, tol=1e-6)) == number


def test_single_precision_has_a_tolerance_of_its_own():
    size = 8
    matrix = (3 * cosine(size) / 7).astype(np.float32)
    assert sum(1 for _ in rank_one_tilings(matrix, size // 2, 2)) == 1
    for gap, number in ((0.99e-4, 1), (1.01e-4, 0)):
        rows = np.float32([[1, 1], [1, 1 + gap]])
        assert sum(1 for _ in rank_one_tilings(rows, 2, 2)) == number


def test_sizes_that_do_not_fit_give_nothing():
    assert list(rank_one_tilings(np.ones((3, 3)), 2, 2)) == []
    assert list(rank_one_tilings(cosine(4), 4, 2)) == []


def test_factors_of_a_tiling_have_its_supports():
    W1, W2 = tiling_factors([[3.0, 4.0, 0.0], [0.0, 0.0, 5.0]], [((0,), (0, 1)), ((1,), (2,))])
    np.testing.assert_allclose(W1, [[0.6, 0.8, 0], [0, 0, 1]], rtol=1e-14)
    np.testing.assert_allclose(W2, [[5, 0], [0, 5]], rtol=1e-14)


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="matrix: expected a matrix without zero entry"):
        rank_one_tilings(np.eye(2), 1, 1)
    with pytest.raises(ValueError, match="height: expected an integer from 1 to 2, got 3"):
        rank_one_tilings(np.ones((2, 2)), 3, 1)
    with pytest.raises(ValueError, match="width: expected an integer from 1 to 2, got 0"):
        rank_one_tilings(np.ones((2, 2)), 1, 0)
    with pytest.raises(ValueError, match="rectangle 1 overlaps"):
        tiling_factors(np.ones((1, 2)), [((0,), (0, 1)), ((0,), (1,))])
    with pytest.raises(ValueError, match="rectangle 0 has an index out of range"):
        tiling_factors(np.ones((1, 2)), [((0,), (2,))])
