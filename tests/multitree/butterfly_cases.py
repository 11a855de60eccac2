"""Butterflies and matrices that several test modules share."""

import numpy as np
from openblackbox.multitree.butterfly import Butterfly


def draw(n_layers, seed, *, complex_=False, dtype=np.float64):
    """Draw a butterfly with standard normal weights."""
    rng = np.random.default_rng(seed)
    shape = (n_layers, 2, 2, 2 ** (n_layers - 1))
    blocks = rng.standard_normal(shape)
    if complex_:
        blocks = blocks + 1j * rng.standard_normal(shape)
    return Butterfly(blocks.astype(np.result_type(dtype, np.complex64) if complex_ else dtype))


def white(size, seed, *, complex_=False):
    """Draw white noise of norm 1."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((size, size))
    if complex_:
        noise = noise + 1j * rng.standard_normal((size, size))
    return noise / np.linalg.norm(noise)
