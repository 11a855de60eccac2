"""Steps of optimizers: torch.optim to rounding, by hand, and where they go."""

import math
from functools import partial

import numpy as np
import pytest
import torch
from openblackbox.foundations.descent import State, implicit, start, trajectory
from openblackbox.foundations.optimizers import adagrad, adam, momentum, nesterov, rmsprop, sgd
from openblackbox.networks import ReLUNetwork

STEPS = [sgd, momentum, nesterov, adagrad, rmsprop, adam]
PAIRS = {
    "sgd": (sgd, torch.optim.SGD, {}, {}),
    "momentum": (momentum, torch.optim.SGD, {}, {"momentum": 0.9}),
    "less momentum": (momentum, torch.optim.SGD, {"memory": 0.5}, {"momentum": 0.5}),
    "nesterov": (nesterov, torch.optim.SGD, {}, {"momentum": 0.9, "nesterov": True}),
    "adagrad": (adagrad, torch.optim.Adagrad, {}, {}),
    "adagrad, epsilon": (adagrad, torch.optim.Adagrad, {"epsilon": 0.1}, {"eps": 0.1}),
    "rmsprop": (rmsprop, torch.optim.RMSprop, {}, {}),
    "rmsprop, options": (
        rmsprop,
        torch.optim.RMSprop,
        {"decay": 0.6, "epsilon": 0.1},
        {"alpha": 0.6, "eps": 0.1},
    ),
    "adam": (adam, torch.optim.Adam, {}, {}),
    "adam, options": (
        adam,
        torch.optim.Adam,
        {"decays": (0.5, 0.8), "epsilon": 0.1},
        {"betas": (0.5, 0.8), "eps": 0.1},
    ),
}


@pytest.mark.claim("LN-10")
@pytest.mark.parametrize("name", PAIRS)
def test_steps_are_those_of_torch(name):
    step, optimizer, ours, theirs = PAIRS[name]
    rng = np.random.default_rng(0)
    gradients = rng.standard_normal((60, 4)) * 10.0 ** np.arange(-2, 2)
    rates = 0.1 / np.sqrt(np.arange(1, 61))
    path = trajectory(partial(step, **ours), lambda theta, t: gradients[t - 1], np.ones(4), rates)
    theta = torch.ones(4, dtype=torch.float64, requires_grad=True)
    peer = optimizer([theta], lr=0.1, foreach=False, **theirs)
    for t in range(60):
        peer.param_groups[0]["lr"] = rates[t]
        theta.grad = torch.tensor(gradients[t])
        peer.step()
        assert np.allclose(path[t + 1], theta.detach().numpy(), rtol=1e-12, atol=1e-14)


def test_plain_steps_leave_the_memory_alone():
    before = State(np.ones(2), np.array([0.5, -2.0]), np.array([3.0, 4.0]), 7)
    after = sgd(before, [1.0, -1.0], rate=0.5)
    assert after.theta.tolist() == [0.5, 1.5]
    assert after.count == 8
    assert np.array_equal(after.first, before.first)
    assert np.array_equal(after.second, before.second)


def test_default_options_are_those_of_torch_where_epsilon_counts():
    small = np.array([1e-9])
    for step, optimizer in [
        (adagrad, torch.optim.Adagrad),
        (rmsprop, torch.optim.RMSprop),
        (adam, torch.optim.Adam),
    ]:
        theta = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        theta.grad = torch.tensor(small)
        optimizer([theta], lr=1.0, foreach=False).step()
        found = step(start([0.0]), small, rate=1.0).theta
        assert np.isclose(found.item(), theta.item(), rtol=1e-12)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_pure_and_counts(step):
    before = State(np.array([1.0, 2.0]), np.array([0.5, 0.0]), np.array([2.0, 1.0]), 3)
    copies = [before.theta.copy(), before.first.copy(), before.second.copy()]
    gradient = np.array([1.0, -1.0])
    after = step(before, gradient, rate=0.1)
    assert after.count == 4
    assert gradient.tolist() == [1.0, -1.0]
    for copy, values in zip(copies, (before.theta, before.first, before.second), strict=True):
        assert np.array_equal(copy, values)
    again = step(before, gradient, rate=0.1)
    assert np.array_equal(after.theta, again.theta)


