"""Factorization of a matrix into factors whose supports form a multitree.

The order of factors is first layer first: ``product = factors[-1] @ ... @ factors[0]``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.supports import (
    NotMultitreeError,
    as_supports,
    check_multitree,
    source_masks,
    sparse_rows,
)

__all__ = ["Factorization", "RankOne", "best_rank_one", "factorize", "split_errors"]


@dataclass(frozen=True)
class RankOne:
    r"""A rank-one approximation :math:`B \approx u\,w` of a matrix, or of a stack of matrices.

    Parameters
    ----------
    left : array
        The column :math:`u`, shape ``(..., p)``.
    right : array
        The row :math:`w`, shape ``(..., q)``, of norm 1, or 0 where the matrix is 0.
    residual : array
        :math:`\|B - u w\|_F`, shape ``(...)``.
    """

    left: np.ndarray
    right: np.ndarray
    residual: np.ndarray


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
    """

    factors: tuple[np.ndarray, ...]
    residual: float
    lower_bound: float
    split_residuals: tuple[float, ...]
    outside: float


def best_rank_one(block: np.ndarray) -> RankOne:
    r"""Best rank-one approximation in Frobenius norm, accurate entry by entry.

    .. math:: \min_{u, w} \|B - u w\|_F, \qquad \|w\| = 1

    Parameters
    ----------
    block : array_like, shape (..., p, q)
        A real or complex matrix :math:`B`, or a stack of them, of any scale. Integers become
        float64, single precision stays single.

    Returns
    -------
    RankOne
        `left` :math:`u = B w^*`, `right` :math:`w`, `residual`. A zero or empty matrix gives
        zeros. The first entry of :math:`w` that exceeds 0.3 times its largest is positive.

    Raises
    ------
    ValueError
        Fewer than two dimensions, NaN or infinity.
    TypeError
        Neither single nor double precision, nor integers.

    Notes
    -----
    Each matrix is divided by a power of two near its largest entry, which is exact and leaves
    nothing to underflow. The direction comes from the top eigenvector of the smaller Gram matrix.
    Its error is small next to its largest entry, not next to each entry. One sweep of the power
    method, :math:`u = B w^*`, :math:`w = u^* B / \|u\|^2`, repairs that. For an exact rank-one
    matrix each sum is an entry of the answer times a number common to all of them that is not
    small. So every entry of :math:`u` and :math:`w` comes out with a relative error of a few units
    of rounding, whatever the scales of the rows and columns. Cost: O(p q min(p, q)), batched over
    the stack.

    Defined in the chapter Factorization.

    References
    ----------
    * G. H. Golub and C. F. Van Loan, Matrix Computations, 4th edition, Johns Hopkins University
      Press, 2013, sections 2.4 and 8.2.

    Examples
    --------
    >>> best = best_rank_one([[3.0, 4.0], [6.0, 8.0]])
    >>> best.left.round(6), best.right.round(6)
    (array([ 5., 10.]), array([0.6, 0.8]))
    >>> best_rank_one([[2.0, 0.0], [0.0, 1.0]]).residual.round(6)
    np.float64(1.0)
    """
    block = _numeric("block", block)
    if block.ndim < 2:
        raise ValueError(f"block: expected a matrix or a stack, got {block.ndim} dimension(s)")
    if block.size == 0:
        left, right = block.shape[:-1], block.shape[:-2] + block.shape[-1:]
        residual = np.zeros(block.shape[:-2], block.real.dtype)
        return RankOne(np.zeros(left, block.dtype), np.zeros(right, block.dtype), residual)
    parts = (block.real, block.imag) if np.iscomplexobj(block) else (block,)
    largest = np.max([np.abs(part).max(axis=(-2, -1)) for part in parts], axis=0)
    exponent = np.frexp(largest)[1]
    scaled = _scale(block, -exponent[..., None, None])
    right = _top_rows(scaled)
    left = (scaled @ right.conj()[..., None])[..., 0]  # u = B w*
    right = unit_rows((left.conj()[..., None, :] @ scaled)[..., 0, :])  # w = u* B / |.|
    left = (scaled @ right.conj()[..., None])[..., 0]
    difference = scaled.swapaxes(-2, -1) - right[..., None] * left[..., None, :]
    residual = np.linalg.norm(difference, axis=(-2, -1))
    with np.errstate(over="ignore"):
        left, residual = _scale(left, exponent[..., None]), _scale(residual, exponent)
    if not (np.isfinite(left).all() and np.isfinite(residual).all()):
        raise OverflowError("block: too large, its norm exceeds the range of its precision")
    return RankOne(left, right, residual)


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
    and no block met is zero, then the factors returned are :math:`D_l W_l D_{l-1}^{-1}` with
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
    remaining = np.ascontiguousarray((product - unreached).T)
    factors, losses = [], []
    for inputs, outputs in zip(edges[:-1], masks[1:], strict=True):
        factor = np.zeros(inputs.shape, product.dtype)
        following = np.zeros((inputs.shape[0], product.shape[0]), product.dtype)
        residuals = []
        for neurons, rows, columns in _groups(outputs, inputs):
            best = best_rank_one(_blocks(remaining, rows, columns))
            factor[neurons[:, None], columns] = best.right
            following[neurons[:, None], rows] = best.left
            residuals.append(_norm(best.residual))
        remaining = following
        factors.append(factor)
        losses.append(_norm(residuals))
    return Factorization(
        factors=(*factors, np.ascontiguousarray(remaining.T)),
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
    product, supports = _numeric("product", product), as_supports(supports)
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


def _numeric(name: str, array) -> np.ndarray:
    """Finite array of single or double precision, real or complex."""
    array = np.asarray(array)
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    if array.dtype.char not in "fdFD":
        raise TypeError(
            f"{name}: expected integers or numbers of single or double precision, "
            f"got dtype {array.dtype}"
        )
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: holds NaN or infinity")
    return array


def _norm(values) -> float:
    """Euclidean norm of all entries, without underflow or overflow of the squares."""
    magnitudes = np.abs(np.asarray(values))
    if magnitudes.size == 0 or not (largest := magnitudes.max()) > 0:
        return 0.0
    return float(largest) * float(np.linalg.norm(magnitudes / largest))


def _scale(array: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    """Multiply by powers of two, exactly unless the result leaves the range of the precision."""
    half = exponent // 2  # in two steps: one power alone may be out of range
    one = array.real.dtype.type(1)
    return array * np.ldexp(one, half) * np.ldexp(one, exponent - half)


def _top_rows(blocks: np.ndarray) -> np.ndarray:
    """Top right singular vectors as rows of norm 1, or 0, from the smaller Gram matrix."""
    adjoint = blocks.conj().swapaxes(-2, -1)
    p, q = blocks.shape[-2:]
    if q == 2:
        # Closed form: ((a - d)/2 + r, conj c) or (c, (d - a)/2 + r), without cancellation.
        gram = adjoint @ blocks
        half = (gram[..., 0, 0].real - gram[..., 1, 1].real) / 2
        cross = gram[..., 0, 1]
        size = np.abs(half) + np.hypot(half, np.abs(cross))
        size = np.where(size > 0, size, 1)
        first, second = np.where(half >= 0, size, cross), np.where(half >= 0, cross.conj(), size)
        rows = np.stack([first, second], axis=-1).conj()
    elif q <= p:
        rows = np.linalg.eigh(adjoint @ blocks)[1][..., -1].conj()
    else:
        left = np.linalg.eigh(blocks @ adjoint)[1][..., -1]
        rows = (left.conj()[..., None, :] @ blocks)[..., 0, :]
    return unit_rows(rows)


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Divide nonzero rows by their norm and by the phase of their first large entry."""
    size = np.abs(rows)
    large = size > 0.3 * size.max(axis=-1, keepdims=True)
    pivot = np.take_along_axis(rows, large.argmax(axis=-1)[..., None], axis=-1)
    divisor = np.linalg.norm(rows, axis=-1, keepdims=True) * pivot
    nonzero = divisor != 0
    return np.where(nonzero, rows * np.abs(pivot) / np.where(nonzero, divisor, 1), 0)
