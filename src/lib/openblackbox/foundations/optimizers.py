r"""Steps of stochastic optimizers: a state and a gradient in, the next state out.

Every step is a pure function that sees the gradient only. The conventions are those of torch.
"""

from dataclasses import replace

import numpy as np

from openblackbox.foundations.descent import State, checked_gradient

__all__ = ["adagrad", "adam", "momentum", "nesterov", "rmsprop", "sgd"]


def sgd(state, gradient, *, rate):
    r"""Do one step of stochastic gradient descent.

    .. math:: \theta_t = \theta_{t-1} - \gamma_t\, g_t

    Parameters
    ----------
    state : State
        The state before.
    gradient : array_like, shape (p,)
        Stochastic gradient at ``state.theta``.
    rate : float
        Step size, positive.

    Returns
    -------
    State
        The state after.

    Raises
    ------
    ValueError
        If the gradient is not finite or has another shape, or the rate is not positive.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.descent import start
    >>> sgd(start([1.0]), [1.0], rate=3.0).theta
    array([-2.])
    """
    g = checked_gradient(state, gradient, rate)
    return replace(state, theta=state.theta - rate * g, count=state.count + 1)


def momentum(state, gradient, *, rate, memory=0.9):
    r"""Do one step with momentum.

    .. math:: m_t = \beta m_{t-1} + g_t, \qquad \theta_t = \theta_{t-1} - \gamma_t m_t

    Parameters
    ----------
    state, gradient, rate
        As in ``sgd``.
    memory : float
        The factor β, in [0, 1).

    Returns
    -------
    State
        The state after; ``first`` is m.

    Raises
    ------
    ValueError
        As in ``sgd``, and if the memory is out of range.

    Notes
    -----
    Source: B. Polyak, Some methods of speeding up the convergence of iteration methods, 1964.
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.descent import start
    >>> momentum(momentum(start([0.0]), [1.0], rate=1.0), [1.0], rate=1.0).theta
    array([-2.9])
    """
    g = checked_gradient(state, gradient, rate)
    m = _fraction("memory", memory) * state.first + g
    return State(state.theta - rate * m, m, state.second, state.count + 1)


def nesterov(state, gradient, *, rate, memory=0.9):
    r"""Do one step with Nesterov's momentum, in the form of torch.

    .. math:: m_t = \beta m_{t-1} + g_t, \qquad
        \theta_t = \theta_{t-1} - \gamma_t (g_t + \beta m_t)

    Parameters
    ----------
    state, gradient, rate, memory
        As in ``momentum``.

    Returns
    -------
    State
        The state after; ``first`` is m.

    Raises
    ------
    ValueError
        As in ``momentum``.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.descent import start
    >>> nesterov(start([0.0]), [1.0], rate=1.0).theta
    array([-1.9])
    """
    g = checked_gradient(state, gradient, rate)
    m = _fraction("memory", memory) * state.first + g
    return State(state.theta - rate * (g + memory * m), m, state.second, state.count + 1)


def adagrad(state, gradient, *, rate, epsilon=1e-10):
    r"""Do one step of Adagrad, with one rate for each parameter.

    .. math:: v_t = v_{t-1} + g_t^2, \qquad
        \theta_t = \theta_{t-1} - \gamma_t\, g_t / (\sqrt{v_t} + \varepsilon)

    Parameters
    ----------
    state, gradient, rate
        As in ``sgd``.
    epsilon : float
        Keeps the quotient finite, at least 0. With 0, a parameter that has had no gradient stays.

    Returns
    -------
    State
        The state after; ``second`` is v.

    Raises
    ------
    ValueError
        As in ``sgd``, and if epsilon is negative.

    Notes
    -----
    Source: J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods, JMLR 2011.
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.descent import start
    >>> adagrad(start([0.0]), [5.0], rate=1.0).theta.round(6)
    array([-1.])
    """
    g = checked_gradient(state, gradient, rate)
    v = state.second + g**2
    theta = state.theta - rate * _ratio(g, v, epsilon)
    return State(theta, state.first, v, state.count + 1)


def rmsprop(state, gradient, *, rate, decay=0.99, epsilon=1e-8):
    r"""Do one step of RMSProp: the sum of Adagrad becomes a running mean.

    .. math:: v_t = \beta v_{t-1} + (1 - \beta)\, g_t^2, \qquad
        \theta_t = \theta_{t-1} - \gamma_t\, g_t / (\sqrt{v_t} + \varepsilon)

    Parameters
    ----------
    state, gradient, rate, epsilon
        As in ``adagrad``.
    decay : float
        The factor β, in [0, 1).

    Returns
    -------
    State
        The state after; ``second`` is v.

    Raises
    ------
    ValueError
        As in ``adagrad``, and if the decay is out of range.

    Notes
    -----
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.descent import start
    >>> rmsprop(start([0.0]), [5.0], rate=1.0).theta.round(6)
    array([-10.])
    """
    g = checked_gradient(state, gradient, rate)
    v = _fraction("decay", decay) * state.second + (1 - decay) * g**2
    theta = state.theta - rate * _ratio(g, v, epsilon)
    return State(theta, state.first, v, state.count + 1)


def adam(state, gradient, *, rate, decays=(0.9, 0.999), epsilon=1e-8):
    r"""Do one step of Adam: running means of gradients and squares, both freed of their start.

    .. math:: m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t, \quad
        v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \quad
        \theta_t = \theta_{t-1} - \gamma_t
        \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \varepsilon}

    Parameters
    ----------
    state, gradient, rate, epsilon
        As in ``adagrad``.
    decays : pair of float
        The factors β₁ and β₂, in [0, 1).

    Returns
    -------
    State
        The state after; ``first`` is m and ``second`` is v.

    Raises
    ------
    ValueError
        As in ``adagrad``, and if a decay is out of range.

    Notes
    -----
    Source: D. Kingma, J. Ba, Adam: a method for stochastic optimization, ICLR 2015.
    Defined in the chapter Stochastic gradients.

    Examples
    --------
    >>> from openblackbox.foundations.descent import start
    >>> adam(start([0.0]), [5.0], rate=1.0).theta.round(6)
    array([-1.])
    """
    g, t = checked_gradient(state, gradient, rate), state.count + 1
    beta, decay = (_fraction("decays", value) for value in decays)
    m, v = beta * state.first + (1 - beta) * g, decay * state.second + (1 - decay) * g**2
    ratio = _ratio(m / (1 - beta**t), v / (1 - decay**t), epsilon)
    return State(state.theta - rate * ratio, m, v, t)


def _ratio(numerator, square, epsilon):
    if not epsilon >= 0:
        raise ValueError(f"epsilon: expected a number, at least 0, got {epsilon!r}")
    below = np.sqrt(square) + epsilon
    return np.divide(numerator, below, out=np.zeros_like(below), where=below > 0)


def _fraction(name, value):
    if not 0 <= value < 1:
        raise ValueError(f"{name}: expected a number in [0, 1), got {value!r}")
    return value
