"""Networks in torch against their numpy oracles, duplication, and finite differences."""

import numpy as np
import pytest
import torch
from block_cases import random_blocks, random_shared
from openblackbox.meanfield.blocks import BlockNetwork
from openblackbox.meanfield.particles import Cloud, predict
from openblackbox.meanfield.penalties import penalty
from openblackbox.meanfield.three_layer import duplicate, evaluate, path_norm
from openblackbox.meanfield.three_layer_torch import to_torch


def draw(kind, seed=0):
    rng = np.random.default_rng(seed)
    if kind == "two-layer":
        return Cloud(rng.standard_normal(6), rng.standard_normal((6, 4)))
    return random_blocks(rng, m=6) if kind == "blocks" else random_shared(rng, m=6, k=5)


KINDS = ("two-layer", "blocks", "shared")


def values(network, x):
    return predict(network, x) if isinstance(network, Cloud) else evaluate(network, x)


def norm_of(network):
    if isinstance(network, Cloud):
        return np.mean(penalty(network, kind="path"))
    return path_norm(network)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_path_norm_are_those_of_the_oracle(kind, seed):
    network, x = draw(kind, seed), np.random.default_rng(9).standard_normal((30, 4))
    copy = to_torch(network)
    assert copy.kind == kind
    assert all(weight.dtype == torch.float64 for weight in copy.weights.values())
    f = copy(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(f, values(network, x), rtol=1e-12, atol=1e-14)
    assert copy.path_norm().item() == pytest.approx(norm_of(network), rel=1e-13)


def test_a_block_by_hand():
    network = to_torch(BlockNetwork([2.0], [[3.0, -1.0]], [[[0.0, 1.0], [3.0, 4.0]]]))
    x = torch.tensor([[1.0, 2.0], [-1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    # inner: (2, 11), (1, 1), (0, 0); middle: -5, 2, 0
    assert network(x).tolist() == [0.0, 4.0, 0.0]
    assert network.path_norm().item() == 2 * (3 + 5)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_differences_of_the_oracle(kind):
    network, x = draw(kind, 3), np.random.default_rng(8).standard_normal((10, 4))
    copy = to_torch(network)
    (copy(torch.from_numpy(x)).sum() + copy.path_norm()).backward()
    for name, weight in copy.weights.items():
        rng = np.random.default_rng(7)
        step = rng.standard_normal(weight.shape)
        arrays = {key: getattr(network, key) for key in copy.weights}
        ends = []
        for sign in (1e-6, -1e-6):
            moved = arrays | {name: arrays[name] + sign * step}
            extra = {"mask": network.mask} if kind == "shared" else {}
            other = type(network)(**moved, **extra)
            ends.append(values(other, x).sum() + norm_of(other))
        slope = (ends[0] - ends[1]) / 2e-6
        found = float((weight.grad.numpy() * step).sum())
        assert found == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_hidden_entries_have_no_gradient():
    network = to_torch(draw("shared"))
    x = torch.from_numpy(np.random.default_rng(1).standard_normal((50, 4)))
    (network(x).sum() + network.path_norm()).backward()
    outside = network.mask == 0
    assert (network.weights["u"].grad[outside] == 0).all()
    assert (network.weights["u"].grad[~outside] != 0).any()


def test_a_gradient_of_the_shared_layer_is_the_sum_of_those_of_its_copies():
    shared = draw("shared", 4)
    blocks = duplicate(shared)
    one, many = to_torch(shared), to_torch(blocks)
    x = torch.from_numpy(np.random.default_rng(2).standard_normal((20, 4)))
    np.testing.assert_allclose(one(x).detach(), many(x).detach(), rtol=1e-12, atol=1e-14)
    for network in (one, many):
        ((network(x) - 1) ** 2).mean().backward()
    columns = np.nonzero(shared.mask)[1].reshape(shared.m, shared.s)
    total = np.zeros((shared.k, shared.d))
    np.add.at(total, columns, many.weights["w"].grad.numpy())
    np.testing.assert_allclose(one.weights["w"].grad.numpy(), total, rtol=1e-11, atol=1e-14)


def test_rows_are_the_inner_weights_by_position():
    blocks = draw("blocks")
    rows = to_torch(blocks).rows()
    assert tuple(rows.shape) == (3, 6, 4)
    np.testing.assert_array_equal(rows.detach().numpy()[2, 1], blocks.w[1, 2])
    for kind in ("two-layer", "shared"):
        with pytest.raises(ValueError, match=f"expected a network of blocks, got a {kind}"):
            to_torch(draw(kind)).rows()


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(kind):
    network = draw(kind)
    copy = to_torch(network)
    with torch.no_grad():
        copy.weights["w"].mul_(2.0)
    back = copy.to_numpy()
    assert type(back) is type(network)
    np.testing.assert_array_equal(back.w, 2 * network.w)  # and the original did not move
    np.testing.assert_array_equal(back.a, network.a)
    if kind != "two-layer":
        np.testing.assert_array_equal(back.u, network.u)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match="expected one of Cloud, BlockNetwork, SharedNetwork, got"):
        to_torch([1.0])
