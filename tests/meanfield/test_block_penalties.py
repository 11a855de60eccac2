"""Penalties of blocks: by hand, inequalities, and the blocks that attain them."""

import math

import numpy as np
import pytest
from block_cases import random_blocks
from openblackbox.meanfield.block_penalties import balanced, block_penalties
from openblackbox.meanfield.blocks import BlockNetwork
from openblackbox.meanfield.three_layer import SharedNetwork, evaluate, path_norm


def blocks():
    rng = np.random.default_rng(0)
    return random_blocks(rng), rng.standard_normal((7, 4))


def test_penalties_of_a_block_by_hand():
    one = BlockNetwork([-2.0], [[3.0, 4.0]], [[[0.0, 1.0], [2.0, 2.0]]])
    assert block_penalties(one)[0] == pytest.approx(2 * (3 + 4 * math.sqrt(8)), rel=1e-14)
    assert block_penalties(one, kind="product")[0] == pytest.approx(30, rel=1e-14)
    assert block_penalties(one, kind="half-square")[0] == pytest.approx((4 + 25 + 9) / 2)


def test_rescaling_inside_a_block_keeps_function_and_path_penalties_but_not_the_product():
    network, x = blocks()
    rng = np.random.default_rng(2)
    inner, outer = np.exp(rng.standard_normal((5, 3))), np.exp(rng.standard_normal(5))
    other = BlockNetwork(
        network.a / outer,
        network.u * outer[:, None] * inner,
        network.w / inner[..., None],
    )
    np.testing.assert_allclose(evaluate(other, x), evaluate(network, x), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(block_penalties(other), block_penalties(network), rtol=1e-13)
    moved = block_penalties(other, kind="product") / block_penalties(network, kind="product")
    assert np.abs(moved - 1).max() > 0.1


def test_the_balanced_blocks_attain_the_inequalities():
    network, x = blocks()
    even = balanced(network)
    np.testing.assert_allclose(evaluate(even, x), evaluate(network, x), rtol=1e-12, atol=1e-15)
    path = block_penalties(network)
    size = np.cbrt(path)
    np.testing.assert_allclose(block_penalties(even), path, rtol=1e-13)
    np.testing.assert_allclose(block_penalties(even, kind="product"), path, rtol=1e-13)
    np.testing.assert_allclose(
        block_penalties(even, kind="half-square"), 1.5 * path ** (2 / 3), rtol=1e-13
    )
    np.testing.assert_allclose(np.abs(even.a), size, rtol=1e-13)
    np.testing.assert_allclose(np.abs(even.u), np.linalg.norm(even.w, axis=2), rtol=1e-13)
    assert (path <= block_penalties(network, kind="product")).all()
    assert (1.5 * path ** (2 / 3) <= block_penalties(network, kind="half-square")).all()


def test_a_block_without_paths_becomes_zero():
    even = balanced(BlockNetwork([0.0, 1.0], [[1.0], [0.0]], [[[1.0]], [[3.0]]]))
    for array in (even.a, even.u, even.w):
        assert not array.any()


def test_what_is_refused():
    network, _ = blocks()
    assert np.mean(block_penalties(network)) == pytest.approx(path_norm(network), rel=1e-14)
    with pytest.raises(ValueError, match="kind"):
        block_penalties(network, kind="l1")
    shared = SharedNetwork([1.0], [[1.0]], [[1.0]], [[1]])
    for function in (balanced, block_penalties):
        with pytest.raises(TypeError, match="network: expected a BlockNetwork, got a Shared"):
            function(shared)
