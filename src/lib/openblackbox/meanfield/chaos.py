r"""Clouds of different sizes: their distances, and the distances of their functions.

Squares are meant everywhere: :math:`W_2^2`, :math:`SW_2^2` and :math:`\|f_\mu - f_{\mu'}\|_\nu^2`.
"""

import numpy as np
from scipy.spatial.distance import cdist

from openblackbox.arguments import generator, integer
from openblackbox.meanfield.assignment import MANY_PIVOTS
from openblackbox.meanfield.particles import ACTIVATIONS, Cloud, predict
from openblackbox.optional import needed_by

__all__ = [
    "cloud_distance",
    "first_particles",
    "function_error",
    "sampling_variance",
    "sliced_distance",
    "split_cloud",
]


def first_particles(cloud, m):
    r"""Take the first m particles of a cloud, as a cloud of its own.

    Parameters
    ----------
    cloud : Cloud
        M particles.
    m : int
        From 1 to M.

    Returns
    -------
    Cloud
        m particles, of mass 1/m each.

    Raises
    ------
    ValueError
        A number out of range.

    Notes
    -----
    If the M particles are independent, so are the first m, with the same law.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos import first_particles
    >>> from openblackbox.meanfield.particles import Cloud
    >>> first_particles(Cloud([1.0, 2.0, 3.0], [[0.0], [1.0], [2.0]]), 2).a
    array([1., 2.])
    """
    m = integer("m", m, most=cloud.m)
    return Cloud(cloud.a[:m], cloud.w[:m])


def split_cloud(cloud, m):
    r"""Cut a cloud into clouds of m particles, in their order.

    Parameters
    ----------
    cloud : Cloud
        M particles.
    m : int
        A divisor of M.

    Returns
    -------
    list of Cloud
        M / m clouds, of particles of mass 1/m each.

    Raises
    ------
    ValueError
        If m does not divide M.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos import split_cloud
    >>> from openblackbox.meanfield.particles import Cloud
    >>> [part.a.tolist() for part in split_cloud(Cloud([1.0, 2.0], [[0.0], [1.0]]), 1)]
    [[1.0], [2.0]]
    """
    m = integer("m", m, most=cloud.m)
    if cloud.m % m:
        raise ValueError(f"m: expected a divisor of {cloud.m}, got {m}")
    return [Cloud(cloud.a[k : k + m], cloud.w[k : k + m]) for k in range(0, cloud.m, m)]


def cloud_distance(cloud, other):
    r"""Compute the squared Wasserstein distance of two clouds, of any two sizes.

    .. math:: W_2^2(\mu_m, \mu_M) = \min_\pi \sum_{i,j} \pi_{ij} \|\theta_i - \theta'_j\|^2,

    where :math:`\pi \ge 0` has the row sums 1/m and the column sums 1/M.

    Parameters
    ----------
    cloud, other : Cloud
        The clouds, of m and M particles.

    Returns
    -------
    float
        The square of the distance.

    Raises
    ------
    ValueError
        Inner weights of different dimensions.
    ImportError
        If POT is not installed.

    Notes
    -----
    The network simplex of POT, which is exact. Memory m M; time between m M and its square.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos import cloud_distance
    >>> from openblackbox.meanfield.particles import Cloud
    >>> one, two = Cloud([0.0], [[0.0]]), Cloud([1.0, 3.0], [[0.0], [0.0]])
    >>> round(cloud_distance(one, two), 12)
    5.0
    """
    same_dimension(cloud, other)
    with needed_by("cloud_distance", "pot"):
        import ot
    masses = [np.full(one.m, 1 / one.m) for one in (cloud, other)]
    costs = cdist(cloud.theta, other.theta, "sqeuclidean")
    return float(ot.emd2(*masses, costs, numItermax=MANY_PIVOTS, check_marginals=False))


