"""How well two neurons can do: a scan over their directions."""

import math
from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer

__all__ = ["TwoNeurons", "best_two_neurons"]


@dataclass(frozen=True)
class TwoNeurons:
    r"""The best pair of neurons of a scan.

    Parameters
    ----------
    rms : float
        The root mean square of the error, over the points.
    angles : pair of float
        The directions :math:`(w, b) = (\cos t, \sin t)` of the two neurons.

    Notes
    -----
    Defined in the chapter Universal approximation.
    """

    rms: float
    angles: tuple


def best_two_neurons(x, y, *, directions: int = 181) -> TwoNeurons:
    r"""Fit data by two neurons without output bias, over a grid of their directions.

    Parameters
    ----------
    x, y : arrays of shape (n,)
        Points and values.
    directions : int
        Number D of directions, equally spaced on the circle.

    Returns
    -------
    TwoNeurons
        The smallest root mean square error, with the best outer weights for every pair.

    Raises
    ------
    ValueError
        If the arrays differ in length, are empty or not finite, or D is below 2.

    Notes
    -----
    A neuron :math:`\eta (w x + b)_+` depends, up to its positive scale, on the direction of (w, b).
    For each pair the outer weights solve a least squares problem with two unknowns. A grid proves
    nothing: it is evidence. Cost: :math:`n D^2`. Defined in the chapter Universal approximation.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.foundations.two_neurons import best_two_neurons
    >>> x = np.linspace(-1, 1, 101)
    >>> best_two_neurons(x, abs(x), directions=8).rms < 1e-7
    True
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ValueError(f"y: expected an array like x, got shapes {x.shape} and {y.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("x, y: expected finite numbers")
    angles = 2 * math.pi * np.arange(integer("directions", directions, least=2)) / directions
    features = np.maximum(np.outer(np.cos(angles), x) + np.sin(angles)[:, None], 0)
    norms = np.linalg.norm(features, axis=1)
    angles, features = angles[norms > 0], features[norms > 0] / norms[norms > 0, None]
    share, cosine = features @ y, features @ features.T
    # What a pair explains of |y|^2; where both are nearly the same function, what one explains.
    rest = 1 - cosine**2
    both = share[:, None] ** 2 + share**2 - 2 * cosine * share[:, None] * share
    one = np.maximum(share[:, None] ** 2, share**2)
    explained = np.where(rest > 1e-12, both / np.where(rest > 1e-12, rest, 1), one)
    best = np.unravel_index(np.argmax(explained), explained.shape)
    left_over = max(y @ y - explained[best], 0)
    return TwoNeurons(math.sqrt(left_over / len(x)), (angles[best[0]], angles[best[1]]))
