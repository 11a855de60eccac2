"""Two factors with given supports: the instances that one SVD per class solves.

The order of layers is first layer first: ``supports = [S_1, S_2]`` and ``A ~ W_2 W_1``. The *block*
of a hidden neuron is the rectangle of the entries that it can change: the outputs that it feeds
times the inputs that feed it. Neurons with equal blocks form a *class*.

Re-exported by `openblackbox.multitree.fixed_support`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from openblackbox.multitree.layers import as_supports
from openblackbox.multitree.rankone import numeric

__all__ = [
    "NotTractableError",
    "Piece",
    "SupportClass",
    "SupportClasses",
    "TractableFit",
    "classes_of_supports",
    "solve_by_classes",
]


class NotTractableError(ValueError):
    """The supports are not in the family that one SVD per class solves."""


@dataclass(frozen=True)
class SupportClass:
    r"""Hidden neurons with the same block.

    Parameters
    ----------
    neurons : tuple of int
        The neurons h of the class; their number k bounds the rank of what the class can add.
    rows, columns : tuple of int
        The block: the outputs with :math:`S_2[o, h] = 1` and the inputs with
        :math:`S_1[h, i] = 1`.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.
    """

    neurons: tuple[int, ...]
    rows: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True)
class Piece:
    """A connected part of what is left of the block of a class, fitted by one SVD.

    Parameters
    ----------
    number : int
        Index of the class.
    rows, columns : tuple of int
        Rows and columns of the part, a subset of those of the class.
    is_filled : bool
        True when the class has neurons enough to give the part any values whatever.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.
    """

    number: int
    rows: tuple[int, ...]
    columns: tuple[int, ...]
    is_filled: bool


@dataclass(frozen=True)
class SupportClasses:
    """The classes of two supports, and how to solve them one by one, if that is possible.

    Parameters
    ----------
    classes : tuple of SupportClass
        Neurons with an empty block belong to no class.
    pieces : tuple of Piece
        In the order in which they are fitted: the parts of lower rank, then the filled ones.
        Empty for an instance that is not tractable.
    obstacle : str
        Why the instance is not in the family; empty for one that is.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.
    """

    classes: tuple[SupportClass, ...]
    pieces: tuple[Piece, ...]
    obstacle: str

    @property
    def is_tractable(self) -> bool:
        """Tell whether `solve_by_classes` accepts these supports."""
        return not self.obstacle


@dataclass(frozen=True)
class TractableFit:
    r"""Best factors with given supports, for an instance of the tractable family.

    Parameters
    ----------
    factors : tuple of two arrays
        :math:`W_1, W_2`. In each piece, column and row of a neuron have equal norms.
    residual : float
        :math:`\|A - W_2 W_1\|_F`, the smallest possible.
    piece_residuals : tuple of float
        What is lost in each piece, in the order of `SupportClasses.pieces`; 0 where it is filled.
    outside : float
        Frobenius norm of the entries that no neuron can change.

    Notes
    -----
    Defined in the chapter Hardness of fixed supports.
    """

    factors: tuple[np.ndarray, np.ndarray]
    residual: float
    piece_residuals: tuple[float, ...]
    outside: float


def two_supports(supports: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Check that there are two supports that fit together."""
    matrices = as_supports(supports)
    if len(matrices) != 2:
        raise ValueError(f"supports: expected two layers, got {len(matrices)}")
    return matrices


def classes_of_supports(supports: Sequence) -> SupportClasses:
    r"""Group hidden neurons by block, and tell whether one SVD per class solves the problem.

    Parameters
    ----------
    supports : sequence of two 2-D array_like
        :math:`S_1, S_2`, first layer first.

    Returns
    -------
    SupportClasses
        `classes`, `pieces`, `obstacle`, and the property `is_tractable`.

    Raises
    ------
    ValueError
        Bad supports, or not two of them.

    Notes
    -----
    *Algorithm.* Let F be a set of entries, empty at first. While there is a class of k neurons and
    a connected part of its block without F whose number of rows or of columns is at most k, add
    that part to F: the class can give it any values, so it will repair whatever the others do
    there. In the end the instance is tractable when every part that is left is a full
    rectangle and no two parts of different classes meet. Classes with identical or disjoint blocks
    are the case in which nothing needs to be filled; the two factors of a multitree are those
    with disjoint blocks of single neurons.

    The test is sufficient, not necessary: an instance that it refuses may be easy for another
    reason. What it accepts, `solve_by_classes` solves.

    *Cost*: polynomial; each pass over the classes looks at every block once, and there are at most
    as many passes as parts.

    Defined in the chapter Hardness of fixed supports.

    References
    ----------
    * Q.-T. Le, E. Riccietti, R. Gribonval, Spurious valleys, NP-hardness, and tractability of
      sparse matrix factorization with fixed support, arXiv:2112.00386, 2021.

    Examples
    --------
    >>> two_blocks = [[[1, 1, 0], [1, 1, 0], [0, 0, 1]], [[1, 1, 0], [1, 1, 0], [0, 0, 1]]]
    >>> found = classes_of_supports(two_blocks)
    >>> [group.neurons for group in found.classes], found.is_tractable
    ([(0, 1), (2,)], True)
    >>> classes_of_supports([[[1, 1], [0, 1]], [[1, 0], [1, 1]]]).obstacle  # upper and lower
    'the block of neuron 0 without the entries that others fill is not made of rectangles'
    """
    first, second = two_supports(supports)
    classes = _group(first, second)
    shape = (second.shape[0], first.shape[1])
    filled, taken, progress = np.zeros(shape, dtype=bool), [], True
    while progress:
        progress = False
        for number, group in enumerate(classes):
            for rows, columns, entries in _parts(group, filled):
                if min(len(rows), len(columns)) <= len(group.neurons):
                    filled[entries] = True
                    taken.append(Piece(number, rows, columns, True))
                    progress = True
    left, owner = [], np.full(shape, -1)
    for number, group in enumerate(classes):
        for rows, columns, entries in _parts(group, filled):
            if len(entries[0]) < len(rows) * len(columns):
                where = f"the block of neuron {group.neurons[0]} without the entries that others"
                return SupportClasses(classes, (), f"{where} fill is not made of rectangles")
            if (met := owner[entries].max()) >= 0:
                pair = f"{classes[met].neurons[0]} and {group.neurons[0]}"
                return SupportClasses(
                    classes, (), f"the blocks of neurons {pair} differ and overlap"
                )
            owner[entries] = number
            left.append(Piece(number, rows, columns, False))
    return SupportClasses(classes, (*left, *reversed(taken)), "")


