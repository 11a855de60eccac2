r"""Two sparse factors whose supports are not told: only how many entries they may have.

Let the columns of :math:`W_2` have at most p nonzero entries, the rows of :math:`W_1` at most q,
and let there be :math:`H = mn / (pq)` of them, for an :math:`m \times n` product without zero
entry. Then the factorizations, up to scaling and permutation, are the *tilings* of the table of
entries by H rectangles of p rows and q columns in each of which the matrix has rank one.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from openblackbox.arguments import integer
from openblackbox.multitree.identifiability import rank_tolerance
from openblackbox.multitree.rankone import best_rank_one, numeric

__all__ = ["rank_one_tilings", "tiling_factors"]


def rank_one_tilings(
    matrix: np.ndarray, height: int, width: int, *, tol: float | None = None
) -> Iterator[tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]]:
    r"""Enumerate the tilings of a matrix by rank-one rectangles of a given size.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        Real or complex, without zero entry.
    height, width : int
        Numbers :math:`p` of rows and :math:`q` of columns of a rectangle. Neither the rows nor the
        columns of a rectangle need be neighbours.
    tol : float, optional
        Two rows of q numbers are proportional when the ratios of their entries agree to this
        relative difference. The default is 1e-10 in double and 1e-4 in single precision.

    Returns
    -------
    iterator of tuples of (rows, columns)
        Each tiling once, as its rectangles, in lexicographic order of their first entry. Nothing
        when there is none.

    Raises
    ------
    ValueError
        No matrix, a zero entry, or a size that is not from 1 to the size of the matrix.
    TypeError
        Neither single nor double precision, nor integers.

    Notes
    -----
    Exact cover: the first free entry (o, i) must lie in a rectangle. Its columns are i and q - 1
    others; its rows are o and p - 1 others among those proportional to row o there. The number of
    steps may be exponential; with p = m/2 and q = 2 each choice of the second column leaves at
    most one choice of rows when the ratios take two values.

    Defined in the chapter Identifiability.

    Examples
    --------
    >>> for tiling in rank_one_tilings([[1.0, 1.0], [1.0, -1.0]], 1, 2):
    ...     print(tiling)
    (((0,), (0, 1)), ((1,), (0, 1)))
    >>> from openblackbox.multitree.transforms import dft, hadamard
    >>> [sum(1 for _ in rank_one_tilings(f(3), 4, 2)) for f in (dft, hadamard)]
    [1, 105]
    """
    matrix = numeric("matrix", matrix)
    if matrix.ndim != 2 or not matrix.all():
        raise ValueError("matrix: expected a matrix without zero entry")
    for name, size, limit in zip(("height", "width"), (height, width), matrix.shape, strict=True):
        integer(name, size, most=limit)
    tol = rank_tolerance(matrix) if tol is None else tol
    return _extend(matrix, height, width, tol, np.ones(matrix.shape, dtype=bool), ())


def _extend(matrix, height, width, tol, free, tiles):
    """Cover the first free entry in every possible way, then go on."""
    if not free.any():
        yield tiles
        return
    row, column = (int(index) for index in np.argwhere(free)[0])
    others = [int(j) for j in np.flatnonzero(free[row]) if j != column]
    for chosen in combinations(others, width - 1):
        columns = tuple(sorted((column, *chosen)))
        part = matrix[:, columns] / matrix[:, [column]]
        size = np.abs(part) + np.abs(part[row])
        alike = (2 * np.abs(part - part[row]) <= tol * size).all(axis=1)
        rows = np.flatnonzero(alike & free[:, columns].all(axis=1))
        for more in combinations([int(r) for r in rows if r != row], height - 1):
            tile = (tuple(sorted((row, *more))), columns)
            left = free.copy()
            left[np.ix_(*tile)] = False
            yield from _extend(matrix, height, width, tol, left, (*tiles, tile))


def tiling_factors(matrix: np.ndarray, tiling: Sequence) -> tuple[np.ndarray, np.ndarray]:
    r"""Factors of a matrix, one hidden neuron for each rectangle of a tiling.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        The matrix :math:`A`.
    tiling : sequence of (rows, columns)
        Disjoint rectangles, such as `rank_one_tilings` gives.

    Returns
    -------
    tuple of two 2-D arrays
        :math:`W_1` of shape (H, n), with rows of norm one, and :math:`W_2` of shape (m, H). Their
        product agrees with the matrix on rectangles of rank one, and is zero outside the
        rectangles.

    Raises
    ------
    ValueError
        Two rectangles overlap, or an index is out of range.

    Notes
    -----
    Defined in the chapter Identifiability.

    Examples
    --------
    >>> W1, W2 = tiling_factors([[3.0, 4.0]], [((0,), (0, 1))])
    >>> W1.round(6), W2.round(6)
    (array([[0.6, 0.8]]), array([[5.]]))
    """
    matrix = numeric("matrix", matrix)
    first = np.zeros((len(tiling), matrix.shape[1]), matrix.dtype)
    second = np.zeros((matrix.shape[0], len(tiling)), matrix.dtype)
    free = np.ones(matrix.shape, dtype=bool)
    for neuron, (rows, columns) in enumerate(tiling):
        try:
            tile = np.ix_(rows, columns)
            if not free[tile].all():
                raise ValueError(f"tiling: rectangle {neuron} overlaps another one")
        except IndexError:
            raise ValueError(
                f"tiling: rectangle {neuron} has an index out of range for shape {matrix.shape}"
            ) from None
        free[tile] = False
        best = best_rank_one(matrix[tile])
        first[neuron, list(columns)], second[list(rows), neuron] = best.right, best.left
    return first, second