def test_states_by_hand():
    before = State(np.array([1.0]), np.array([0.5]), np.array([2.0]), 1)
    after = momentum(before, [1.0], rate=0.1, memory=0.8)
    assert np.allclose([after.theta, after.first, after.second], [[0.86], [1.4], [2.0]])
    after = nesterov(before, [1.0], rate=0.1, memory=0.8)
    assert np.allclose([after.theta, after.first, after.second], [[0.788], [1.4], [2.0]])
    after = adagrad(before, [np.sqrt(2)], rate=0.1, epsilon=0)
    assert np.allclose([after.theta, after.first, after.second], [[1 - 0.05 * 2**0.5], [0.5], [4]])
    after = rmsprop(before, [1.0], rate=0.1, decay=0.5, epsilon=0)
    expected = [[1 - 0.1 / 1.5**0.5], [0.5], [1.5]]
    assert np.allclose([after.theta, after.first, after.second], expected)
    after = adam(before, [1.0], rate=0.1, decays=(0.5, 0.5), epsilon=0)
    expected = [[1 - 0.1 * 1.0 / 2**0.5], [0.75], [1.5]]  # 0.75 / 0.75 and 1.5 / 0.75
    assert np.allclose([after.theta, after.first, after.second], expected)
    assert after.count == 2


@pytest.mark.claim("LN-10")
@pytest.mark.parametrize("step", STEPS)
def test_without_gradient_nothing_moves(step):
    """The gradients are all that a step sees: with none, it stays."""
    for options in ({}, {"epsilon": 0}) if step in (adagrad, rmsprop, adam) else ({},):
        path = trajectory(partial(step, **options), lambda theta, t: 0 * theta, [3.0], np.ones(5))
        assert (path == 3).all()


@pytest.mark.parametrize("step", [adagrad, rmsprop, adam])
def test_adaptive_steps_do_not_see_the_scale_of_the_loss(step):
    gradients = np.random.default_rng(1).standard_normal((20, 3))
    paths = [
        trajectory(
            partial(step, epsilon=0),
            lambda theta, t, s=s: s * gradients[t - 1],
            np.ones(3),
            [0.1] * 20,
        )
        for s in (1, 1024)
    ]
    assert np.allclose(*paths, rtol=1e-12)


# --- the step, explicit and implicit


@pytest.mark.claim("LN-08", counterexample=True)
def test_the_printed_step_is_another_method():
    """F = theta^2 / 2, rate 3, from 1: the explicit step leaves, the printed one arrives."""
    explicit = trajectory(sgd, lambda theta, t: theta, [1.0], [3.0] * 5)
    assert explicit.ravel().tolist() == [1, -2, 4, -8, 16, -32]
    state = start([1.0])
    for t in range(1, 6):
        before, state = state, implicit(state, [[1.0]], [0.0], rate=3.0)
        assert np.allclose(state.theta, before.theta - 3 * state.theta, rtol=1e-15)  # as printed
        assert np.isclose(state.theta.item(), 4.0**-t, rtol=1e-14)
    assert state.count == 5
    assert f"{state.theta.item():.1e}" == "9.8e-04"


@pytest.mark.claim("LN-08")
def test_the_corrected_step_decreases_the_objective_for_small_rates():
    matrix, vector = np.array([[3.0, 1.0], [1.0, 2.0]]), np.array([1.0, -1.0])
    solution = np.linalg.solve(matrix, vector)
    largest = np.linalg.eigvalsh(matrix)[-1]
    for factor, arrives in [(0.5, True), (1.9, True), (2.1, False)]:
        rates = [factor / largest] * 400
        path = trajectory(sgd, lambda theta, t: matrix @ theta - vector, [5.0, 5.0], rates)
        assert (np.linalg.norm(path[-1] - solution) < 1e-6) == arrives


