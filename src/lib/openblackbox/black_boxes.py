r"""Black boxes that answer less well than a network: with noise, or with values alone.

Each class here is an `openblackbox.networks.Oracle`, so every recovery of the library can ask it.
`FiniteDifferenceOracle` is defined in `openblackbox.finite_differences` and re-exported here.
"""

import numpy as np

from openblackbox.arguments import generator, integer, number
from openblackbox.finite_differences import Differences, FiniteDifferenceOracle
from openblackbox.oracles import OracleAround, check_oracle

__all__ = ["AveragedOracle", "Differences", "FiniteDifferenceOracle", "NoisyOracle"]


class _Wrapped(OracleAround):
    """An oracle whose answers are made from those of another one, by ``_answer``."""

    def __call__(self, x):
        """Return f(x), shape (n_L,) or (k, n_L)."""
        return self._answer(self.oracle, x)

    def jacobian(self, x):
        """Return Df(x), shape (n_L, n_0) or (k, n_L, n_0)."""
        return self._answer(self.oracle.jacobian, x)

    def jvp(self, x, v):
        """Return Df(x) v, shape (n_L,) or (k, n_L)."""
        return self._answer(self.oracle.jvp, x, v)

    def vjp(self, x, u):
        """Return the transpose of Df(x) times u, shape (n_0,) or (k, n_0)."""
        return self._answer(self.oracle.vjp, x, u)


class NoisyOracle(_Wrapped):
    r"""An oracle whose answers carry Gaussian noise.

    .. math:: \text{answer} + \sigma G, \qquad G_{ij} \sim N(0, 1) \text{ independent}

    Parameters
    ----------
    oracle : Oracle
        What answers.
    sigma : float
        The standard deviation :math:`\sigma \ge 0` of the noise, the same for every entry of every
        answer: values, Jacobians and products.
    rng : numpy.random.Generator
        Draws the noise.

    Raises
    ------
    TypeError
        If ``oracle`` is not an `Oracle`, or ``rng`` not a numpy generator.
    ValueError
        If ``sigma`` is negative or not finite.

    Notes
    -----
    The noise is new in every answer, also when the same question is asked again, and independent
    for the points of a batch. So the mean of n answers has noise :math:`\sigma / \sqrt n`: see
    `AveragedOracle`.

    Defined in the chapter Noise and finite differences.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> exact = ReLUNetwork([[[1.0, 2.0]]])
    >>> noisy = NoisyOracle(exact, sigma=0.1, rng=np.random.default_rng(0))
    >>> answers = noisy(np.zeros((10000, 2)))
    >>> answers.shape, bool(abs(answers.std() - 0.1) < 0.003)
    ((10000, 1), True)
    """

    def __init__(self, oracle, *, sigma, rng):
        """Keep the oracle, the level and the generator."""
        check_oracle(oracle)
        self.oracle, self.rng = oracle, generator(rng)
        self.sigma = number("sigma", sigma, zero=True)

    def _answer(self, question, *arguments):
        answer = np.asarray(question(*arguments))
        noise = self.sigma * self.rng.standard_normal(answer.shape)
        return answer + noise.astype(answer.dtype, copy=False)


class AveragedOracle(_Wrapped):
    r"""An oracle that asks every question several times and answers the mean.

    Parameters
    ----------
    oracle : Oracle
        What answers.
    repeats : int
        How many times, n >= 1.

    Raises
    ------
    TypeError
        If ``oracle`` is not an `Oracle`.
    ValueError
        If ``repeats`` is not a positive integer.

    Notes
    -----
    Independent noise of standard deviation :math:`\sigma` becomes :math:`\sigma / \sqrt n`; the
    number of queries is multiplied by n.

    Defined in the chapter Noise and finite differences.

    Examples
    --------
    >>> from openblackbox.networks import CountingOracle, ReLUNetwork
    >>> inside = CountingOracle(ReLUNetwork([[[1.0, 2.0]]]))
    >>> AveragedOracle(inside, repeats=4)([3.0, 1.0])
    array([5.])
    >>> inside.queries.evaluations
    4
    """

    def __init__(self, oracle, *, repeats):
        """Keep the oracle and the number of repeats."""
        check_oracle(oracle)
        self.oracle, self.repeats = oracle, integer("repeats", repeats)

    def _answer(self, question, *arguments):
        total = np.asarray(question(*arguments))
        for _ in range(self.repeats - 1):
            total = total + question(*arguments)
        return total / self.repeats
