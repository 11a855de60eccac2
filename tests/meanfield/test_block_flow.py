"""Flows of blocks: against torch, differences, what they conserve, and what is refused."""

import math

import numpy as np
import pytest
import torch
from block_cases import random_blocks
from openblackbox.meanfield.block_directions import on_spheres, sphere_start
from openblackbox.meanfield.block_flow import (
    block_risk,
    block_velocity,
    run_blocks,
    sphere_velocity,
)
from openblackbox.meanfield.blocks import BlockNetwork
from openblackbox.meanfield.particles import Regression
from openblackbox.meanfield.three_layer import evaluate

SIGMAS = {"relu": torch.relu, "tanh": torch.tanh}


def draw(activation="relu", decay=0.0):
    rng = np.random.default_rng(0)
    network = random_blocks(rng, m=4, s=3, d=2)
    task = Regression(
        rng.standard_normal((9, 2)), rng.standard_normal(9), decay=decay, activation=activation
    )
    return network, task


def torch_risk(a, u, w, task, *, decay=0.0, spheres=False):
    sigma = SIGMAS[task.activation]
    if spheres:
        u, w = (v / v.norm(dim=-1, keepdim=True) for v in (u, w))
    inner = sigma(torch.einsum("jkd,nd->njk", w, torch.tensor(task.x)))
    f = torch.mean(a * sigma(torch.einsum("njk,jk->nj", inner, u)), dim=1)
    return torch.mean((f - torch.tensor(task.y)) ** 2) + decay * a.abs().mean()


def torch_velocity(network, task, **options):
    leaves = [torch.tensor(v, requires_grad=True) for v in (network.a, network.u, network.w)]
    loss = torch_risk(*leaves, task, **options)
    loss.backward()
    return loss.item(), [-network.m * leaf.grad.numpy() for leaf in leaves]


