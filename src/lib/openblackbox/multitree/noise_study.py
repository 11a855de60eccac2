r"""How much of the noise survives a factorization: the study.

The table of the book is made by::

    python -m openblackbox.study openblackbox.multitree.noise_study:STUDY --out book/data/noise.csv
"""

import numpy as np
from scipy import sparse

from openblackbox.multitree.factorization import factorize
from openblackbox.multitree.supports import dyadic_supports, kronecker_supports
from openblackbox.rounding import rounded
from openblackbox.study import Study

__all__ = ["STUDY", "degrees_of_freedom", "noise_reduction", "normalized_product", "shape_supports"]


def shape_supports(kind, size):
    r"""Return the supports of the study's two families, both with square products.

    Parameters
    ----------
    kind : str
        "layer": one hidden layer, :math:`1_{p \times p} \otimes I_p` and
        :math:`I_p \otimes 1_{p \times p}`, with p² blocks of size p x p. "butterfly": the dyadic
        butterfly with L factors.
    size : int
        p or L.

    Returns
    -------
    list of boolean arrays
        First layer first.

    Raises
    ------
    ValueError
        If ``kind`` is another word.

    Notes
    -----
    Defined in the chapter Noise and finite differences.

    Examples
    --------
    >>> [support.shape for support in shape_supports("layer", 3)]
    [(9, 9), (9, 9)]
    >>> len(shape_supports("butterfly", 3))
    3
    """
    if kind == "layer":
        return [kronecker_supports(1, *[size] * 3), kronecker_supports(*[size] * 3, 1)]
    if kind == "butterfly":
        return dyadic_supports(size)
    raise ValueError(f"kind: expected 'layer' or 'butterfly', got {kind!r}")


def degrees_of_freedom(kind, size):
    r"""Return the dimension of the set of products and the number of their entries.

    Parameters
    ----------
    kind, size : str, int
        As in `shape_supports`.

    Returns
    -------
    dimension, entries : int
        The number of weights minus the number of hidden neurons, :math:`p^2 (2p - 1)` for a layer
        and :math:`N (L + 1)` for a butterfly of width :math:`N = 2^L`; and the number of entries of
        a product, :math:`p^4` or :math:`N^2`.

    Notes
    -----
    Defined in the chapter Noise and finite differences.

    Examples
    --------
    >>> degrees_of_freedom("layer", 8), degrees_of_freedom("butterfly", 3)
    ((960, 4096), (32, 64))
    """
    supports = shape_supports(kind, size)
    weights = sum(int(np.sum(support)) for support in supports)
    hidden = sum(len(support) for support in supports[:-1])
    return weights - hidden, len(supports[-1]) * supports[0].shape[1]


def normalized_product(kind, size, law, *, rng):
    r"""Draw weights and return their product, with entries of mean square 1.

    Parameters
    ----------
    kind, size : str, int
        As in `shape_supports`.
    law : str
        The law of the weights: "even", a random sign times a uniform number from 1/2 to 3/2; or
        "gaussian", N(0, 1).
    rng : numpy.random.Generator
        Draws the weights.

    Returns
    -------
    numpy.ndarray, shape (N, N)
        The product.

    Raises
    ------
    ValueError
        If ``kind`` or ``law`` is another word.

    Notes
    -----
    Defined in the chapter Noise and finite differences.

    Examples
    --------
    >>> product = normalized_product("layer", 2, "even", rng=np.random.default_rng(0))
    >>> product.shape, round(float(np.mean(product**2)), 12)
    ((4, 4), 1.0)
    """
    supports = shape_supports(kind, size)
    if law == "even":
        draws = [
            rng.choice([-1, 1], s.shape) * rng.uniform(1 / 2, 3 / 2, s.shape) for s in supports
        ]
    elif law == "gaussian":
        draws = [rng.standard_normal(s.shape) for s in supports]
    else:
        raise ValueError(f"law: expected 'even' or 'gaussian', got {law!r}")
    product = _multiplied([s * draw for s, draw in zip(supports, draws, strict=True)])
    return product / np.sqrt(np.mean(product**2))


def noise_reduction(kind, size, law, sigma, seed):
    r"""Add noise to a product, factorize, and compare what is left of the noise with what was put.

    .. math::

       q = \frac{\|\hat A - A\|^2}{\sigma^2 N^2}, \qquad
       \hat A = \text{product of } \texttt{factorize}(A + \sigma G)

    Parameters
    ----------
    kind, size : str, int
        As in `shape_supports`.
    law : str
        As in `normalized_product`: the entries of A have mean square 1.
    sigma : float
        The standard deviation of the noise.
    seed : int
        Of the weights and of the noise.

    Returns
    -------
    dict
        ``mean``, the mean of q over the draws of the noise; ``error``, its standard error, both
        rounded to four digits; and ``draws``, their number: 64 for N <= 32, 16 for N <= 256, 4 for
        more. To first order in sigma the expectation of q is the ratio of the two numbers of
        `degrees_of_freedom`.

    Notes
    -----
    Defined in the chapter Noise and finite differences.

    Examples
    --------
    >>> got = noise_reduction("butterfly", 4, "even", 1e-3, 0)
    >>> abs(got["mean"] - 5 / 16) < 4 * got["error"], got["draws"]
    (True, 64)
    """
    rng = np.random.default_rng(seed)
    supports = shape_supports(kind, size)
    product = normalized_product(kind, size, law, rng=rng)
    draws = 64 if len(product) <= 32 else 16 if len(product) <= 256 else 4
    ratios = []
    for _ in range(draws):
        noisy = product + sigma * rng.standard_normal(product.shape)
        estimate = _multiplied(factorize(noisy, supports).factors)
        ratios.append(np.mean((estimate - product) ** 2) / sigma**2)
    error = np.std(ratios, ddof=1) / np.sqrt(draws)
    mean, error = (float(rounded(value)) for value in (np.mean(ratios), error))
    return {"mean": mean, "error": error, "draws": draws}


def _multiplied(factors):
    """Return the product of sparse factors, first layer first, as a dense array."""
    product = np.asarray(factors[0])
    for factor in factors[1:]:
        product = sparse.csr_array(factor) @ product
    return product


LEVELS = [1e-8, 1e-6, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 8.0]
"""The levels of the noise, relative to the root mean square of the entries of the product."""

STUDY = Study(
    "noise left by a factorization",
    noise_reduction,
    {
        "kind": ["layer", "butterfly"],
        "size": [4, 5, 6, 7, 8, 10],
        "law": ["even", "gaussian"],
        "sigma": LEVELS,
        "seed": range(4),
    },
    ["mean", "error", "draws"],
)
"""The study of the chapter Noise and finite differences."""
