r"""Minibatch estimators of a gradient, with their exact means and covariances.

Under a law with finitely many batches, mean and covariance of an estimator are finite sums. The
closed forms are beside them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from openblackbox.arguments import integer
from openblackbox.foundations.batches import sampling_probability

__all__ = ["Moments", "bernoulli_moments", "estimates", "fixed_moments", "moments"]

NORMALIZATIONS = ("size", "expected")


@dataclass(frozen=True)
class Moments:
    r"""Mean and covariance of an estimator of the gradient.

    Parameters
    ----------
    mean : numpy.ndarray, shape (d,)
        Its mean.
    covariance : numpy.ndarray, shape (d, d)
        Its covariance; the trace is the mean squared distance from the mean.
    empty : float
        Probability of the empty batch. With the normalization ``"size"``, mean and covariance are
        those given that the batch is not empty.

    Notes
    -----
    Defined in the chapter Stochastic gradients.
    """

    mean: np.ndarray
    covariance: np.ndarray
    empty: float


def estimates(gradients, batches, *, normalization="size"):
    r"""Compute the estimate of the gradient that each batch of a law gives.

    .. math::

        g_B = \frac{1}{|B|} \sum_{b \in B} g_b
        \qquad\text{or}\qquad
        g_B = \frac{1}{\mathbb{E}|B|} \sum_{b \in B} g_b

    Parameters
    ----------
    gradients : array_like, shape (n, d)
        The gradient of each sample at one point.
    batches : Batches
        The law of the batch.
    normalization : {"size", "expected"}
        Whether to divide by the size of the batch or by its expectation.

    Returns
    -------
    numpy.ndarray, shape (k, d)
        The estimates; a row of NaN for an empty batch divided by its size.

    Raises
    ------
    ValueError
        If the gradients are not finite, the numbers of samples differ, or the normalization is
        unknown.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.batches import fixed_batches
    >>> estimates([[0.0], [2.0], [4.0]], fixed_batches(3, 2)).ravel()
    array([1., 2., 3.])
    """
    gradients = _gradients(gradients)
    if batches.counts.shape[1] != len(gradients):
        raise ValueError(
            f"batches: expected batches of {len(gradients)} samples, as many as gradients, "
            f"got {batches.counts.shape[1]}"
        )
    sums = batches.counts @ gradients
    if _normalization(normalization) == "expected":
        return sums / (batches.probabilities @ batches.sizes)
    sizes = batches.sizes[:, None]
    return np.divide(sums, sizes, out=np.full(sums.shape, np.nan), where=sizes > 0)


def moments(gradients, batches, *, normalization="size"):
    r"""Compute mean and covariance of the estimator by a sum over all batches.

    Parameters
    ----------
    gradients : array_like, shape (n, d)
        The gradient of each sample at one point.
    batches : Batches
        The law of the batch.
    normalization : {"size", "expected"}
        Whether to divide by the size of the batch, given that it is not empty, or by the expected
        size.

    Returns
    -------
    Moments
        Exact up to rounding.

    Raises
    ------
    ValueError
        As in ``estimates``.

    Notes
    -----
    Cost: one pass over the batches. Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.batches import fixed_batches
    >>> found = moments([[0.0], [2.0], [4.0]], fixed_batches(3, 2))
    >>> found.mean.round(6), found.covariance.round(4)
    (array([2.]), array([[0.6667]]))
    """
    values = estimates(gradients, batches, normalization=normalization)
    weights = batches.probabilities.copy()
    empty = float(weights[batches.sizes == 0].sum())
    if normalization == "size":
        values, weights = values[batches.sizes > 0], weights[batches.sizes > 0]
        weights = weights / weights.sum()
    mean = weights @ values
    centred = values - mean
    return Moments(mean, (weights[:, None] * centred).T @ centred, empty)


def fixed_moments(gradients, size, *, replacement=False):
    r"""Compute mean and covariance for batches of a fixed size in closed form.

    .. math::

        \mathbb{E}\, g_B = g, \qquad \mathrm{Cov}(g_B) =
        \frac{n - b}{n - 1} \frac{\Sigma}{b}
        \quad\text{or, with replacement,}\quad \frac{\Sigma}{b}

    with :math:`g = \frac1n \sum_i g_i` and
    :math:`\Sigma = \frac1n \sum_i (g_i - g)(g_i - g)^\top`.

    Parameters
    ----------
    gradients : array_like, shape (n, d)
        The gradient of each sample at one point.
    size : int
        Size b of the batch: from 1 to n without replacement.
    replacement : bool
        Whether samples are drawn with replacement.

    Returns
    -------
    Moments
        The empty batch has probability 0.

    Raises
    ------
    ValueError
        If the gradients are not finite, or the size is out of range.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> fixed_moments([[0.0], [2.0], [4.0]], 2).covariance.round(4)
    array([[0.6667]])
    """
    mean, spread, n = _summary(gradients)
    size = integer("size", size, most=None if replacement else n)
    if not replacement:
        # The factor is 0 for the full batch, also when n = 1.
        spread = spread * ((n - size) / max(n - 1, 1))
    return Moments(mean, spread / size, 0.0)


def bernoulli_moments(gradients, probability, *, normalization="size"):
    r"""Compute mean and covariance for Bernoulli batches in closed form.

    Divided by the expected size :math:`np`, the estimator has mean :math:`g` and covariance
    :math:`\frac{1-p}{np} (\Sigma + g g^\top)`. Divided by its size, given that it is not empty,

    .. math::

        \mathrm{Cov}(g_B \mid B \neq \emptyset) = \frac{n}{n-1}
        \Bigl(\mathbb{E}\Bigl[\frac{1}{|B|} \Bigm| B \neq \emptyset\Bigr] - \frac1n\Bigr) \Sigma .

    Parameters
    ----------
    gradients : array_like, shape (n, d)
        The gradient of each sample at one point.
    probability : float
        Probability p that a sample is in the batch, in (0, 1].
    normalization : {"size", "expected"}
        Whether to divide by the size of the batch or by its expectation.

    Returns
    -------
    Moments
        The empty batch has probability :math:`(1-p)^n`.

    Raises
    ------
    ValueError
        If the gradients are not finite, or another argument is out of range.

    Notes
    -----
    Cost: the sum of n terms. Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.display import rounded
    >>> rounded(bernoulli_moments([[0.0], [2.0], [4.0]], 0.5).covariance.item())
    1.429
    """
    mean, spread, n = _summary(gradients)
    p = sampling_probability(probability)
    empty = (1 - p) ** n
    if _normalization(normalization) == "expected":
        return Moments(mean, (1 - p) / (n * p) * (spread + np.outer(mean, mean)), empty)
    sizes = np.arange(1, n + 1)
    law = binom.pmf(sizes, n, p)
    inverse = (law @ (1 / sizes)) / law.sum()
    return Moments(mean, n / max(n - 1, 1) * (inverse - 1 / n) * spread, empty)


def _normalization(value):
    if value not in NORMALIZATIONS:
        raise ValueError(f"normalization: expected one of {NORMALIZATIONS}, got {value!r}")
    return value


def _gradients(values):
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"gradients: expected an array of shape (n, d), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError("gradients: expected finite numbers, got NaN or infinity")
    return values


def _summary(gradients):
    gradients = _gradients(gradients)
    mean = gradients.mean(axis=0)
    centred = gradients - mean
    return mean, centred.T @ centred / len(gradients), len(gradients)