@pytest.mark.parametrize("activation", SIGMAS)
def test_the_velocity_in_the_weights_against_torch(activation):
    network, task = draw(activation)
    loss, expected = torch_velocity(network, task)
    assert block_risk(network, task) == pytest.approx(loss, rel=1e-13)
    moved = block_velocity(network, task)
    for mine, theirs in zip((moved.a, moved.u, moved.w), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("activation", SIGMAS)
def test_the_velocity_on_spheres_against_torch(activation):
    # The gradient of the function of normalized directions, at length 1, is the tangent one.
    network, task = draw(activation, decay=0.3)
    network = on_spheres(network)
    loss, expected = torch_velocity(network, task, decay=0.3, spheres=True)
    assert block_risk(network, task) == pytest.approx(loss, rel=1e-13)
    moved = sphere_velocity(network, task)
    for mine, theirs in zip((moved.a, moved.u, moved.w), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-13)
    assert np.abs(np.sum(moved.u * network.u, axis=1)).max() < 1e-13
    assert np.abs(np.sum(moved.w * network.w, axis=2)).max() < 1e-13


def test_a_block_at_rest_starts_only_if_the_price_exceeds_the_decay():
    x, y = np.array([[1.0]]), np.array([2.0])
    still = BlockNetwork([0.0], [[1.0]], [[[1.0]]])
    for decay, speed in ((5.0, 0.0), (4.0, 0.0), (3.0, 1.0)):  # h = -4
        assert sphere_velocity(still, Regression(x, y, decay=decay)).a[0] == speed
        assert sphere_velocity(still, Regression(x, -y, decay=decay)).a[0] == -speed


def test_relu_blocks_keep_their_balances():
    network, task = draw()
    moved = block_velocity(network, task)
    outer = network.a * moved.a - np.sum(network.u * moved.u, axis=1)
    inner = network.u * moved.u - np.sum(network.w * moved.w, axis=2)
    assert np.abs(outer).max() < 1e-13
    assert np.abs(inner).max() < 1e-13


@pytest.mark.parametrize("space", ["weights", "spheres"])
def test_the_risk_falls_at_the_rate_of_the_squared_velocities(space):
    network, task = draw("tanh")
    network = on_spheres(network)
    field = {"weights": block_velocity, "spheres": sphere_velocity}[space]
    moved = field(network, task)
    rate = -np.mean(moved.a**2 + np.sum(moved.u**2, axis=1) + np.sum(moved.w**2, axis=(1, 2)))
    quotients = [
        np.diff(run_blocks(network, task, step=tau, steps=1, space=space).risks)[0] / tau
        for tau in (1e-4, 5e-5)
    ]
    assert 2 * quotients[1] - quotients[0] == pytest.approx(rate, rel=1e-5)


def test_with_decay_the_risk_falls_at_the_rate_of_the_squared_velocities_too():
    # Two blocks with a = 0: one is held there by the decay, the other is set free.
    network, task = draw("tanh", decay=0.05)
    network = on_spheres(network)
    network = BlockNetwork(network.a * [0, 1, 0, 1], network.u, network.w)
    prices = np.abs(sphere_velocity(network, Regression(task.x, task.y, activation="tanh")).a)
    decay = (prices[0] + prices[2]) / 2
    task = Regression(task.x, task.y, decay=decay, activation="tanh")
    moved = sphere_velocity(network, task)
    assert (moved.a[[0, 2]] == 0).sum() == 1
    rate = -np.mean(moved.a**2 + np.sum(moved.u**2, axis=1) + np.sum(moved.w**2, axis=(1, 2)))
    quotients = [
        np.diff(run_blocks(network, task, step=tau, steps=1).risks)[0] / tau for tau in (1e-4, 5e-5)
    ]
    assert 2 * quotients[1] - quotients[0] == pytest.approx(rate, rel=1e-5)


def test_the_path_records_what_it_says():
    network, task = draw("tanh", decay=0.1)
    path = run_blocks(on_spheres(network), task, step=0.05, steps=7, every=3)
    np.testing.assert_allclose(path.times, [0, 0.15, 0.3, 0.35], rtol=1e-14)
    assert len(path.networks) == 4
    assert path.last is path.networks[-1]
    assert path.risks[-1] == block_risk(path.last, task)
    twice = run_blocks(path.networks[2], task, step=0.05, steps=1).last
    np.testing.assert_allclose(twice.u, path.last.u, rtol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(path.last.u, axis=1), 1, rtol=1e-14)
    np.testing.assert_allclose(np.linalg.norm(path.last.w, axis=2), 1, rtol=1e-14)


def test_the_penalty_is_taken_implicitly():
    # One block, one point: a moves to a + tau (-h), then by tau lambda towards 0, not across it.
    task = Regression([[1.0]], [1.0], decay=0.5)
    for a, expected in ((3.0, 3 - 0.1 * 4 - 0.05), (0.0, 0.2 - 0.05), (1.2, 1.2 - 0.04 - 0.05)):
        path = run_blocks(BlockNetwork([a], [[1.0]], [[[1.0]]]), task, step=0.1, steps=1)
        assert path.last.a[0] == pytest.approx(expected, rel=1e-14)
    strong = Regression([[1.0]], [1.0], decay=30.0)
    assert (
        run_blocks(BlockNetwork([0.3], [[1.0]], [[[1.0]]]), strong, step=0.1, steps=1).last.a == 0
    )


def test_the_start():
    network = sphere_start(3000, 2, 3, rng=np.random.default_rng(0))
    assert not network.a.any()
    assert not evaluate(network, np.ones((1, 3))).any()
    # Uniform directions: means 0 and second moments 1/2, 1/3, within 5 standard errors.
    assert np.abs(network.u.mean(axis=0)).max() < 5 * math.sqrt(0.5 / 3000)
    assert np.abs(network.w.mean(axis=(0, 1))).max() < 5 * math.sqrt(1 / 3 / 6000)
    assert np.abs((network.u**2).mean(axis=0) - 0.5).max() < 5 * 0.36 / math.sqrt(3000)


def test_what_is_refused():
    network, task = draw()
    with pytest.raises(TypeError, match="network: expected a BlockNetwork"):
        block_risk(3, task)
    with pytest.raises(TypeError, match="task: expected a Regression"):
        block_velocity(network, 3)
    with pytest.raises(ValueError, match="network: expected inner weights of 3"):
        block_velocity(network, Regression(np.ones((1, 3)), np.ones(1)))
    with pytest.raises(ValueError, match="task: expected a Regression without decay"):
        block_velocity(network, Regression(task.x, task.y, decay=0.1))
    with pytest.raises(ValueError, match="network: expected directions of length 1"):
        sphere_velocity(network, task)
    nearly = (BlockNetwork([1.0], [[1 + e]], [[[1.0]]]) for e in (0.9995e-9, 1.0005e-9))
    point = Regression([[1.0]], [0.5])
    assert sphere_velocity(next(nearly), point).a[0] == pytest.approx(-1.0, rel=1e-8)
    with pytest.raises(ValueError, match="network: expected directions of length 1"):
        sphere_velocity(next(nearly), point)
    with pytest.raises(ValueError, match="positive length"):
        on_spheres(BlockNetwork([1.0], [[0.0]], [[[1.0]]]))
    with pytest.raises(TypeError, match="network: expected a BlockNetwork, got a Regression"):
        on_spheres(task)
    with pytest.raises(ValueError, match="space"):
        run_blocks(network, task, step=0.1, steps=1, space="torus")
    with pytest.raises(ValueError, match="step"):
        run_blocks(network, task, step=0.0, steps=1)
    with pytest.raises(ValueError, match="m: expected a positive integer"):
        sphere_start(0, 1, 1, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng"):
        sphere_start(1, 1, 1, rng=None)
