r"""The smallest one-hidden-layer ReLU network that is a given piecewise affine function.

The functions are those of `piecewise`: continuous and piecewise affine on [-M, M], with k pieces.
The networks are :math:`x \mapsto \sum_{i=1}^N \eta_i (w_i x + b_i)_+`, without output bias. For a
set L of kinks put

.. math:: r_L(x) = \ell_1(x) + \sum_{j \in L} \Delta_j (x - a_j) .

The smallest N is k - 1 if some :math:`r_L` is zero; else k if some :math:`r_L` has one sign on
[-M, M] or vanishes at a kink; else k + 1.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from openblackbox.foundations.piecewise import PiecewiseAffine, piecewise_affine
from openblackbox.foundations.subset_sums import (
    MOST_ITEMS,
    subset_below_and_above,
    subset_with_sum,
    subset_with_sums,
)
from openblackbox.networks import ReLUNetwork

__all__ = ["Certificate", "MinimalWidth", "minimal_width", "relu_network"]


@dataclass(frozen=True)
class Certificate:
    r"""A network of the smallest width, and how it is made.

    Parameters
    ----------
    function : PiecewiseAffine
        The function as it was read, with its kinks and its number of pieces k.
    left : tuple of int
        L: the positions, in ``function.kinks``, of the kinks written :math:`(a_j - x)_+`.
    residual : pair of numbers
        :math:`r_L(-M)` and :math:`r_L(M)`.
    kind : str
        What represents the residual: ``"nothing"`` (it is zero), ``"one neuron"`` (one sign),
        ``"two neurons at a kink"`` or ``"two neurons at the ends"``.
    neurons : tuple of triples
        :math:`(\eta_i, w_i, b_i)`, exact where the function is.
    network : ReLUNetwork or None
        The same in floats; None if there is no neuron, since a network has at least one.
    error : float
        The largest :math:`|f - \text{network}|` on [-M, M]. It is attained at a knot, so it was
        computed: exactly 0 where the function is exact.

    Notes
    -----
    Defined in the chapter Universal approximation.
    """

    function: PiecewiseAffine
    left: tuple
    residual: tuple
    kind: str
    neurons: tuple
    network: ReLUNetwork | None
    error: float


@dataclass(frozen=True)
class MinimalWidth:
    """The smallest number of neurons, and a network that has it.

    Parameters
    ----------
    width : int
        N.
    certificate : Certificate
        A network of N neurons.

    Notes
    -----
    Defined in the chapter Universal approximation.
    """

    width: int
    certificate: Certificate


def relu_network(knots, values, *, radius, order: str = "centre") -> ReLUNetwork:
    r"""Write a piecewise affine function on [-M, M] as a network with one hidden layer.

    Parameters
    ----------
    knots, values : sequences of numbers
        Increasing knots from -M to M, and the values there.
    radius : number
        M > 0.
    order : str
        ``"centre"``: every kink looks outwards, :math:`(x - a_j)_+` for :math:`a_j \ge 0` and
        :math:`(a_j - x)_+` for :math:`a_j < 0`. ``"left"``: all look to the right.

    Returns
    -------
    ReLUNetwork
        One input, one output, no output bias, at most k + 1 hidden neurons; k for ``"left"`` if
        f(-M) = 0. Hidden weights are 1 or -1. Neurons stand in the order of their kinks; the one
        that is active everywhere and looks to the right is first, the other, to the left, last.

    Raises
    ------
    ValueError
        If the knots or values are not as `piecewise_affine` wants them, ``order`` is another word,
        or f is zero, which needs no neuron.
    TypeError
        If something is not a real number.

    Notes
    -----
    The affine rest is :math:`r = \frac{r(M)}{2M} (x + M)_+ + \frac{r(-M)}{2M} (M - x)_+`: for
    ``"centre"`` it is the piece around 0, for ``"left"`` the first piece. Equal on [-M, M] in exact
    arithmetic. In floating point they differ: for ``"centre"`` the largest sum of the absolute
    values of the terms, which governs the error, is at most 5 times the least that is possible.
    Cost: one pass over the knots.
    Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from openblackbox.foundations.width import relu_network
    >>> network = relu_network([-1, 0, 1], [1, 0, 1], radius=1)
    >>> network, network([[-0.5], [0.25]]).ravel()
    (ReLUNetwork(1 -> 3 -> 1), array([0.5 , 0.25]))
    """
    if order not in ("centre", "left"):
        raise ValueError(f'order: expected "centre" or "left", got {order!r}')
    f = piecewise_affine(knots, values, radius=radius)
    left = [j for j, a in enumerate(f.kinks) if order == "centre" and a < 0]
    # The affine rest is a piece of f. Read off the values, it has no rounding error of a long sum,
    # and none at an end of [-M, M] where the piece ends: if f is zero there, a neuron is saved.
    knot = next(i for i, a in enumerate(f.knots) if i and (order == "left" or a >= 0))
    (a, b), (start, end) = f.knots[knot - 1 : knot + 1], f.values[knot - 1 : knot + 1]
    slope = (end - start) / (b - a)
    ends = [start + slope * (-f.radius - a), end + slope * (f.radius - b)]
    neurons = [neuron for neuron in _neurons(f, left, _ends(f, ends)) if neuron[0]]
    if not neurons:
        raise ValueError("values: zero everywhere, which needs no neuron")
    return _network(neurons)


def minimal_width(knots, values, *, radius, tolerance: float = 1e-9) -> MinimalWidth:
    r"""Find the smallest number of hidden neurons, without output bias, and a network that has it.

    Parameters
    ----------
    knots, values : sequences of numbers
        Increasing knots from -M to M, and the values there. At most 40 kinks.
    radius : number
        M > 0.
    tolerance : float
        Used if a number is a float: whatever changes f by at most this times
        ``function.scale`` counts as zero.

    Returns
    -------
    MinimalWidth
        ``width`` N and ``certificate``.

    Raises
    ------
    ValueError
        If the knots or values are not as `piecewise_affine` wants them, or there are more than 40
        kinks.
    TypeError
        If something is not a real number.

    Notes
    -----
    *Exact* if all numbers are integers or fractions: then N is the smallest width, and the neurons
    of the certificate are f, both without rounding. With a float, "zero" and "sign" are meant up to
    ``tolerance``, and ``certificate.error`` says how far the network is from f.

    Cost: :math:`O(k 2^{k/2})` for the cases k - 1 and one sign, by meeting in the middle; another
    factor k where these fail and every kink is tried. It is exponential in k: to decide
    :math:`N \le k - 1`, or :math:`N \le k`, is NP-complete.

    Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from openblackbox.foundations.width import minimal_width
    >>> minimal_width([-1, 0, 1], [1, 0, 1], radius=1).width
    2
    >>> half = Fraction(1, 2)
    >>> result = minimal_width([-1, 0, 1], [half - 2, half, half - 2], radius=1)
    >>> result.width, result.certificate.kind
    (3, 'two neurons at the ends')
    """
    f = piecewise_affine(knots, values, radius=radius, tolerance=tolerance)
    if len(f.kinks) > MOST_ITEMS:
        raise ValueError(f"knots: expected at most {MOST_ITEMS} kinks, got {len(f.kinks)}")
    slack = 0 if f.exact else tolerance * f.scale
    at = _Residuals(f)
    if (left := at.zero(slack)) is not None:
        return _result(f, left, "nothing", [])
    if (left := at.one_sign(slack)) is not None:
        return _result(f, left, "one neuron", _one(f, at(left)))
    for kink in range(len(f.kinks)):
        if (left := at.zero_at(kink, slack)) is not None:
            slope = (at(left)[1] - at(left)[0]) / (2 * f.radius)
            a = f.kinks[kink]
            return _result(f, left, "two neurons at a kink", [(slope, 1, -a), (-slope, -1, a)])
    left = tuple(j for j, a in enumerate(f.kinks) if a < 0)
    return _result(f, left, "two neurons at the ends", _ends(f, at(left)))


class _Residuals:
    r"""The affine functions r_L: their values at the ends, and the searches for a good L."""

    def __init__(self, f):
        self.f = f
        self.start, self.end = f.values[0], f.values[0] + 2 * f.radius * f.slope
        self.falls = [jump * (a + f.radius) for a, jump in zip(f.kinks, f.jumps, strict=True)]
        self.rises = [jump * (f.radius - a) for a, jump in zip(f.kinks, f.jumps, strict=True)]

    def __call__(self, left):
        """Return r_L(-M) and r_L(M)."""
        return (
            self.start - sum(self.falls[j] for j in left),
            self.end + sum(self.rises[j] for j in left),
        )

    def zero(self, slack):
        """Return L with r_L = 0."""
        pairs = zip(_integers([*self.falls, self.start]), _integers([*self.rises, -self.end]),
                    strict=True)  # fmt: skip
        *pairs, targets = pairs
        return subset_with_sums(pairs, targets, tolerance=slack)

    def one_sign(self, slack):
        """Return L with r_L nonnegative at both ends, or nonpositive at both."""
        for sign in (1, -1):
            *falls, most = _integers([sign * t for t in (*self.falls, self.start + sign * slack)])
            *rises, least = _integers([sign * t for t in (*self.rises, -self.end - sign * slack)])
            if (left := subset_below_and_above(falls, most, rises, least)) is not None:
                return left
        return None

    def zero_at(self, kink, slack):
        """Return L with r_L = 0 at a kink."""
        f, a = self.f, self.f.kinks[kink]
        items = [jump * (a - b) for b, jump in zip(f.kinks, f.jumps, strict=True)]
        *items, target = _integers([*items, -(self.start + f.slope * (a + f.radius))])
        return subset_with_sum(items, target, tolerance=slack)


def _integers(column):
    """Multiply fractions by a common denominator; leave floats alone."""
    if not all(isinstance(number, Fraction) for number in column):
        return column
    common = math.lcm(*(number.denominator for number in column))
    return [int(number * common) for number in column]


def _one(f, ends):
    """Return the neuron that is an affine r on [-M, M], where r has one sign: r(-M), r(M) given."""
    start, end = ends
    sign = 1 if start + end >= 0 else -1
    return [(sign, sign * (end - start) / (2 * f.radius), sign * (end + start) / 2)]


def _ends(f, ends):
    """Return the two neurons, active on all of [-M, M], whose sum there is r: r(-M), r(M) given."""
    start, end = ends
    return [(end / (2 * f.radius), 1, f.radius), (start / (2 * f.radius), -1, f.radius)]


def _neurons(f, left, rest):
    """Return the neurons at the kinks, and those of the rest with neurons of one kink merged."""
    left = set(left)
    kinked = [
        (jump, -1, a) if j in left else (jump, 1, -a)
        for j, (a, jump) in enumerate(zip(f.kinks, f.jumps, strict=True))
    ]
    merged = {(w, b): eta for eta, w, b in kinked}
    for eta, w, b in rest[1:]:
        merged[w, b] = merged.get((w, b), 0) + eta
    first = {(w, b): eta + merged.pop((w, b), 0) for eta, w, b in rest[:1]}
    return [(eta, w, b) for (w, b), eta in (first | merged).items()]


def _network(neurons):
    outer, weights, biases = (np.array(column, float) for column in zip(*neurons, strict=True))
    return ReLUNetwork([weights[:, None], outer[None, :]], [biases, np.zeros(1)])


def _result(f, left, kind, rest):
    neurons = _neurons(f, left, rest)
    error = max(
        abs(sum(eta * max(w * x + b, 0) for eta, w, b in neurons) - y)
        for x, y in zip(f.knots, f.values, strict=True)
    )
    certificate = Certificate(
        function=f,
        left=tuple(left),
        residual=_Residuals(f)(left),
        kind=kind,
        neurons=tuple(neurons),
        network=_network(neurons) if neurons else None,
        error=float(error),
    )
    return MinimalWidth(len(neurons), certificate)
