r"""A gradient compared with differences of values."""

from dataclasses import dataclass

import numpy as np

from openblackbox.foundations.autodiff import Node, gradient

__all__ = ["GradientCheck", "check_gradient"]

STEP = float(np.cbrt(np.finfo(float).eps))


@dataclass(frozen=True)
class GradientCheck:
    r"""A gradient beside central differences.

    Parameters
    ----------
    error : float
        The largest difference of the two over all coordinates, relative to the largest entry of
        either; 0 if both vanish.
    gradients, differences : tuple of numpy.ndarray
        The gradient from the tape and from differences, one array for each point.

    Notes
    -----
    Defined in the chapter Computational graphs.
    """

    error: float
    gradients: tuple
    differences: tuple


def check_gradient(function, *points, step=STEP):
    r"""Compare the gradient of a function on the tape with central differences.

    .. math:: \frac{f(x + h e_i) - f(x - h e_i)}{2 h}

    Parameters
    ----------
    function : callable
        Maps as many nodes as there are points to a scalar node.
    *points : array_like
        Where to differentiate.
    step : float
        The step h, positive.

    Returns
    -------
    GradientCheck
        The error and both gradients.

    Raises
    ------
    ValueError
        If the step is not positive and finite, or x + h and x - h are the same number.
    TypeError
        If no point is given.

    Notes
    -----
    With :math:`|f'''| \leq T` and values that are right up to :math:`\eta`, the error is at most
    :math:`h^2 T / 6 + \eta / h`. The best step is of the size of the cube root of :math:`\eta`,
    hence the default. A kink between x - h and x + h spoils the difference, not the gradient.

    Cost: two values for each coordinate. Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.gradient_check import check_gradient
    >>> check = check_gradient(lambda x: (x**3).sum(), [1.0, 2.0], step=0.5)
    >>> check.gradients, check.differences, round(check.error, 4)
    ((array([ 3., 12.]),), (array([ 3.25, 12.25]),), 0.0204)
    """
    if not points:
        raise TypeError("points: expected at least one point, got none")
    if not (np.isscalar(step) and np.isfinite(step) and step > 0):
        raise ValueError(f"step: expected a positive number, got {step!r}")
    nodes = [Node(point) for point in points]
    found = tuple(gradient(function(*nodes), nodes))
    values = [node.value.copy() for node in nodes]

    def value():
        return float(function(*map(Node, values)).value)

    differences = tuple(np.zeros(entry.shape) for entry in values)
    for array, difference in zip(values, differences, strict=True):
        for index in np.ndindex(array.shape):
            middle = array[index]
            high, low = middle + step, middle - step
            if high == low:
                raise ValueError(f"step: expected one that changes {middle}, got {step!r}")
            array[index] = high
            above = value()
            array[index] = low
            difference[index] = (above - value()) / (high - low)
            array[index] = middle
    flat = [np.concatenate([entry.ravel() for entry in side]) for side in (found, differences)]
    scale = np.abs(flat).max(initial=0.0)
    error = np.abs(flat[0] - flat[1]).max(initial=0.0)
    return GradientCheck(
        error=float(error / scale) if scale else 0.0, gradients=found, differences=differences
    )
