r"""Fast transforms of size :math:`2^L`: matrices that are products of butterfly factors.

The supports are those of `openblackbox.multitree.supports.dyadic_supports`, first layer first.
"""

import numpy as np
import scipy.linalg

from openblackbox.arguments import integer
from openblackbox.multitree.butterfly_form import Butterfly

__all__ = ["bit_reversal", "dft", "dft_butterfly", "hadamard", "hadamard_butterfly"]


def bit_reversal(n_layers: int) -> np.ndarray:
    r"""Return the permutation that reverses the binary digits of the indices.

    .. math:: \sum_{k=0}^{L-1} b_k 2^k \;\mapsto\; \sum_{k=0}^{L-1} b_k 2^{L-1-k}

    Parameters
    ----------
    n_layers : int
        Number of binary digits :math:`L \ge 0`.

    Returns
    -------
    numpy.ndarray of int, shape (2**L,)
        The images of :math:`0, 1, \dots, 2^L - 1`. The permutation is its own inverse.

    Raises
    ------
    ValueError
        `n_layers` is not an integer from 0 to 62.

    Notes
    -----
    Built by doubling: the images for :math:`L` digits are twice those for :math:`L - 1` digits,
    then the same plus one. Cost: O(2**L).

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> bit_reversal(3)
    array([0, 4, 2, 6, 1, 5, 3, 7])
    """
    images = np.zeros(1, dtype=np.intp)
    for _ in range(_digits(n_layers)):
        images = np.concatenate([2 * images, 2 * images + 1])
    return images


def hadamard(n_layers: int) -> np.ndarray:
    r"""Return the matrix of Hadamard, in the order of Sylvester.

    .. math:: H_L = \begin{pmatrix} 1 & 1 \\ 1 & -1 \end{pmatrix}^{\otimes L}

    Parameters
    ----------
    n_layers : int
        Number of factors :math:`L \ge 0`; the size is :math:`N = 2^L`.

    Returns
    -------
    numpy.ndarray of float, shape (N, N)
        Entries 1 and -1; :math:`H_L H_L^\top = N I`.

    Raises
    ------
    ValueError
        `n_layers` is not an integer from 0 to 62.

    Notes
    -----
    Computed by `scipy.linalg.hadamard`. The rows and columns are in natural order: no permutation
    is needed for a butterfly.

    Defined in the chapter Butterflies.

    References
    ----------
    * J. J. Sylvester, Thoughts on inverse orthogonal matrices, Philosophical Magazine 34, 1867.

    Examples
    --------
    >>> hadamard(2)
    array([[ 1.,  1.,  1.,  1.],
           [ 1., -1.,  1., -1.],
           [ 1.,  1., -1., -1.],
           [ 1., -1., -1.,  1.]])
    """
    return scipy.linalg.hadamard(2 ** _digits(n_layers), dtype=np.float64)


def dft(n_layers: int, *, reverse: bool = True) -> np.ndarray:
    r"""Return the matrix of the discrete Fourier transform, its columns in bit-reversed order.

    .. math:: A_{kj} = e^{-2 \pi i\, k\, r(j) / N}, \qquad 0 \le k, j < N = 2^L

    with :math:`r` the reversal of L binary digits.

    Parameters
    ----------
    n_layers : int
        Number of binary digits :math:`L \ge 0`.
    reverse : bool, optional
        With False, :math:`r` is the identity: the usual matrix, not a butterfly for L >= 2.

    Returns
    -------
    numpy.ndarray of complex, shape (N, N)
        Entries of modulus 1: the transform is not normalized, and :math:`A A^* = N I`.

    Raises
    ------
    ValueError
        `n_layers` is not an integer from 0 to 62.

    Notes
    -----
    ``dft(L) @ x[bit_reversal(L)]`` is ``numpy.fft.fft(x)``. Every entry is one of N roots of
    unity, read from a table, so that its error is that of one exponential.
    (`scipy.linalg.dft` takes powers, whose error grows with N.)

    Defined in the chapter Butterflies.

    References
    ----------
    * J. W. Cooley and J. W. Tukey, An algorithm for the machine calculation of complex Fourier
      series, Mathematics of Computation 19, 1965.

    Examples
    --------
    >>> dft(2).round(6) + 0  # columns 0, 2, 1, 3 of the usual matrix
    array([[ 1.+0.j,  1.+0.j,  1.+0.j,  1.+0.j],
           [ 1.+0.j, -1.+0.j,  0.-1.j,  0.+1.j],
           [ 1.+0.j,  1.+0.j, -1.+0.j, -1.+0.j],
           [ 1.+0.j, -1.+0.j,  0.+1.j,  0.-1.j]])
    """
    size = 2 ** _digits(n_layers)
    columns = bit_reversal(n_layers) if reverse else np.arange(size)
    return _roots(size)[np.outer(np.arange(size), columns) % size]


