"""Random networks with three layers, for the tests of several modules."""

from openblackbox.meanfield.blocks import BlockNetwork
from openblackbox.meanfield.three_layer import SharedNetwork, exact_degree_masks


def random_blocks(rng, *, m=5, s=3, d=4):
    """Draw m blocks with normal weights."""
    return BlockNetwork(
        rng.standard_normal(m), rng.standard_normal((m, s)), rng.standard_normal((m, s, d))
    )


def random_shared(rng, *, m=5, k=6, s=3, d=4):
    """Draw a network with normal weights in which m neurons read s of k shared ones each."""
    mask = exact_degree_masks(m, k, s, rng=rng)
    return SharedNetwork(
        rng.standard_normal(m), rng.standard_normal((m, k)), rng.standard_normal((k, d)), mask
    )
