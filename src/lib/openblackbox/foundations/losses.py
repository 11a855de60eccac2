r"""Losses, convex in the prediction: value, first and second derivative, Lipschitz constant."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["LOSSES", "Loss", "as_loss"]


@dataclass(frozen=True)
class Loss:
    r"""A loss :math:`\ell(y, f)`, convex in the prediction :math:`f`.

    Parameters
    ----------
    name : str
        What `as_loss` calls it.
    value : callable
        ``value(y, f)``, elementwise.
    derivative : callable
        ``derivative(y, f)``: the derivative in f, at a kink some subgradient.
    second : callable
        ``second(y, f)``: the second derivative in f, zero for a piecewise affine loss.
    lipschitz : callable
        ``lipschitz(y, reach)``: the constant :math:`G`, the largest :math:`|\partial_f \ell(y, f)|`
        over the labels ``y`` and :math:`|f| \le` ``reach``. One float.
    smoothness : float
        The largest second derivative; infinite for a loss with a kink.
    signs : bool
        Whether the labels must be -1 or 1.

    Notes
    -----
    Predictions of the class of the book obey :math:`|f(x)| \le \sqrt 2 D M`, which is the reach to
    use. Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> loss = as_loss("squared")
    >>> float(loss.value(1.0, 3.0)), float(loss.derivative(1.0, 3.0)), loss.lipschitz([1, -2], 3.0)
    (2.0, 2.0, 5.0)
    """

    name: str
    value: Callable
    derivative: Callable
    second: Callable
    lipschitz: Callable
    smoothness: float
    signs: bool = False


def _sigmoid(t):
    # Both branches are finite: the exponential is taken of -|t| only.
    e = np.exp(-np.abs(t))
    return np.where(np.asarray(t) >= 0, 1.0, e) / (1.0 + e)


LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "logistic",
            lambda y, f: np.logaddexp(0.0, -np.multiply(y, f)),
            lambda y, f: -np.multiply(y, _sigmoid(-np.multiply(y, f))),
            lambda y, f: _sigmoid(np.multiply(y, f)) * _sigmoid(-np.multiply(y, f)),
            lambda y, reach: 1.0,
            0.25,
            signs=True,
        ),
        Loss(
            "squared",
            lambda y, f: 0.5 * np.square(np.subtract(f, y)),
            lambda y, f: np.subtract(f, y),
            lambda y, f: np.ones(np.broadcast(y, f).shape),
            lambda y, reach: float(reach + np.abs(y).max()),
            1.0,
        ),
        Loss(
            "linear",
            lambda y, f: -np.multiply(y, f),
            lambda y, f: -np.asarray(y, dtype=float) + np.zeros(np.shape(f)),
            lambda y, f: np.zeros(np.broadcast(y, f).shape),
            lambda y, reach: float(np.abs(y).max()),
            0.0,
        ),
        Loss(
            "absolute",
            lambda y, f: np.abs(np.subtract(f, y)),
            lambda y, f: np.sign(np.subtract(f, y)),
            lambda y, f: np.zeros(np.broadcast(y, f).shape),
            lambda y, reach: 1.0,
            np.inf,
        ),
    )
}
r"""The losses by name: logistic :math:`\log(1 + e^{-yf})`, squared :math:`\frac12 (f - y)^2`,
linear :math:`-yf`, absolute :math:`|f - y|`."""


def as_loss(loss):
    """Return the loss of this name.

    Parameters
    ----------
    loss : str or Loss
        One of ``"logistic"``, ``"squared"``, ``"linear"``, ``"absolute"``, or one of these losses.

    Returns
    -------
    Loss
        The loss.

    Raises
    ------
    ValueError
        If there is no such loss.

    Notes
    -----
    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> as_loss("logistic").smoothness
    0.25
    """
    name = loss.name if isinstance(loss, Loss) else loss
    if not isinstance(name, str) or name not in LOSSES:
        raise ValueError(f"loss: expected one of {', '.join(LOSSES)}, got {loss!r}")
    return LOSSES[name]
