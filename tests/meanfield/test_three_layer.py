"""Networks with three layers: against loops and torch, symmetries, penalties, and bad input."""

import math

import numpy as np
import pytest
import torch
from block_cases import random_blocks, random_shared
from openblackbox.meanfield.blocks import BlockNetwork
from openblackbox.meanfield.three_layer import (
    SharedNetwork,
    duplicate,
    evaluate,
    exact_degree_masks,
    path_norm,
)


def blocks():
    rng = np.random.default_rng(0)
    return random_blocks(rng), rng.standard_normal((7, 4))


def shared():
    rng = np.random.default_rng(0)
    return random_shared(rng), rng.standard_normal((7, 4))


SIGMAS = {"relu": lambda h: max(h, 0.0), "tanh": math.tanh}


@pytest.mark.parametrize("activation", SIGMAS)
def test_blocks_against_loops(activation):
    network, x = blocks()
    sigma, slow = SIGMAS[activation], []
    for point in x:
        total = 0.0
        for j in range(5):
            middle = 0.0
            for k in range(3):
                middle += network.u[j, k] * sigma(
                    sum(network.w[j, k, i] * point[i] for i in range(4))
                )
            total += network.a[j] * sigma(middle)
        slow.append(total / 5)
    np.testing.assert_allclose(
        evaluate(network, x, activation=activation), slow, rtol=1e-13, atol=1e-15
    )


@pytest.mark.parametrize("activation", SIGMAS)
def test_a_shared_first_layer_against_loops(activation):
    network, x = shared()
    sigma, slow = SIGMAS[activation], []
    for point in x:
        first = [sigma(row @ point) for row in network.w]
        total = 0.0
        for j in range(5):
            total += network.a[j] * sigma(
                sum(network.u[j, i] * first[i] for i in range(6) if network.mask[j, i])
            )
        slow.append(total / 5)
    np.testing.assert_allclose(
        evaluate(network, x, activation=activation), slow, rtol=1e-13, atol=1e-15
    )


def test_both_kinds_against_torch():
    network, x = blocks()
    a, u, w, points = (torch.tensor(v) for v in (network.a, network.u, network.w, x))
    inner = torch.relu(torch.einsum("jkd,nd->njk", w, points))
    expected = torch.mean(a * torch.relu(torch.einsum("njk,jk->nj", inner, u)), dim=1)
    np.testing.assert_allclose(evaluate(network, x), expected.numpy(), rtol=1e-13, atol=1e-15)
    network, x = shared()
    first = torch.nn.functional.linear(torch.tensor(x), torch.tensor(network.w))
    weight = torch.tensor(network.u) * torch.tensor(network.mask)
    second = torch.relu(torch.nn.functional.linear(torch.relu(first), weight))
    expected = second @ torch.tensor(network.a) / 5
    np.testing.assert_allclose(evaluate(network, x), expected.numpy(), rtol=1e-13, atol=1e-15)


def test_weights_outside_the_mask_do_not_count():
    network, x = shared()
    noisy = SharedNetwork(
        network.a, network.u + 9.0 * ~network.mask, network.w, network.mask.astype(int)
    )
    assert np.array_equal(noisy.u, network.u)
    assert np.array_equal(evaluate(noisy, x), evaluate(network, x))


def test_masks_have_exact_degrees_and_each_subset_is_as_likely():
    mask = exact_degree_masks(6000, 4, 2, rng=np.random.default_rng(1))
    assert mask.dtype == bool
    assert (mask.sum(axis=1) == 2).all()
    _, counts = np.unique(mask, axis=0, return_counts=True)
    assert len(counts) == 6
    assert np.abs(counts - 1000).max() < 5 * math.sqrt(6000 * 5 / 36)
    assert exact_degree_masks(2, 3, 3, rng=np.random.default_rng(0)).all()


