"""Rows that several tests draw: normal ones, pairs of clouds, and the corners of polygons."""

import numpy as np

PAIRS = ("independent", "near", "same", "ties")


def drawn(s, m, p, seed=0):
    """Rows of independent normal points, shape (s, m, p)."""
    return np.random.default_rng([s, m, p, seed]).standard_normal((s, m, p))


def pair(kind, m, p, seed=0):
    """Two clouds: independent, 0.1 of noise apart, equal, or equal with repeated points."""
    u, other = np.random.default_rng([m, p, seed]).standard_normal((2, m, p))
    if kind == "ties":
        u = np.round(u)
    return u, {"independent": other, "near": u + 0.1 * other}.get(kind, u.copy())


def polygon(s, m):
    """The corners of a regular polygon, given to s rows in turn, shape (s, m, 2)."""
    angles = 2 * np.pi * np.arange(s * m) / (s * m)
    corners = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.stack([corners[k::s] for k in range(s)])
