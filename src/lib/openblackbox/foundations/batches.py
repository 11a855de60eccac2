r"""Laws of batches: every batch with its probability, and the batches of one epoch."""

import itertools
import math
import numbers
from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import generator, integer

__all__ = ["Batches", "bernoulli_batches", "epoch_batches", "fixed_batches"]

MOST_BATCHES = 10**6


@dataclass(frozen=True)
class Batches:
    r"""All batches of a law, with their probabilities.

    Parameters
    ----------
    counts : numpy.ndarray of int, shape (k, n)
        How often each batch holds each sample: 0 or 1 unless batches are drawn with replacement.
    probabilities : numpy.ndarray, shape (k,)
        Probability of each batch; they sum to 1.

    Notes
    -----
    Defined in the chapter Stochastic gradients.
    """

    counts: np.ndarray
    probabilities: np.ndarray

    @property
    def sizes(self):
        """The sizes of the batches, of shape (k,)."""
        return self.counts.sum(axis=1)


def fixed_batches(n, size, *, replacement=False):
    r"""List all batches of a fixed size, with their probabilities.

    Parameters
    ----------
    n : int
        Number of samples.
    size : int
        Size of a batch: from 1 to n without replacement.
    replacement : bool
        Whether a batch may hold a sample more than once.

    Returns
    -------
    Batches
        The :math:`\binom{n}{b}` sets, equally likely, or the :math:`\binom{n+b-1}{b}` multisets
        with the probabilities of the multinomial law.

    Raises
    ------
    ValueError
        If an argument is out of range, or there are more than a million batches.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> fixed_batches(3, 2).counts
    array([[1, 1, 0],
           [1, 0, 1],
           [0, 1, 1]])
    """
    n = integer("n", n)
    size = integer("size", size, most=None if replacement else n)
    _limit(math.comb(n + size - 1, size) if replacement else math.comb(n, size))
    choose = itertools.combinations_with_replacement if replacement else itertools.combinations
    members = np.array(list(choose(range(n), size)))
    counts = np.zeros((len(members), n), dtype=int)
    np.add.at(counts, (np.arange(len(members))[:, None], members), 1)
    if not replacement:
        return Batches(counts, np.full(len(counts), 1 / len(counts)))
    orders = [
        math.factorial(size) // math.prod(map(math.factorial, row)) for row in counts.tolist()
    ]
    return Batches(counts, np.array([ways / n**size for ways in orders]))


def bernoulli_batches(n, probability):
    r"""List all subsets of n samples, each sample being in the batch independently.

    Parameters
    ----------
    n : int
        Number of samples.
    probability : float
        Probability p of each sample, in (0, 1].

    Returns
    -------
    Batches
        The :math:`2^n` sets, a set of k samples having the probability :math:`p^k (1-p)^{n-k}`.

    Raises
    ------
    ValueError
        If an argument is out of range, or there are more than a million batches.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.display import rounded
    >>> batches = bernoulli_batches(6, 0.3)
    >>> len(batches.counts), rounded(batches.probabilities[0])
    (64, 0.1176)
    """
    n, p = integer("n", n), sampling_probability(probability)
    _limit(2**n)
    counts = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    sizes = counts.sum(axis=1)
    return Batches(counts, p**sizes * (1 - p) ** (n - sizes))


def epoch_batches(n, size, *, rng=None):
    r"""Cut all samples into consecutive batches: one epoch.

    Parameters
    ----------
    n : int
        Number of samples.
    size : int
        Size of the batches, from 1 to n; the last one is smaller if ``size`` does not divide n.
    rng : numpy.random.Generator, optional
        Shuffles the samples first. Without it the order is 0, 1, ..., n - 1.

    Returns
    -------
    list of numpy.ndarray of int
        The indices of the batches, every sample in exactly one.

    Raises
    ------
    ValueError
        If an integer is out of range.
    TypeError
        If ``rng`` is no generator.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> [batch.tolist() for batch in epoch_batches(5, 2)]
    [[0, 1], [2, 3], [4]]
    """
    n = integer("n", n)
    size = integer("size", size, most=n)
    order = np.arange(n) if rng is None else generator(rng).permutation(n)
    return [order[start : start + size] for start in range(0, n, size)]


def _limit(count):
    if count > MOST_BATCHES:
        raise ValueError(f"n and size: expected at most {MOST_BATCHES} batches, got {count}")


def sampling_probability(value):
    number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not number or not 0 < value <= 1:
        raise ValueError(f"probability: expected a number in (0, 1], got {value!r}")
    return float(value)
