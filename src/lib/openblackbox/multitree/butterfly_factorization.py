"""Fast factorization of a matrix into a dyadic butterfly, and how far it is from one.

Re-exported by `openblackbox.multitree.butterfly`.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.butterfly_form import Butterfly
from openblackbox.multitree.butterfly_splits import balanced_split, distance, output_peel
from openblackbox.multitree.rankone import numeric

__all__ = ["ButterflyFit", "factorize_butterfly"]


@dataclass(frozen=True)
class ButterflyFit:
    r"""A butterfly near a matrix, and a proof of how good it is.

    Parameters
    ----------
    butterfly : Butterfly
        The factors found, in compact form. Its hidden neurons are determined up to rescaling.
    residual : float
        :math:`\|A - B\|_F`: the smallest distance :math:`E^*` to a butterfly is at most this.
    lower_bound : float
        A number that is at most :math:`E^*`: no butterfly is nearer.
    norm : float
        :math:`\|A\|_F`, to judge the other numbers.
    rounding : float
        Distances up to this one may come from rounding: 8 N units of rounding of the norm.
    noise : float
        The distance that the caller allows.
    verdict : str
        ``"exact"``: the residual is at most `rounding`. ``"within noise"``: it is at most `noise`.
        ``"not a butterfly"``: the lower bound exceeds both, so every butterfly is farther than
        allowed. ``"undecided"``: this fit is too far, a better one may exist.
    method : str
        ``"balanced"`` or ``"peel"``: the algorithm that made the fit.
    split_residuals : tuple of float
        For the peel, what each of its L - 1 splits loses, from the output. Otherwise empty.

    Notes
    -----
    Defined in the chapter Butterflies.
    """

    butterfly: Butterfly
    residual: float
    lower_bound: float
    norm: float
    rounding: float
    noise: float
    verdict: str
    method: str
    split_residuals: tuple[float, ...]


def factorize_butterfly(
    matrix: np.ndarray, *, noise: float = 0, method: str = "auto"
) -> ButterflyFit:
    r"""Find a butterfly near a matrix, fast if there is an exact one, safely otherwise.

    .. math:: A \approx B = W_L \cdots W_1, \qquad \operatorname{supp} W_l \subseteq
              I_{2^{L-l}} \otimes 1_{2 \times 2} \otimes I_{2^{l-1}}

    Parameters
    ----------
    matrix : array_like, shape (N, N) with N = 2**L, L >= 1
        The matrix :math:`A`, real or complex, of single or double precision. Integers become
        float64.
    noise : float, optional
        How far, in Frobenius norm, the matrix may be from a butterfly. With the default, 0, it
        is expected to be one up to rounding.
    method : {"auto", "balanced", "peel"}, optional
        ``"balanced"`` is fast, and right on exact butterflies only. ``"peel"`` is within
        :math:`\sqrt{L-1}` of the best fit on every matrix. ``"auto"`` tries the first if no noise
        is expected, measures its residual, and falls back on the second.

    Returns
    -------
    ButterflyFit
        `butterfly`, `residual`, `lower_bound`, `verdict` and more.

    Raises
    ------
    ValueError
        Not a square matrix, a size that is not 2, 4, 8, ..., NaN or infinity, a noise that is
        negative or not finite, an unknown method.
    TypeError
        Neither single nor double precision, nor integers.
    OverflowError
        The norm exceeds the largest number of the precision.

    Notes
    -----
    *Algorithm.* `balanced` cuts the layers in two halves, one block of rank one for each neuron of
    the level between, then each half in two, and so on: the matrix itself is read a few times,
    the rest has size N**1.5. It reads off single rows, which is exact for exact blocks and poor
    for noisy ones, so its residual is computed entry by entry. It is kept if this is at most
    4 (L + 1) units of rounding of the norm. Otherwise, and whenever noise is expected, `peel` takes
    the best approximation of every block, one layer at a time, in about 2 N**2 visits of entries.

    *Guarantee.* Both numbers are proved: `residual` is the distance of the fit returned, and for
    the peel :math:`\max_l \rho_l \le E^* \le \text{residual} = (\sum_l \rho_l^2)^{1/2} \le
    \sqrt{L-1}\,E^*` with :math:`\rho_l` the split residuals; for the other method the lower bound
    is 0. In floating arithmetic both carry an error of a few units of rounding of the norm.
    Blocks that are smaller than the norm by more than 1e-150 (1e-18 in single precision) may be
    replaced by zero.

    Defined in the chapter Butterflies.

    References
    ----------
    * Q.-T. Le, L. Zheng, E. Riccietti, R. Gribonval, Fast learning of fast transforms, with
      guarantees, ICASSP 2022.
    * L. Zheng, E. Riccietti, R. Gribonval, Efficient identification of butterfly sparse matrix
      factorizations, SIAM Journal on Mathematics of Data Science 5, 2023.

    Examples
    --------
    >>> from openblackbox.multitree.transforms import dft
    >>> fit = factorize_butterfly(dft(6))
    >>> fit.verdict, fit.residual < 1e-14 * fit.norm
    ('exact', True)
    >>> fit = factorize_butterfly(dft(6, reverse=False))
    >>> fit.verdict, round(fit.lower_bound / fit.norm, 3)
    ('not a butterfly', 0.707)
    """
    if method not in ("auto", "balanced", "peel"):
        raise ValueError(f'method: expected "auto", "balanced" or "peel", got {method!r}')
    if not 0 <= noise < np.inf:
        raise ValueError(f"noise: expected a number from 0 on, got {noise!r}")
    scaled, norm, exponent = _scaled(matrix)
    size = len(scaled)
    unit = float(np.finfo(scaled.dtype).eps)
    residual, losses = np.inf, []
    if method == "balanced" or (method == "auto" and noise == 0):
        with np.errstate(all="ignore"):  # what is not finite fails the test of the residual
            blocks = balanced_split(scaled)
            close = np.inf if method == "balanced" else 4 * size.bit_length() * unit * norm
            residual = distance(scaled, blocks, limit=close)
    name, carrier, lower = "balanced", -1, 0.0
    if residual == np.inf:
        blocks, losses = output_peel(scaled)
        residual, lower = float(np.linalg.norm(losses)), max(losses, default=0.0)
        name, carrier = "peel", 0
    if exponent:
        numbers = blocks[carrier].view(blocks.real.dtype)
        with np.errstate(over="ignore", under="ignore"):
            numbers[...] = np.ldexp(numbers, exponent)
        if not np.isfinite(blocks).all():
            raise OverflowError("matrix: too large, its factors exceed the range of its precision")
        residual, lower, norm, *losses = np.ldexp([residual, lower, norm, *losses], exponent)
    rounding = 8 * size * unit * norm
    return ButterflyFit(
        butterfly=Butterfly(blocks),
        residual=float(residual),
        lower_bound=float(lower),
        norm=float(norm),
        rounding=float(rounding),
        noise=float(noise),
        verdict=_verdict(residual, lower, rounding, noise),
        method=name,
        split_residuals=tuple(map(float, losses)),
    )


def _verdict(residual, lower, rounding, noise) -> str:
    if residual <= rounding:
        return "exact"
    if residual <= noise:
        return "within noise"
    return "not a butterfly" if lower > max(noise, rounding) else "undecided"


def _scaled(matrix):
    """Check a matrix; return it times a power of two, its norm, and the power taken out."""
    matrix = np.asarray(matrix)
    if matrix.dtype.char not in "fdFD":
        matrix = numeric("matrix", matrix)
    size = len(matrix) if matrix.ndim else 0
    if matrix.shape != (size, size):
        raise ValueError(f"matrix: expected a square matrix, got shape {matrix.shape}")
    if size < 2 or size & (size - 1):
        raise ValueError(f"matrix: expected a size that is a power of two from 2 on, got {size}")
    matrix = np.ascontiguousarray(matrix)
    numbers = matrix.reshape(-1).view(matrix.real.dtype)
    limits = np.finfo(matrix.dtype)
    with np.errstate(all="ignore"):
        square = float(np.dot(numbers, numbers))
    # The squares of the squares stay in range, so no entry that matters is lost on the way.
    if np.sqrt(limits.tiny) < square < np.sqrt(limits.max):
        return matrix, float(np.sqrt(square)), 0
    numeric("matrix", matrix)
    largest = float(max(numbers.max(), -numbers.min()))
    if largest == 0:
        return matrix, 0.0, 0
    exponent = int(np.frexp(largest)[1])
    numbers = np.ldexp(numbers, -exponent)
    norm = float(np.sqrt(np.dot(numbers, numbers)))
    with np.errstate(over="ignore"):
        finite = np.ldexp(np.float64(norm), exponent) < limits.max
    if not finite:
        raise OverflowError("matrix: too large, its norm exceeds the range of its precision")
    return numbers.view(matrix.dtype).reshape(size, size), norm, exponent
