"""Comparing two functions on fresh points of all sizes: a test, with what it is worth."""

from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.gauge import canonical

__all__ = ["Agreement", "agreement", "term_sizes"]


@dataclass(frozen=True)
class Agreement:
    r"""On how many fresh points two functions agree.

    Parameters
    ----------
    count : int
        Number of points.
    agree : numpy.ndarray of bool, shape (count,)
        Whether all outputs agree at a point.
    points : numpy.ndarray, shape (count, n_0)
        The points.
    residuals : numpy.ndarray, shape (count,)
        The largest error of an output at a point, relative to the size of the terms it sums.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.
    """

    count: int
    agree: np.ndarray
    points: np.ndarray
    residuals: np.ndarray

    @property
    def fraction(self):
        """The fraction of the points at which the functions agree."""
        return float(np.mean(self.agree))

    def error_bound(self, confidence=0.95):
        r"""Return an upper bound of the probability that the functions differ at a new point.

        With k of n points in disagreement, the solution p of
        :math:`P(\mathrm{Binomial}(n, p) \le k) = 1 - \mathrm{confidence}`. If the probability is
        above it, such good luck has a probability of at most :math:`1 - \mathrm{confidence}`.

        Parameters
        ----------
        confidence : float
            Between 0 and 1.

        Returns
        -------
        float
            The bound of Clopper and Pearson; 1 when no point agrees.

        Notes
        -----
        It concerns points drawn by the law of `agreement`, and no others.

        Defined in the chapter Beyond: biases, other graphs, open questions.
        """
        from scipy.special import betaincinv

        wrong = int(np.sum(~self.agree))
        if wrong == self.count:
            return 1.0
        return float(betaincinv(wrong + 1, self.count - wrong, confidence))


def agreement(oracle, network, *, rng, count=200, tolerance=1 / 2**26):
    r"""Compare a recovered network with the black box at fresh points of all sizes.

    .. math:: x = r\, D g, \qquad g \sim N(0, I), \qquad \log r \sim U

    Parameters
    ----------
    oracle : Oracle
        The black box; only values are asked.
    network : ReLUNetwork
        What is compared with it.
    rng : numpy.random.Generator
        Draws the points.
    count : int
        Number of points, at least 1.
    tolerance : float
        The relative error up to which values agree.

    Returns
    -------
    Agreement
        Where they agree.

    Raises
    ------
    ValueError
        If ``count`` is not positive.

    Notes
    -----
    The radius r runs, uniformly on a logarithmic scale, from the smallest to 64 times the largest
    bias of the network in its canonical form. D is the identity for half of the points, and
    diagonal for the others, with independent entries from 1/64 to 1, uniform on a logarithmic
    scale. The error of an output is relative to the sum of the absolute values of its terms, plus
    :math:`2^{-16}` of what the biases of all neurons, active or not, would add to it: a bias of 0
    was read from such terms, and may come back as a rounding error.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.networks import ReLUNetwork
    >>> one, other = ReLUNetwork([[[1.0]], [[1.0]]]), ReLUNetwork([[[1.0]], [[2.0]]])
    >>> 0 < agreement(one, other, rng=np.random.default_rng(0)).fraction < 1
    True
    """
    if not count >= 1:
        raise ValueError(f"count: expected at least 1 point, got {count!r}")
    sizes = np.abs(np.concatenate([[], *canonical(network).biases[:-1]]))
    sizes = sizes[sizes > 0] if (sizes > 0).any() else np.ones(1)
    radii = np.exp(rng.uniform(np.log(sizes.min()), np.log(64 * sizes.max()), count))
    points = radii[:, None] * rng.standard_normal((count, network.n_inputs))
    uneven = np.exp2(-rng.uniform(0, 6, points.shape))
    points[::2] *= uneven[::2]
    values = oracle(points)
    errors = np.abs(values - network(points))
    terms = np.maximum(term_sizes(network, points), np.abs(values)) + _all_biases(network) / 2**16
    residuals = np.divide(errors, terms, out=np.zeros(errors.shape), where=terms > 0).max(axis=1)
    return Agreement(count, residuals <= tolerance, points, residuals)


def _all_biases(network):
    """Return what the biases would add to every output, without cancellation, all neurons on."""
    sizes = np.abs(network.biases[0])
    for weight, bias in zip(network.weights[1:], network.biases[1:], strict=True):
        sizes = np.abs(weight) @ sizes + np.abs(bias)
    return sizes


def term_sizes(network, points):
    r"""Return the sums of the absolute values of the terms of every output.

    .. math:: t_0 = |x|, \qquad t_\ell = A_\ell(x)\, (|W_\ell|\, t_{\ell-1} + |b_\ell|),
       \qquad A_L = I

    Parameters
    ----------
    network : ReLUNetwork
        The network.
    points : array of shape (k, n_0)
        The points x.

    Returns
    -------
    array of shape (k, n_L)
        The sizes :math:`t_L`: rounding errors of f(x) are proportional to them.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> term_sizes(ReLUNetwork([[[1.0, -1.0]], [[2.0]]]), [[3.0, 2.0], [2.0, 3.0]])
    array([[10.],
           [ 0.]])
    """
    points = np.asarray(points)
    sizes, pattern = np.abs(points), network.activation_pattern(points)
    for weight, bias, active in zip(network.weights, network.biases, (*pattern, True), strict=True):
        sizes = active * (sizes @ np.abs(weight).T + np.abs(bias))
    return sizes
