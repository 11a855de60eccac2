r"""Clouds to start from, and teachers to learn from."""

import numpy as np

from openblackbox.arguments import choice, generator, integer, number, real_array
from openblackbox.meanfield.particles import Cloud

__all__ = ["STARTS", "plane_teacher", "start"]

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
    The support of the law of "balanced" separates the cones :math:`a > \|w\|` and
    :math:`a < -\|w\|` of parameter space; that of "one-sided" does not.

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
