"""Best approximation of rank one, for one matrix or for a stack of them.

Re-exported by `openblackbox.multitree.factorization`.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["RankOne", "best_rank_one"]


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

    Notes
    -----
    Defined in the chapter Factorization.
    """

    left: np.ndarray
    right: np.ndarray
    residual: np.ndarray


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
    block = numeric("block", block)
    if block.ndim < 2:
        raise ValueError(f"block: expected a matrix or a stack, got {block.ndim} dimension(s)")
    if block.size == 0:
        left, right = block.shape[:-1], block.shape[:-2] + block.shape[-1:]
        residual = np.zeros(block.shape[:-2], block.real.dtype)
        return RankOne(np.zeros(left, block.dtype), np.zeros(right, block.dtype), residual)
    parts = (block.real, block.imag) if np.iscomplexobj(block) else (block,)
    ends = [np.maximum(part.max(axis=(-2, -1)), -part.min(axis=(-2, -1))) for part in parts]
    exponent = np.frexp(np.max(ends, axis=0))[1]
    if np.abs(exponent).max(initial=0) <= np.finfo(block.dtype).maxexp // 16:
        exponent = np.zeros_like(exponent)  # squares are far from the limits as it is
        scaled = block
    else:
        scaled = _scale(block, -exponent[..., None, None])
    right = _top_rows(scaled)
    left = (scaled @ right.conj()[..., None])[..., 0]  # u = B w*
    right = unit_rows((left.conj()[..., None, :] @ scaled)[..., 0, :])  # w = u* B / |.|
    left = (scaled @ right.conj()[..., None])[..., 0]
    difference = right[..., None] * left[..., None, :]
    difference -= scaled.swapaxes(-2, -1)
    difference = difference.view(difference.real.dtype)
    residual = np.sqrt(np.einsum("...ij,...ij->...", difference, difference))
    if exponent.any():
        with np.errstate(over="ignore"):
            left, residual = _scale(left, exponent[..., None]), _scale(residual, exponent)
    if not (np.isfinite(left).all() and np.isfinite(residual).all()):
        raise OverflowError("block: too large, its norm exceeds the range of its precision")
    return RankOne(left, right, residual)


def numeric(name: str, array) -> np.ndarray:
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
