r"""Kronecker-sparse patterns (a, b, c, d): when layers with such supports form a multitree.

A pattern stands for the support :math:`I_a \otimes 1_{b \times c} \otimes I_d` of one layer. The
order of layers is first layer first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import lcm

import numpy as np
import scipy.sparse as sp

from openblackbox.arguments import integer
from openblackbox.multitree.supports import is_multitree

__all__ = [
    "Pattern",
    "chain_is_multitree",
    "chain_rank",
    "compose",
    "dyadic_patterns",
    "most_paths",
    "pair_is_multitree",
]


@dataclass(frozen=True)
class Pattern:
    r"""The pattern of a Kronecker-sparse layer.

    .. math:: I_a \otimes 1_{b \times c} \otimes I_d

    Parameters
    ----------
    a, b, c, d : int
        Positive sizes.

    Raises
    ------
    ValueError
        A size that is not a positive integer.

    Notes
    -----
    Neuron h of the outputs is joined to the inputs i with :math:`h \equiv i \pmod d` and
    :math:`\lfloor h / (bd) \rfloor = \lfloor i / (cd) \rfloor`.

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> pattern = Pattern(2, 1, 2, 1)
    >>> pattern.shape, pattern.n_weights
    ((2, 4), 4)
    >>> pattern.support().toarray().astype(int)
    array([[1, 1, 0, 0],
           [0, 0, 1, 1]])
    """

    a: int
    b: int
    c: int
    d: int

    def __post_init__(self):
        """Check the sizes."""
        for name in "abcd":
            integer(name, getattr(self, name))

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of outputs and of inputs of the layer, (a b d, a c d)."""
        return self.a * self.b * self.d, self.a * self.c * self.d

    @property
    def n_weights(self) -> int:
        """Number of nonzero entries, a b c d."""
        return self.a * self.b * self.c * self.d

    def support(self) -> sp.csr_array:
        """Return the support as a sparse boolean matrix, never formed densely."""
        outputs = np.arange(self.shape[0])
        first = outputs // (self.b * self.d) * (self.c * self.d) + outputs % self.d
        columns = (first[:, None] + self.d * np.arange(self.c)).ravel()
        starts, ones = self.c * np.arange(len(outputs) + 1), np.ones(self.n_weights, dtype=bool)
        return sp.csr_array((ones, columns, starts), shape=self.shape)


def dyadic_patterns(n_layers: int) -> list[Pattern]:
    r"""Patterns of the square dyadic butterfly: :math:`(2^{L-l}, 2, 2, 2^{l-1})`, l = 1 to L.

    Parameters
    ----------
    n_layers : int
        Number of layers :math:`L \ge 1`.

    Returns
    -------
    list of Pattern
        First layer first.

    Raises
    ------
    ValueError
        `n_layers` is not a positive integer.

    Notes
    -----
    Defined in the chapter Butterflies.

    Examples
    --------
    >>> dyadic_patterns(2)
    [Pattern(a=2, b=2, c=2, d=1), Pattern(a=1, b=2, c=2, d=2)]
    """
    n = integer("n_layers", n_layers)
    return [Pattern(2 ** (n - level), 2, 2, 2 ** (level - 1)) for level in range(1, n + 1)]