def hadamard_butterfly(n_layers: int) -> Butterfly:
    r"""Return the factors of the matrix of Hadamard: every block is the matrix of size 2.

    .. math:: W_l = I_{2^{L-l}} \otimes \begin{pmatrix} 1 & 1 \\ 1 & -1 \end{pmatrix} \otimes
              I_{2^{l-1}}

    Parameters
    ----------
    n_layers : int
        Number of factors :math:`L \ge 1`.

    Returns
    -------
    Butterfly
        Its product is ``hadamard(n_layers)``, exactly.

    Raises
    ------
    ValueError
        `n_layers` is not an integer from 1 to 62.

    Notes
    -----
    Defined in the chapter Butterflies.

    Examples
    --------
    >>> hadamard_butterfly(2).apply([1.0, 2.0, 3.0, 4.0])
    array([10., -2., -4.,  0.])
    """
    blocks = np.ones((_layers(n_layers), 2, 2, 2 ** (n_layers - 1)))
    blocks[:, 1, 1] = -1
    return Butterfly(blocks)


def dft_butterfly(n_layers: int) -> Butterfly:
    r"""Return the factors of the discrete Fourier transform in bit-reversed columns.

    .. math:: W_l = I_{2^{L-l}} \otimes \begin{pmatrix} I & D_l \\ I & -D_l \end{pmatrix}, \qquad
              D_l = \operatorname{diag}\big(e^{-2 \pi i d / 2^l}\big)_{0 \le d < 2^{l-1}}

    Parameters
    ----------
    n_layers : int
        Number of factors :math:`L \ge 1`.

    Returns
    -------
    Butterfly
        Its product is ``dft(n_layers)``, up to rounding.

    Raises
    ------
    ValueError
        `n_layers` is not an integer from 1 to 62.

    Notes
    -----
    These are the layers of the fast Fourier transform with decimation in time. Block p of layer l
    holds the root with :math:`d = \lfloor p / 2^{L-l} \rfloor`.

    Defined in the chapter Butterflies.

    References
    ----------
    * J. W. Cooley and J. W. Tukey, An algorithm for the machine calculation of complex Fourier
      series, Mathematics of Computation 19, 1965.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0])
    >>> dft_butterfly(2).apply(x[bit_reversal(2)]).round(6) + 0
    array([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    blocks = np.ones((_layers(n_layers), 2, 2, 2 ** (n_layers - 1)), dtype=np.complex128)
    for level in range(n_layers):
        roots = _roots(2 ** (level + 1))[: 2**level]
        blocks[level, :, 1] = np.outer([1, -1], np.repeat(roots, 2 ** (n_layers - 1 - level)))
    return Butterfly(blocks)


def _layers(n_layers) -> int:
    """Check a number of factors."""
    return integer("n_layers", n_layers, most=62)


def _digits(n_layers) -> int:
    """Check a number of binary digits."""
    return integer("n_layers", n_layers, least=0, most=62)


def _roots(size: int) -> np.ndarray:
    r"""Return :math:`e^{-2 \pi i k / N}` for k < N, exact at the multiples of a quarter turn."""
    roots = np.exp(-2j * np.pi * np.arange(size) / size)
    quarters = np.array([1, -1j, -1, 1j])[:: max(1, 4 // size)]
    roots[:: max(1, size // 4)] = quarters
    return roots
