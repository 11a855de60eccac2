"""Factorization of a matrix into factors whose supports form a multitree.

The order of factors is first layer first: ``product = factors[-1] @ ... @ factors[0]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.rankone import RankOne, best_rank_one, numeric
from openblackbox.multitree.supports import (
    NotMultitreeError,
    as_supports,
    check_multitree,
    source_masks,
    sparse_rows,
)

__all__ = ["Factorization", "RankOne", "best_rank_one", "factorize", "split_errors"]


@dataclass(frozen=True)
class Factorization:
    r"""Factors with given supports, and how good they are.

    Parameters
    ----------
    factors : tuple of 2-D arrays
        First layer first: ``factors[l]`` has shape ``(n_{l+1}, n_l)`` and its mass in
        ``supports[l]``. The nonzero rows of all factors but the last have norm 1, and the first
        entry of such a row that exceeds 0.3 times its largest is positive.
    residual : float
        :math:`\|A - W_L \cdots W_1\|_F`.
    lower_bound : float
        A number not larger than the smallest possible residual :math:`E^*`.
    split_residuals : tuple of float
        :math:`\rho_1, \dots, \rho_{L-1}`: what each split loses.
    outside : float
        Frobenius norm of the entries of the product that no path reaches.

    Notes
    -----
    Defined in the chapter Factorization.
    """

    factors: tuple[np.ndarray, ...]
    residual: float
    lower_bound: float
    split_residuals: tuple[float, ...]
    outside: float


def factorize(
    product: np.ndarray, supports: Sequence, *, allow_outside: bool = False
) -> Factorization:
    r"""Factorize a matrix into factors with given multitree supports.

    Look for :math:`W_1, \dots, W_L` with :math:`\operatorname{supp} W_l \subseteq S_l` and

    .. math:: A \approx W_L W_{L-1} \cdots W_1

    Parameters
    ----------
    product : array_like, shape (n_L, n_0)
        The matrix :math:`A`, real or complex, exact or noisy, of any scale. Integers become
        float64, single precision stays single.
    supports : sequence of 2-D array_like
        Supports :math:`S_1, \dots, S_L` of a multitree, first layer first, :math:`L \ge 1`.
    allow_outside : bool, optional
        Accept a product with nonzero entries that no path reaches. No choice of factors can
        match these entries; their norm enters the residual and the lower bound.

    Returns
    -------
    Factorization
        `factors`, `residual`, `lower_bound`, `split_residuals`, `outside`.

    Raises
    ------
    NotMultitreeError
        Two paths join two neurons.
    ValueError
        Bad supports, a wrong shape, NaN or infinity, or mass outside the supports.
    TypeError
        Neither single nor double precision, nor integers.
    OverflowError
        A factor would exceed the largest number of the precision.

    Notes
    -----
    *Algorithm*: peel the factors from the input. The block of neuron h of layer 1 has as rows the
    outputs that descend from h and as columns its parents. In a multitree these blocks are
    disjoint, and in a product each has rank one. Replace each block by its best rank-one
    approximation :math:`u w`: the row :math:`w` goes into the factor, the column :math:`u` into
    the matrix that remains for the layers after. Neurons whose block is zero or empty get zeros.

    *Theorem.* Let the supports be those of a multitree, :math:`E^*` the smallest residual over
    all factors with these supports, and :math:`\rho_l` the loss of split l. Then in exact
    arithmetic

    .. math:: \max_l \rho_l \le E^* \le \text{residual} = \Big(\sum_{l=1}^{L-1} \rho_l^2
              \Big)^{1/2} \le \sqrt{L-1}\; E^*

    (:math:`L \ge 2`; each middle term takes the mass outside in quadrature; for :math:`L \le 2`
    the residual is :math:`E^*`). The constant is sharp. If moreover :math:`A = W_L \cdots W_1`
    and no block met is zero or empty, the factors returned are :math:`D_l W_l D_{l-1}^{-1}` with
    invertible diagonal :math:`D_l` and :math:`D_0 = D_L = I`. A zero block leaves its neuron
    undetermined: see the chapter. Computed, `residual` and `lower_bound` carry an error of a few
    units of rounding of the norm of A: below that size they say only that the product is exact.

    *Cost*: for a square dyadic butterfly of width N, about 2 N**2 entries are visited a few times.
    Blocks of equal shape are treated together.

    Defined in the chapter Factorization.

    References
    ----------
    * Q.-T. Le, L. Zheng, E. Riccietti, R. Gribonval, Fast learning of fast transforms, with
      guarantees, ICASSP 2022.
    * L. Zheng, E. Riccietti, R. Gribonval, Efficient identification of butterfly sparse matrix
      factorizations, SIAM Journal on Mathematics of Data Science 5, 2023.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> hadamard = [[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]
    >>> result = factorize(hadamard, dyadic_supports(2))
    >>> result.factors[0].round(4)
    array([[ 0.7071,  0.7071,  0.    ,  0.    ],
           [ 0.7071, -0.7071,  0.    ,  0.    ],
           [ 0.    ,  0.    ,  0.7071,  0.7071],
           [ 0.    ,  0.    ,  0.7071, -0.7071]])
    >>> result.residual < 1e-14
    True
    """
    product, edges, masks, unreached = _prepare(product, supports)
    outside = _norm(unreached)
    if outside > 0 and not allow_outside:
        raise ValueError(
            f"product: {np.count_nonzero(unreached)} nonzero entries that no path reaches, of "
            f"norm {outside:.4g} out of {_norm(product):.4g}; pass allow_outside=True to drop them"
        )
    remaining = np.array((product - unreached if outside else product).T, order="C")
    factors, losses, spare = [], [], np.empty(0, product.dtype)
    for inputs, outputs in zip(edges[:-1], masks[1:], strict=True):
        factor = np.zeros(inputs.shape, product.dtype)
        # Two buffers take turns. What they hold outside the support of what remains is not read.
        shape = inputs.shape[0], product.shape[0]
        if spare.size < shape[0] * shape[1]:
            spare = np.empty(shape[0] * shape[1], product.dtype)
        following = spare[: shape[0] * shape[1]].reshape(shape)
        following[np.diff(inputs.indptr) == 0] = 0  # neurons without parents, in no group
        residuals = []
        for neurons, rows, columns in _groups(outputs, inputs):
            best = best_rank_one(_blocks(remaining, rows, columns))
            factor[neurons[:, None], columns] = best.right
            following[neurons[:, None], rows] = best.left
            residuals.append(_norm(best.residual))
        remaining, spare = following, remaining.reshape(-1)
        factors.append(factor)
        losses.append(_norm(residuals))
    last = np.where(masks[-1].toarray().T, remaining.T, 0)
    return Factorization(
        factors=(*factors, np.ascontiguousarray(last)),
        residual=_norm([outside, *losses]),
        lower_bound=_norm([outside, max(losses, default=0.0)]),
        split_residuals=tuple(losses),
        outside=outside,
    )


def split_errors(product: np.ndarray, supports: Sequence) -> tuple[float, ...]:
    r"""Lower bounds of the smallest residual, one for each way to cut a multitree in two.

    .. math:: \tau_l = \min \{ \|A - U V\|_F :\ \operatorname{supp} U \subseteq S_L \cdots S_{l+1},
              \ \operatorname{supp} V \subseteq S_l \cdots S_1 \}

    Parameters
    ----------
    product : array_like, shape (n_L, n_0)
        The matrix :math:`A`. Mass outside the supports counts as an error.
    supports : sequence of 2-D array_like
        Supports of a multitree, first layer first.

    Returns
    -------
    tuple of float
        :math:`\tau_1, \dots, \tau_{L-1}`.

    Raises
    ------
    NotMultitreeError
        Two paths join two neurons.
    ValueError
        Bad supports, a wrong shape, NaN or infinity.
    TypeError
        Neither single nor double precision, nor integers.

    Notes
    -----
    Every product of L factors is a product of two, so :math:`\tau_l \le E^*`. The split residuals
    of `factorize` satisfy :math:`\rho_l \le \tau_l`: the largest :math:`\tau_l` is never the worse
    certificate. It costs more: at layer l the blocks are descendants times ancestors, instead of
    descendants times parents.

    Defined in the chapter Factorization.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> lower, = split_errors([[1, 0, 2, 0], [0, 1, 0, 1], [0, 0, 3, 0], [0, 0, 0, 1]],
    ...                       dyadic_supports(2))
    >>> round(lower, 6)
    0.0
    """
    product, edges, masks, unreached = _prepare(product, supports)
    outside, n_inputs = _norm(unreached), product.shape[1]
    remaining, errors = np.ascontiguousarray(product.T), []
    for outputs, inputs in zip(masks[1:], source_masks(edges), strict=False):
        residuals = [
            _norm(best_rank_one(_blocks(remaining, rows, columns)).residual)
            for _, rows, columns in _groups(outputs, inputs[:, :n_inputs])
        ]
        errors.append(_norm([outside, *residuals]))
    return tuple(errors)


def _prepare(product, supports):
    """Check both; list the edges of each layer, and what descends from layers 0 to L - 1."""
    product, supports = numeric("product", product), as_supports(supports)
    shape = (supports[-1].shape[0], supports[0].shape[1])
    if product.shape != shape:
        raise ValueError(f"product: expected shape {shape} from the supports, got {product.shape}")
    edges = [sparse_rows(support) for support in supports]
    try:
        masks = [*source_masks([matrix.T.tocsr() for matrix in reversed(edges)])]
    except NotMultitreeError:
        check_multitree(supports)  # the same fact, told forwards
        raise
    # Columns after the outputs are the virtual outputs of the neurons without children.
    masks = [m if m.shape[1] == shape[0] else m[:, : shape[0]] for m in reversed(masks)]
    if masks[0].nnz == product.size:  # every entry is reached: nothing to compute
        return product, edges, masks, np.zeros((0, 0), product.dtype)
    return product, edges, masks, product * ~masks[0].toarray().T


def _groups(outputs, inputs):
    """Neurons with blocks of equal shape: yield (neurons, rows of each, columns of each)."""
    heights, widths = np.diff(outputs.indptr), np.diff(inputs.indptr)
    shapes, group = np.unique(np.stack([heights, widths]), axis=1, return_inverse=True)
    for index, (height, width) in enumerate(shapes.T):
        if height and width:
            neurons = np.flatnonzero(group.ravel() == index)
            rows = outputs.indices[outputs.indptr[neurons][:, None] + np.arange(height)]
            columns = inputs.indices[inputs.indptr[neurons][:, None] + np.arange(width)]
            yield neurons, rows, columns


def _blocks(transposed, rows, columns):
    """Stack of blocks, read along the long side: from the transpose, whose rows are contiguous."""
    return transposed[columns[:, :, None], rows[:, None, :]].swapaxes(-2, -1)


def _norm(values) -> float:
    """Euclidean norm of all entries, without underflow or overflow of the squares."""
    magnitudes = np.abs(np.asarray(values))
    if magnitudes.size == 0 or not (largest := magnitudes.max()) > 0:
        return 0.0
    return float(largest) * float(np.linalg.norm(magnitudes / largest))