def most_paths(first: Pattern, second: Pattern) -> int:
    r"""Count the paths between an input and an output of two layers: the largest such number.

    .. math:: \max_{o, i} (S_2 S_1)_{oi} =
              \Big\lceil \frac{\min(b_1 d_1,\, c_2 d_2)}{\operatorname{lcm}(d_1, d_2)} \Big\rceil

    Parameters
    ----------
    first, second : Pattern
        The layer next to the inputs, and the one after it.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        The outputs of the first layer are not as many as the inputs of the second.

    Notes
    -----
    The hidden neurons with given parents form an interval of length b1 d1, in steps of d1; those
    with given children one of length c2 d2, in steps of d2. The common steps are those of the least
    common multiple. No divisibility is needed. Cost: O(1), whatever the width.

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> most_paths(Pattern(1, 4, 1, 1), Pattern(1, 1, 4, 1))
    4
    """
    _check_pair(first, second)
    shorter = min(first.b * first.d, second.c * second.d)
    return -(-shorter // lcm(first.d, second.d))


def pair_is_multitree(first: Pattern, second: Pattern) -> bool:
    r"""Tell in O(1) whether two layers form a multitree: at most one path joins two neurons.

    .. math:: \operatorname{lcm}(d_1, d_2) \ge \min(b_1 d_1,\, c_2 d_2)

    Parameters
    ----------
    first, second : Pattern
        The layer next to the inputs, and the one after it.

    Returns
    -------
    bool
        True for a multitree.

    Raises
    ------
    ValueError
        The outputs of the first layer are not as many as the inputs of the second.

    Notes
    -----
    Defined in the chapter Butterflies.

    Examples
    --------
    >>> pair_is_multitree(*dyadic_patterns(2))
    True
    >>> pair_is_multitree(Pattern(1, 2, 2, 2), Pattern(1, 2, 2, 2))
    False
    """
    return most_paths(first, second) == 1


def chain_rank(first: Pattern, second: Pattern) -> int | None:
    r"""Return the rank r of a chainable pair of patterns, or None if it is not chainable.

    .. math:: a_2 \mid a_1, \qquad d_1 \mid d_2, \qquad
              r = \frac{a_2 c_2}{a_1} = \frac{b_1 d_1}{d_2} \in \mathbb{N}

    Parameters
    ----------
    first, second : Pattern
        The layer next to the inputs, and the one after it.

    Returns
    -------
    int or None
        The rank r.

    Raises
    ------
    ValueError
        The outputs of the first layer are not as many as the inputs of the second.

    Notes
    -----
    Then :math:`S_2 S_1` is r times the support of `compose`, and the product of two layers splits
    into blocks of rank at most r. After Le, Zheng, Riccietti, Gribonval, arXiv 2411.04506, 2024.

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> chain_rank(*dyadic_patterns(2)), chain_rank(Pattern(1, 4, 1, 1), Pattern(1, 1, 4, 1))
    (1, 4)
    """
    _check_pair(first, second)
    nested = first.a % second.a == 0 and second.d % first.d == 0
    whole = (second.a * second.c) % first.a == 0 and (first.b * first.d) % second.d == 0
    return second.a * second.c // first.a if nested and whole else None


def compose(first: Pattern, second: Pattern) -> Pattern:
    r"""Return the pattern of the product of two chainable layers.

    .. math:: \Big(a_2,\; \frac{b_2 d_2}{d_1},\; \frac{a_1 c_1}{a_2},\; d_1\Big)

    Parameters
    ----------
    first, second : Pattern
        The layer next to the inputs, and the one after it.

    Returns
    -------
    Pattern
        The support of the product, if no entries cancel.

    Raises
    ------
    ValueError
        The pair is not chainable.

    Notes
    -----
    Defined in the chapter Butterflies.

    Examples
    --------
    >>> compose(*dyadic_patterns(2))
    Pattern(a=1, b=4, c=4, d=1)
    """
    if chain_rank(first, second) is None:
        raise ValueError(f"patterns: {first} and {second} are not chainable")
    b, c = second.b * second.d // first.d, first.a * first.c // second.a
    return Pattern(second.a, b, c, first.d)


def chain_is_multitree(patterns: Sequence[Pattern]) -> bool:
    """Tell whether layers with these patterns form a multitree.

    Parameters
    ----------
    patterns : sequence of Pattern
        First layer first, at least one.

    Returns
    -------
    bool
        True for a multitree.

    Raises
    ------
    ValueError
        No pattern, or neighbours that do not fit.

    Notes
    -----
    If every two neighbours are chainable, the layers form a multitree if and only if all ranks are
    1: O(L) operations. If two neighbours form no multitree, the layers do not. Else neighbours do
    not decide, and `openblackbox.multitree.supports.is_multitree` tests the supports.

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> chain_is_multitree(dyadic_patterns(50))
    True
    """
    patterns = list(patterns)
    if not patterns:
        raise ValueError("patterns: expected at least one, got none")
    pairs = list(pairwise(patterns))
    if not all(pair_is_multitree(*pair) for pair in pairs):
        return False
    if all(chain_rank(*pair) is not None for pair in pairs):
        return True
    return is_multitree([pattern.support() for pattern in patterns])


def _check_pair(first, second):
    """Raise unless the second layer starts where the first ends."""
    if first.shape[0] != second.shape[1]:
        raise ValueError(
            f"patterns: expected as many inputs of {second} as outputs of {first}, got "
            f"{second.shape[1]} and {first.shape[0]}"
        )
