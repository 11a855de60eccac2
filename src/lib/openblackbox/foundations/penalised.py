r"""The square loss of one hidden layer with either penalty, its gradient, and descent along it.

The objective is the mean of :math:`(f_\theta(x_i) - y_i)^2 / 2` plus :math:`s\,\Omega(\theta)`,
with :math:`\Omega` weight decay or the path penalty of `openblackbox.foundations.homogeneity`.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.arguments import integer, number, real_array
from openblackbox.foundations.homogeneity import path_penalty, weight_decay
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer, inner_sizes

__all__ = ["Descent", "Objective", "descend", "imbalance", "penalised_loss"]

_PENALTIES = {"decay": weight_decay, "path": path_penalty}


def imbalance(net):
    r"""What gradient flow of a rescaling-invariant objective keeps, for each neuron.

    .. math:: Q_j = \eta_j^2 - \|w_j\|^2 - b_j^2

    Parameters
    ----------
    net : OneHiddenLayer
        Any network.

    Returns
    -------
    ndarray, shape (m,)
        The numbers :math:`Q_j`; 0 for a neuron that is balanced for :math:`\alpha = M = 1`.

    Notes
    -----
    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> from openblackbox.foundations.penalised import imbalance
    >>> imbalance(OneHiddenLayer([3.0], [[2.0]], [1.0]))
    array([4.])
    """
    return net.eta**2 - np.sum(net.w**2, axis=1) - net.b**2


@dataclass(frozen=True, eq=False)
class Objective:
    """What `penalised_loss` returns.

    Parameters
    ----------
    value : float
        Loss plus strength times penalty.
    loss : float
        The square loss alone, half its mean over the points.
    eta, w, b : ndarray
        The gradient of `value` with respect to the parameters of the same names.

    Notes
    -----
    Defined in the chapter Homogeneity and regularization.
    """

    value: float
    loss: float
    eta: np.ndarray
    w: np.ndarray
    b: np.ndarray


def penalised_loss(net, x, y, *, penalty, strength=0.0, alpha=1.0, radius=1.0):
    r"""The penalized square loss and its gradient.

    .. math:: J(\theta) = \frac{1}{2n} \sum_{i=1}^n (f_\theta(x_i) - y_i)^2 + s\,\Omega(\theta)

    Parameters
    ----------
    net : OneHiddenLayer
        The parameters :math:`\theta`.
    x : array_like, shape (n, d)
        The points.
    y : array_like, shape (n,)
        The labels.
    penalty : {"decay", "path"}
        :math:`\Omega`: ``weight_decay`` or ``path_penalty``.
    strength : float
        The factor :math:`s \ge 0`.
    alpha, radius : float
        Parameters of the penalty, positive.

    Returns
    -------
    Objective
        `value`, `loss`, and the gradient `eta`, `w`, `b`.

    Raises
    ------
    ValueError
        Shapes that do not fit, no point, NaN or infinity, another penalty, a bad number.

    Notes
    -----
    Where the objective is not differentiable the convention is ReLU'(0) = 0, sign(0) = 0, and
    gradient 0 of the norm :math:`c_j` at 0. It keeps the identity
    :math:`\eta_j \partial_{\eta_j} J = w_j \cdot \partial_{w_j} J + b_j \partial_{b_j} J` of
    rescaling-invariant objectives. ``torch.optim.SGD`` with ``weight_decay=lam`` descends
    "decay" with strength lam / 2. Cost: O(n m d).

    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> from openblackbox.foundations.penalised import penalised_loss
    >>> net = OneHiddenLayer([1.0], [[2.0]], [0.0])
    >>> at = penalised_loss(net, [[1.0]], [3.0], penalty="decay", strength=0.5)
    >>> at.value, at.loss, at.eta, at.w
    (3.0, 0.5, array([-1.]), array([[1.]]))
    """
    x, y = real_array("x", x, ndim=2), real_array("y", y, ndim=1)
    if not len(x):
        raise ValueError("x: expected at least one point, got none")
    if y.shape != (len(x),):
        raise ValueError(f"y: expected shape ({len(x)},), got {y.shape}")
    if penalty not in _PENALTIES:
        raise ValueError(f"penalty: expected 'decay' or 'path', got {penalty!r}")
    strength = number("strength", strength, zero=True)
    omega = _PENALTIES[penalty](net, alpha=alpha, radius=radius)
    hidden = net.hidden(x)
    residual = (hidden @ net.eta - y) / len(x)
    loss = float(len(x) * residual @ residual / 2)
    open_gates = residual[:, None] * (hidden > 0) * net.eta  # derivative in each w_j.x_i + b_j
    sizes = inner_sizes(net, radius=radius)
    if penalty == "decay":
        d_eta, d_square = 2 * alpha * net.eta, np.ones_like(sizes)
    else:
        root = 2 * np.sqrt(alpha)
        d_eta = root * np.sign(net.eta) * sizes
        # the penalty as a function of c_j^2: its derivative is sqrt(alpha) |eta_j| / c_j
        d_square = root / 2 * np.abs(net.eta) / np.where(sizes > 0, sizes, np.inf)
    return Objective(
        loss + strength * omega,
        loss,
        hidden.T @ residual + strength * d_eta,
        open_gates.T @ x + strength * 2 * d_square[:, None] * net.w,
        open_gates.sum(axis=0) + strength * 2 * d_square * net.b / radius**2,
    )


@dataclass(frozen=True, eq=False)
class Descent:
    """What `descend` returns: the whole path of T steps.

    Parameters
    ----------
    network : OneHiddenLayer
        The last parameters.
    eta, w, b : ndarray, shapes (T + 1, m), (T + 1, m, d), (T + 1, m)
        The parameters at each time, the first ones included.
    values : ndarray, shape (T + 1,)
        The objective at each time.

    Notes
    -----
    Defined in the chapter Homogeneity and regularization.
    """

    network: OneHiddenLayer
    eta: np.ndarray
    w: np.ndarray
    b: np.ndarray
    values: np.ndarray


def descend(net, x, y, *, penalty, step, steps, strength=0.0, alpha=1.0, radius=1.0):
    r"""Gradient descent on the penalized loss, with a fixed step.

    .. math:: \theta_{t+1} = \theta_t - h \nabla J(\theta_t)

    Parameters
    ----------
    net : OneHiddenLayer
        The first parameters.
    x, y, penalty, strength, alpha, radius
        As in ``penalised_loss``.
    step : float
        The step h > 0.
    steps : int
        Number T of steps, at least 0.

    Returns
    -------
    Descent
        All parameters and values of the objective on the way.

    Raises
    ------
    ValueError
        As in ``penalised_loss``; a bad `step` or `steps`; a step so long that numbers overflow.

    Notes
    -----
    Explicit Euler for gradient flow. A step changes the imbalance of a neuron by exactly
    :math:`h^2` times the imbalance of its gradient, when the objective is invariant by rescaling.

    Defined in the chapter Homogeneity and regularization.

    Examples
    --------
    >>> from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
    >>> from openblackbox.foundations.penalised import descend
    >>> net = OneHiddenLayer([1.0], [[1.0]], [0.0])
    >>> path = descend(net, [[1.0]], [0.0], penalty="path", step=0.5, steps=1)
    >>> path.eta.ravel(), path.values
    (array([1. , 0.5]), array([0.5, 0. ]))
    """
    step, steps = number("step", step), integer("steps", steps, least=0)
    options = {"penalty": penalty, "strength": strength, "alpha": alpha, "radius": radius}
    nets, values = [net], []
    for done in range(steps + 1):
        here = nets[-1]
        at = penalised_loss(here, x, y, **options)
        values.append(at.value)
        if done < steps:
            nets.append(
                OneHiddenLayer(here.eta - step * at.eta, here.w - step * at.w, here.b - step * at.b)
            )
    stacks = [np.stack([getattr(one, name) for one in nets]) for name in ("eta", "w", "b")]
    return Descent(nets[-1], *stacks, np.array(values))
