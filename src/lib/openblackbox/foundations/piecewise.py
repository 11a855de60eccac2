r"""Continuous piecewise affine functions on an interval, from knots and values.

A function f on [-M, M] that is affine between given knots is determined by its values there:

.. math:: f(x) = \ell_1(x) + \sum_{j=1}^{k-1} \Delta_j (x - a_j)_+ , \qquad (t)_+ = \max(t, 0) ,

with its first piece :math:`\ell_1`, its *kinks* :math:`a_1 < \dots < a_{k-1}`, the interior knots
where the slope changes, and the changes :math:`\Delta_j \ne 0` of the slope. It has k pieces.
"""

import itertools
import numbers
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

__all__ = ["PiecewiseAffine", "piecewise_affine"]


@dataclass(frozen=True)
class PiecewiseAffine:
    r"""A continuous piecewise affine function, with its kinks.

    Parameters
    ----------
    knots, values : tuple of numbers
        Where the values are given, and the values; Fractions if ``exact``, else floats.
    radius : number
        M: the function lives on [-M, M].
    exact : bool
        Whether all the numbers given were integers or fractions, so that nothing was rounded.
    kinks, jumps : tuple of numbers
        The interior knots :math:`a_j` where the slope changes, and its changes :math:`\Delta_j`.
    slope : number
        The slope of the first piece.
    scale : float
        The size that tolerances are relative to: :math:`\max |f| + 2M \sum_j |\Delta_j|`.

    Notes
    -----
    Defined in the chapter Universal approximation.
    """

    knots: tuple
    values: tuple
    radius: numbers.Real
    exact: bool
    kinks: tuple
    jumps: tuple
    slope: numbers.Real
    scale: float

    @property
    def pieces(self):
        """The number k of pieces: one more than kinks."""
        return len(self.kinks) + 1

    def __call__(self, x):
        """Return f at points of [-M, M], an array like x."""
        x = np.asarray(x, dtype=float)
        if not (np.abs(x) <= float(self.radius)).all():
            raise ValueError(f"x: expected points of [-{self.radius}, {self.radius}]")
        return np.interp(x, np.array(self.knots, float), np.array(self.values, float))


def piecewise_affine(knots, values, *, radius, tolerance: float = 0.0) -> PiecewiseAffine:
    r"""Read a continuous piecewise affine function on [-M, M] from knots and values.

    Parameters
    ----------
    knots : sequence of numbers
        At least two, increasing, from -M to M.
    values : sequence of numbers
        The values of f at the knots.
    radius : number
        M > 0.
    tolerance : float
        If a number is a float: a knot is a kink if
        :math:`2 M |\Delta_j|` exceeds this times ``scale``. Without floats it is not used.

    Returns
    -------
    PiecewiseAffine
        The function, with its kinks. Integers and fractions are kept exactly.

    Raises
    ------
    ValueError
        If the lengths differ, the knots are fewer than two, not increasing, outside [-M, M] or do
        not reach from -M to M, a number is not finite, or M is not positive.
    TypeError
        If something is not a real number.

    Notes
    -----
    Cost: one pass over the knots. Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from openblackbox.foundations.piecewise import piecewise_affine
    >>> f = piecewise_affine([-1, 0, 1], [1, 0, 1], radius=1)
    >>> f.pieces, f.kinks, f.jumps
    (2, (Fraction(0, 1),), (Fraction(2, 1),))
    """
    if not (np.isreal(tolerance) and 0 <= tolerance < 1):
        raise ValueError(f"tolerance: expected a number in [0, 1), got {tolerance!r}")
    columns = [_numbers("knots", knots), _numbers("values", values), _numbers("radius", [radius])]
    exact = all(isinstance(number, Fraction) for column in columns for number in column)
    if not exact:
        columns = [[float(number) for number in column] for column in columns]
    knots, values, (radius,) = columns
    _check(knots, values, radius)
    slopes = [
        (values[i + 1] - values[i]) / (knots[i + 1] - knots[i]) for i in range(len(knots) - 1)
    ]
    changes = [after - before for before, after in itertools.pairwise(slopes)]
    scale = max(map(abs, values)) + 2 * radius * sum(map(abs, changes))
    if not np.isfinite([float(number) for number in (scale, *slopes)]).all():
        raise ValueError("values: too large, the slopes overflow")
    least = 0 if exact else tolerance * scale / (2 * radius)
    kinks = [(a, jump) for a, jump in zip(knots[1:-1], changes, strict=True) if abs(jump) > least]
    return PiecewiseAffine(
        knots=tuple(knots),
        values=tuple(values),
        radius=radius,
        exact=exact,
        kinks=tuple(a for a, _ in kinks),
        jumps=tuple(jump for _, jump in kinks),
        slope=slopes[0],
        scale=float(scale),
    )


def _numbers(name, column):
    """Return real numbers as Fractions where they are exact and as floats where they are not."""
    result = []
    for number in np.asarray(column, dtype=object).ravel() if np.ndim(column) == 1 else [None]:
        if isinstance(number, numbers.Rational) and not isinstance(number, bool):
            result.append(Fraction(int(number.numerator), int(number.denominator)))
        elif isinstance(number, numbers.Real) and not isinstance(number, bool | np.bool_):
            if not np.isfinite(number):
                raise ValueError(f"{name}: expected finite numbers, got {number!r}")
            result.append(float(number))
        else:
            raise TypeError(f"{name}: expected a sequence of real numbers, got {column!r}")
    return result


def _check(knots, values, radius):
    problems = []
    if not radius > 0:
        problems.append(f"radius: expected a positive number, got {radius}")
    if len(knots) != len(values):
        problems.append(f"values: expected one for each of {len(knots)} knots, got {len(values)}")
    if len(knots) < 2:
        problems.append(f"knots: expected at least 2, got {len(knots)}")
    elif any(after <= before for before, after in itertools.pairwise(knots)):
        problems.append("knots: expected them to increase")
    elif max(abs(knots[0]), abs(knots[-1])) > radius:
        problems.append(f"knots: expected them in [-{radius}, {radius}], got one outside")
    elif knots[0] != -radius or knots[-1] != radius:
        problems.append(
            f"knots: expected them to run from {-radius} to {radius}, got {knots[0]} to {knots[-1]}"
        )
    if problems:
        raise ValueError("; ".join(problems))