@pytest.mark.parametrize("activation", SIGMAS)
def test_duplication_keeps_the_function_and_the_path_norm(activation):
    network, x = shared()
    copy = duplicate(network)
    assert (copy.m, copy.s, copy.d) == (network.m, network.s, network.d)
    np.testing.assert_allclose(
        evaluate(copy, x, activation=activation),
        evaluate(network, x, activation=activation),
        rtol=1e-13,
        atol=1e-15,
    )
    assert path_norm(copy) == pytest.approx(path_norm(network), rel=1e-14)
    for j in range(5):
        read = np.flatnonzero(network.mask[j])
        assert np.array_equal(copy.w[j], network.w[read])


def test_path_norm_against_loops():
    network, _ = blocks()
    slow = sum(
        abs(network.a[j]) * abs(network.u[j, k]) * math.hypot(*network.w[j, k])
        for j in range(5)
        for k in range(3)
    )
    assert path_norm(network) == pytest.approx(slow / 5, rel=1e-14)


def test_arrays_are_frozen_copies():
    a = np.ones(1)
    network = BlockNetwork(a, [[1.0]], [[[1.0]]])
    a[0] = 7
    assert network.a[0] == 1
    with pytest.raises(ValueError, match="read-only"):
        network.w[0, 0, 0] = 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], np.ones((0, 1)), np.ones((0, 1, 1))), "a: expected at least one"),
        (([1.0], [[1.0], [1.0]], [[[1.0]]]), r"u: expected shape \(1, s\)"),
        (([1.0], np.ones((1, 0)), np.ones((1, 0, 2))), "u: expected shape"),
        (([1.0], [[1.0, 2.0]], [[[1.0]]]), r"w: expected shape \(1, 2, d\)"),
        (([1.0], [[1.0]], np.ones((1, 1, 0))), "w: expected shape"),
        (([np.nan], [[1.0]], [[[1.0]]]), "a: expected finite"),
        (([1.0], [[1.0]], [[[np.inf]]]), "w: expected finite"),
        (([1.0], [1.0], [[[1.0]]]), "u: expected 2 axes"),
    ],
)
def test_blocks_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        BlockNetwork(*arguments)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"a": []}, "a: expected at least one"),
        ({"u": np.ones((3, 3))}, r"u: expected shape \(2, k\)"),
        ({"w": np.ones((2, 1))}, r"w: expected shape \(3, d\)"),
        ({"mask": np.ones((3, 2))}, r"mask: expected shape \(2, 3\)"),
        ({"mask": [[1, 1, 0], [1, 0, 0]]}, "mask: expected the same number of ones"),
        ({"mask": np.zeros((2, 3))}, "mask: expected the same number of ones, at least 1"),
        ({"mask": np.full((2, 3), 2)}, "mask: expected entries 0 and 1"),
        ({"u": np.full((2, 3), np.nan)}, "u: expected finite"),
    ],
)
def test_shared_networks_that_are_refused(changes, message):
    good = {"a": np.ones(2), "u": np.ones((2, 3)), "w": np.ones((3, 1)), "mask": np.ones((2, 3))}
    SharedNetwork(**good)
    with pytest.raises(ValueError, match=message):
        SharedNetwork(**(good | changes))


def test_other_input_that_is_refused():
    network, x = blocks()
    with pytest.raises(ValueError, match="x: expected points of 4 entries"):
        evaluate(network, x[:, :3])
    with pytest.raises(ValueError, match="activation"):
        evaluate(network, x, activation="sine")
    with pytest.raises(ValueError, match="s: expected an integer from 1 to 3"):
        exact_degree_masks(2, 3, 4, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng"):
        exact_degree_masks(2, 3, 2, rng=0)
    with pytest.raises(TypeError, match="shared: expected a SharedNetwork"):
        duplicate(network)
    for function in (path_norm, lambda other: evaluate(other, x)):
        with pytest.raises(TypeError, match="network: expected a BlockNetwork or"):
            function(3.0)
