r"""Clouds to start from, and teachers to learn from."""

import numpy as np

from openblackbox.arguments import choice, generator, integer, number, real_array
from openblackbox.meanfield.particles import Cloud

__all__ = ["STARTS", "degrees_to_teacher", "plane_teacher", "start"]

STARTS = ("balanced", "one-sided", "gaussian")


def start(kind, *, m, d, rng, scale=1.0):
    r"""Draw m independent particles.

    Parameters
    ----------
    kind : {"balanced", "one-sided", "gaussian"}
        With w uniform on the sphere of radius `scale`: "balanced", :math:`a = \pm \|w\|` with
        random signs; "one-sided", :math:`a = \|w\|`. "gaussian": all entries independent normal
        numbers with standard deviation `scale`.
    m, d : int
        Number of particles, dimension of the inputs.
    rng : numpy.random.Generator
        Draws the particles.
    scale : float
        A positive number.

    Returns
    -------
    Cloud
        The particles.

    Raises
    ------
    ValueError
        An unknown kind or a number out of range.
    TypeError
        If ``rng`` is no generator.

    Notes
    -----
    Without decay the flow of ReLU keeps the particles of "balanced" and "one-sided" balanced,
    :math:`|a| = \|w\|`, and the sign of a changes on none of them. So a cloud of "one-sided" has no
    particle with a negative outer weight, at any time.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> import numpy as np
    >>> from openblackbox.meanfield.starts import start
    >>> cloud = start("balanced", m=4, d=3, rng=np.random.default_rng(0))
    >>> np.allclose(np.abs(cloud.a), np.linalg.norm(cloud.w, axis=1))
    True
    """
    choice("kind", kind, STARTS)
    m, d, rng, scale = integer("m", m), integer("d", d), generator(rng), number("scale", scale)
    if kind == "gaussian":
        return Cloud(scale * rng.standard_normal(m), scale * rng.standard_normal((m, d)))
    w = rng.standard_normal((m, d))
    w *= scale / np.linalg.norm(w, axis=1, keepdims=True)
    signs = rng.choice([-1.0, 1.0], m) if kind == "balanced" else np.ones(m)
    return Cloud(signs * scale, w)


def plane_teacher(degrees=(10, 130, 250), signs=(1, -1, 1)):
    r"""Make a small network in the plane from the directions of its neurons.

    Parameters
    ----------
    degrees : array_like, shape (k,)
        Angles of the unit vectors :math:`w_j`, in degrees.
    signs : array_like, shape (k,)
        Outer weights :math:`a_j`.

    Returns
    -------
    Cloud
        k particles with inner weights of length 1.

    Raises
    ------
    ValueError
        Different numbers of angles and weights, or none.

    Notes
    -----
    As a cloud its function is the mean of its neurons, not their sum.

    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.starts import plane_teacher
    >>> plane_teacher((0, 90), (1, -2)).a
    array([ 1., -2.])
    """
    angles = np.deg2rad(real_array("degrees", degrees, ndim=1))
    signs = real_array("signs", signs, ndim=1)
    if len(signs) != len(angles):
        raise ValueError(f"signs: expected {len(angles)} of them, one per angle, got {len(signs)}")
    return Cloud(signs, np.column_stack([np.cos(angles), np.sin(angles)]))


def degrees_to_teacher(cloud, teacher):
    r"""Measure how far each particle is from the nearest neuron of a teacher of its own sign.

    .. math:: \min \Big\{ \arccos \frac{w_j \cdot w^*_k}{\|w_j\|\,\|w^*_k\|} :
              a_j a^*_k > 0 \Big\}

    Parameters
    ----------
    cloud : Cloud
        The particles; no :math:`w_j` is zero.
    teacher : Cloud
        The neurons :math:`(a^*_k, w^*_k)`; no :math:`w^*_k` is zero.

    Returns
    -------
    numpy.ndarray, shape (m,)
        Angles in degrees, from 0 to 180; 180 also where no neuron has the sign.

    Raises
    ------
    ValueError
        Clouds of different dimensions, or an inner weight that is zero.

    Notes
    -----
    Defined in the chapter Two-layer networks as particles.

    Examples
    --------
    >>> from openblackbox.meanfield.particles import Cloud
    >>> from openblackbox.meanfield.starts import degrees_to_teacher, plane_teacher
    >>> cloud = Cloud([2.0, -1.0], [[1.0, 0.0], [0.0, 3.0]])
    >>> degrees_to_teacher(cloud, plane_teacher((30, 120, 200), (1, -1, -1))).round(6)
    array([30., 30.])
    """
    if cloud.d != teacher.d:
        raise ValueError(f"teacher: expected inner weights of {cloud.d} entries, got {teacher.d}")
    units = []
    for name, one in (("cloud", cloud), ("teacher", teacher)):
        norms = np.linalg.norm(one.w, axis=1, keepdims=True)
        if not norms.all():
            raise ValueError(f"{name}: expected inner weights that are not zero")
        units.append(one.w / norms)
    cosines = np.where(np.outer(cloud.a, teacher.a) > 0, units[0] @ units[1].T, -1)
    return np.rad2deg(np.arccos(np.clip(cosines.max(axis=1), -1, 1)))