def test_an_implicit_step_solves_its_equation():
    rng = np.random.default_rng(2)
    root = rng.standard_normal((4, 4))
    matrix, vector, theta = root @ root.T, rng.standard_normal(4), rng.standard_normal(4)
    for rate in (0.1, 10.0, 1e4):
        after = implicit(start(theta), matrix, vector, rate=rate).theta
        residual = after - theta + rate * (matrix @ after - vector)
        assert np.abs(residual).max() < 1e-10 * rate * 10


def test_projection_and_rates_of_a_trajectory():
    seen = []

    def gradient(theta, t):
        seen.append(t)
        return np.ones(2)

    path = trajectory(
        sgd, gradient, [0.0, 1.0], [0.5, 0.25, 2.0], project=lambda theta: np.clip(theta, -1, 1)
    )
    assert seen == [1, 2, 3]
    assert path.tolist() == [[0, 1], [-0.5, 0.5], [-0.75, 0.25], [-1, -1]]


# --- without convexity


@pytest.mark.claim("LN-11")
@pytest.mark.parametrize("step", STEPS)
def test_dead_neurons_stay_dead(step):
    """On inputs of [0, 1], a neuron with w < 0 and b < 0 is off, and so is its gradient."""
    x = np.linspace(0, 1, 5)

    def gradient(theta, t):
        eta, w, b = theta
        i = (3 * t) % 5
        network = ReLUNetwork([[[w]], [[eta]]], [[b], [0.0]])
        on = float(network.activation_pattern(x[i : i + 1])[0].item())
        error = network(x[i : i + 1]).item() - x[i]
        return error * np.array([on * (w * x[i] + b), on * eta * x[i], on * eta])

    path = trajectory(step, gradient, [1.0, -0.5, -0.1], [0.1] * 20)
    assert (path == path[0]).all()
    assert np.mean(x**2) / 2 > 0  # the loss it stays with; (1, 1, 0) has the loss 0
    moved = trajectory(step, gradient, [1.0, 0.5, 0.1], [0.1] * 20)
    assert not np.array_equal(moved[-1], moved[0])


def wells(theta):
    return theta**2 / 20 - np.cos(theta)


def slope(theta):
    return theta / 10 + np.sin(theta)


@pytest.mark.claim("LN-11")
def test_a_trap_is_never_left():
    """Noise that is smaller than the slopes at the ends of an interval cannot leave it."""
    low, high, noise = 4.5, 7.0, 0.5
    assert slope(low) < -noise
    assert slope(high) > noise
    for seed in range(20):
        rng = np.random.default_rng(seed)
        path = trajectory(
            sgd,
            lambda theta, t, rng=rng: slope(theta) + rng.choice([-1, 1]) * noise,
            [5.0],
            [0.5] * 500,
        )
        assert low < path.min() <= path.max() < high
        assert wells(path).min() > wells(0.0) + 1.5


def smoothed_bound(gap, smoothness, noise, rates):
    """What the theorem of the chapter says on the weighted mean of the squared gradients."""
    return (2 * gap + smoothness * noise * np.sum(rates**2)) / np.sum(rates)


@pytest.mark.claim("LN-11")
@pytest.mark.parametrize("decreasing", [False, True])
def test_the_gradient_is_small_on_average_by_exhaustion(decreasing):
    """All 2^12 paths of two samples: no sampling error."""
    noise, n_steps = 0.5, 12
    rates = np.full(n_steps, 0.4) / (np.sqrt(np.arange(1, 13)) if decreasing else 1)
    points, squares = np.array([9.0]), []
    for rate in rates:
        squares.append(np.mean(slope(points) ** 2))
        points = np.concatenate([points - rate * (slope(points) + s * noise) for s in (1, -1)])
    assert points.size == 4096
    mean = np.sum(rates * squares) / rates.sum()
    assert mean <= smoothed_bound(wells(9.0) + 1, 1.1, noise**2, rates)
    assert mean > 0.05 * smoothed_bound(wells(9.0) + 1, 1.1, noise**2, rates)


# --- where Adam goes