def sliced_distance(cloud, other, *, rng, directions=200):
    r"""Estimate the squared sliced Wasserstein distance of two clouds, of any two sizes.

    .. math:: SW_2^2(\mu, \mu') = \int_{S} W_2^2(u_\# \mu, u_\# \mu')\,du
              \ \le\ \frac1p\,W_2^2(\mu, \mu'), \qquad p = 1 + d,

    where :math:`u_\# \mu` is the law of :math:`u \cdot \theta`, on the line.

    Parameters
    ----------
    cloud, other : Cloud
        The clouds.
    rng : numpy.random.Generator
        Draws the directions u, uniform on the sphere.
    directions : int
        How many.

    Returns
    -------
    float
        The mean over the directions of the squared distances on the line, each of which is exact.

    Raises
    ------
    ValueError
        Inner weights of different dimensions, or no direction.
    TypeError
        If ``rng`` is no generator.
    ImportError
        If POT is not installed.

    Notes
    -----
    POT sorts the projections: m log m for each direction.

    Defined in the chapter Many particles.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.chaos import sliced_distance
    >>> from openblackbox.meanfield.particles import Cloud
    >>> one, two = Cloud([0.0], [[0.0]]), Cloud([3.0], [[4.0]])
    >>> value = sliced_distance(one, two, rng=np.random.default_rng(0), directions=10_000)
    >>> abs(value - 25 / 2) < 0.5
    True
    """
    same_dimension(cloud, other)
    directions = integer("directions", directions)
    u = generator(rng).standard_normal((1 + cloud.d, directions))
    u /= np.linalg.norm(u, axis=0)
    with needed_by("sliced_distance", "pot"):
        import ot
    value = ot.sliced_wasserstein_distance(cloud.theta, other.theta, projections=u)
    return float(value) ** 2


def function_error(cloud, other, x, *, activation="relu"):
    r"""Compare two clouds by their functions, :math:`\|f_\mu - f_{\mu'}\|_\nu^2`.

    Parameters
    ----------
    cloud, other : Cloud
        The clouds, of any two sizes.
    x : array_like, shape (n, d)
        The points; :math:`\nu` is the uniform law on them.
    activation : {"relu", "tanh"}
        :math:`\sigma`.

    Returns
    -------
    float
        The mean of the squared differences.

    Raises
    ------
    ValueError
        Points of another dimension, or an unknown activation.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos import function_error
    >>> from openblackbox.meanfield.particles import Cloud
    >>> one, two = Cloud([1.0], [[1.0]]), Cloud([1.0, 1.0], [[1.0], [-1.0]])
    >>> function_error(one, two, [[2.0], [-2.0]])
    1.0
    """
    f, g = (predict(one, x, activation=activation) for one in (cloud, other))
    return float(np.mean((f - g) ** 2))


def sampling_variance(cloud, x, *, activation="relu"):
    r"""Evaluate the variance of the feature of one particle drawn from a cloud.

    .. math:: \operatorname{Var}(\mu) = \int \|\varphi(\theta)\|_\nu^2\,\mu(d\theta)
              - \|f_\mu\|_\nu^2

    Parameters
    ----------
    cloud : Cloud
        The law :math:`\mu`.
    x : array_like, shape (n, d)
        The points; :math:`\nu` is the uniform law on them.
    activation : {"relu", "tanh"}
        :math:`\sigma`.

    Returns
    -------
    float
        The variance. For m independent particles of the law :math:`\mu` it is m times
        :math:`\mathbb{E} \|f_{\mu_m} - f_\mu\|_\nu^2`.

    Raises
    ------
    ValueError
        Points of another dimension, or an unknown activation.

    Notes
    -----
    Defined in the chapter Many particles.

    Examples
    --------
    >>> from openblackbox.meanfield.chaos import sampling_variance
    >>> from openblackbox.meanfield.particles import Cloud
    >>> sampling_variance(Cloud([1.0, 3.0], [[1.0], [1.0]]), [[1.0], [2.0]])
    2.5
    """
    f = predict(cloud, x, activation=activation)
    inner = np.asarray(x, dtype=f.dtype) @ cloud.w.T
    features = ACTIVATIONS[activation].value(inner) * cloud.a
    return float(np.mean((features - f[:, None]) ** 2))


def same_dimension(cloud, other):
    """Refuse inner weights of different dimensions."""
    if other.d != cloud.d:
        raise ValueError(f"other: expected inner weights of {cloud.d} entries, got {other.d}")