def solve_by_classes(matrix: np.ndarray, supports: Sequence) -> TractableFit:
    r"""Best factors with given supports, by one SVD per piece; refuse what is not tractable.

    .. math:: \min \|A - W_2 W_1\|_F, \qquad \operatorname{supp} W_1 \subseteq S_1,\
              \operatorname{supp} W_2 \subseteq S_2

    Parameters
    ----------
    matrix : array_like, shape (n_2, n_0)
        The matrix :math:`A`, real or complex. Integers become float64.
    supports : sequence of two 2-D array_like
        :math:`S_1, S_2`, first layer first.

    Returns
    -------
    TractableFit
        `factors`, `residual`, `piece_residuals`, `outside`.

    Raises
    ------
    NotTractableError
        The supports are not in the family of `classes_of_supports`.
    ValueError
        Bad supports, a wrong shape, NaN or infinity.
    TypeError
        Neither single nor double precision, nor integers.

    Notes
    -----
    *Theorem.* With k neurons in the class of a piece B that is not filled, the minimum is attained
    and its square is :math:`\|A_{out}\|^2 + \sum_B \sum_{j > k} \sigma_j(A[B])^2`.

    *Algorithm.* First the pieces that are not filled, by truncated SVD; then the filled ones, the
    last found first, by an SVD of what is still missing there.

    Defined in the chapter Hardness of fixed supports.

    Examples
    --------
    >>> two_blocks = [[[1, 1, 0], [0, 0, 1]], [[1, 0], [1, 0], [0, 1]]]
    >>> fit = solve_by_classes([[2, 0, 0], [0, 1, 0], [0, 0, 3]], two_blocks)
    >>> round(fit.residual, 6)
    1.0
    """
    matrix = numeric("matrix", matrix)
    first, second = two_supports(supports)
    shape = (second.shape[0], first.shape[1])
    if matrix.shape != shape:
        raise ValueError(f"matrix: expected shape {shape} from the supports, got {matrix.shape}")
    found = classes_of_supports([first, second])
    if not found.is_tractable:
        raise NotTractableError(f"supports: not in the tractable family: {found.obstacle}")
    factors = np.zeros(first.shape, matrix.dtype), np.zeros(second.shape, matrix.dtype)
    lost = []
    for piece in found.pieces:
        group = found.classes[piece.number]
        rows, columns = np.array(piece.rows), np.array(piece.columns)
        block = matrix[np.ix_(rows, columns)]
        if piece.is_filled:  # what the classes before have not explained
            block = block - factors[1][rows] @ factors[0][:, columns]
        left, values, right = np.linalg.svd(block, full_matrices=False)
        rank = min(len(group.neurons), len(values))
        neurons, roots = np.array(group.neurons[:rank]), np.sqrt(values[:rank])
        factors[1][np.ix_(rows, neurons)] = left[:, :rank] * roots
        factors[0][np.ix_(neurons, columns)] = roots[:, None] * right[:rank]
        lost.append(0.0 if piece.is_filled else float(np.linalg.norm(values[rank:])))
    reached = (second.astype(np.int64) @ first.astype(np.int64)) > 0
    outside = float(np.linalg.norm(matrix[~reached]))
    return TractableFit(factors, float(np.linalg.norm([outside, *lost])), tuple(lost), outside)


def _group(first, second) -> tuple[SupportClass, ...]:
    """Neurons with equal, nonempty blocks."""
    members: dict[tuple, list[int]] = {}
    for neuron in range(first.shape[0]):
        rows, columns = np.flatnonzero(second[:, neuron]), np.flatnonzero(first[neuron])
        if rows.size and columns.size:
            members.setdefault((tuple(rows.tolist()), tuple(columns.tolist())), []).append(neuron)
    return tuple(SupportClass(tuple(neurons), *block) for block, neurons in members.items())


def _parts(group, filled):
    """Connected parts of a block without the filled entries: rows, columns, entries of each."""
    rows, columns = np.array(group.rows), np.array(group.columns)
    free = ~filled[np.ix_(rows, columns)]
    if not free.any():
        return
    graph = sp.bmat([[None, sp.csr_array(free)], [sp.csr_array(free.T), None]])
    labels = connected_components(graph, directed=False)[1]
    row_labels, column_labels = labels[: len(rows)], labels[len(rows) :]
    for label in np.unique(row_labels[free.any(axis=1)]):
        own_rows, own_columns = row_labels == label, column_labels == label
        r, c = np.nonzero(free & np.outer(own_rows, own_columns))
        yield (
            tuple(rows[own_rows].tolist()),
            tuple(columns[own_columns].tolist()),
            (rows[r], columns[c]),
        )