def slopes_of_three(height):
    """Gradients C, -1, -1 in a fixed order: the mean is (C - 2) / 3."""
    return lambda theta, t: np.array([height if t % 3 == 1 else -1.0])


@pytest.mark.claim("LN-10")
@pytest.mark.parametrize("height", [2.5, 4.0, 50.0])
@pytest.mark.parametrize("decreasing", [False, True])
def test_adam_goes_to_the_worst_point(height, decreasing):
    """After Reddi, Kale and Kumar: it maximizes a linear function on [-1, 1]."""
    rates = np.full(9000, 0.05) / (np.sqrt(np.arange(1, 9001)) if decreasing else 1)
    short = partial(adam, decays=(0.0, 1 / (1 + height**2)), epsilon=0.0)
    clip = partial(np.clip, a_min=-1.0, a_max=1.0)
    path = trajectory(short, slopes_of_three(height), [0.0], rates, project=clip)
    assert (path[-1, 0], path[-4, 0]) == (1.0, 1.0)
    for step in (sgd, partial(adagrad, epsilon=0.0), adam):
        path = trajectory(step, slopes_of_three(height), [0.0], rates, project=clip)
        assert path[-1, 0] < (-0.05 if decreasing else -0.8)


@pytest.mark.parametrize("height", [1.0, 2.0, 3.0, 10.0, 1000.0])
def test_the_drift_of_a_cycle_has_the_lower_bound_of_the_theorem(height):
    """Every cycle gains at least the rate times sqrt(1 + C^2) / C times the margin."""
    for step in (adam, rmsprop):
        option = {"decays": (0.0, 1 / (1 + height**2))} if step is adam else {}
        option = option or {"decay": 1 / (1 + height**2)}
        path = trajectory(
            partial(step, **option, epsilon=0.0), slopes_of_three(height), [0.0], [0.1] * 60
        )
        gains = np.diff(path[::3, 0])
        margin = 1 / math.sqrt(2) + math.sqrt((1 + height**2) / (3 + height**2)) - 1
        least = 0.1 * math.sqrt(1 + height**2) / height * margin
        correction = math.sqrt(1 - 1 / (1 + height**2)) if step is adam else 1
        assert gains.min() >= least * correction


# --- errors


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    "gradient, rate, message",
    [
        ([1.0], 0.0, "rate: expected a positive finite number, got 0.0"),
        ([1.0], np.inf, "rate"),
        ([1.0], np.nan, "rate"),
        ([np.nan], 0.1, "gradient: expected a vector of finite numbers"),
        ([1.0, 2.0], 0.1, r"gradient: expected shape \(1,\), got \(2,\)"),
        (1.0, 0.1, "gradient: expected a vector"),
    ],
)
def test_bad_steps_are_named(step, gradient, rate, message):
    with pytest.raises(ValueError, match=message):
        step(start([1.0]), gradient, rate=rate)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda s: momentum(s, [1.0], rate=1, memory=1.0), "memory"),
        (lambda s: nesterov(s, [1.0], rate=1, memory=-0.1), "memory"),
        (lambda s: rmsprop(s, [1.0], rate=1, decay=1.0), "decay"),
        (lambda s: adam(s, [1.0], rate=1, decays=(0.9, 1.0)), "decays"),
        (lambda s: adam(s, [1.0], rate=1, decays=(-0.9, 0.9)), "decays"),
        (lambda s: adam(s, [1.0], rate=1, epsilon=-1.0), "epsilon"),
        (lambda s: adagrad(s, [1.0], rate=1, epsilon=np.nan), "epsilon"),
        (lambda s: implicit(s, [[1.0, 2.0]], [1.0], rate=1), "matrix"),
        (lambda s: implicit(s, [[np.nan]], [1.0], rate=1), "matrix"),
        (lambda s: start([[1.0]]), "theta"),
        (lambda s: start([np.inf]), "theta"),
        (lambda s: trajectory(sgd, lambda theta, t: theta, [1.0], [-1.0]), "rate"),
    ],
)
def test_bad_options_are_named(call, message):
    with pytest.raises(ValueError, match=f"{message}: expected"):
        call(start([1.0]))
