"""Training against a loop written by hand, its records, and its good manners."""

from inspect import signature

import numpy as np
import pytest
import torch
from openblackbox.meanfield.synchronization import shift_cost
from openblackbox.meanfield.teacher_task import make_student, make_task, network_values
from openblackbox.meanfield.three_layer import BlockNetwork, path_norm
from openblackbox.meanfield.training import train

SMALL = {"m": 6, "s": 3, "d": 5}


@pytest.fixture(scope="module")
def task():
    return make_task("hard", rng=np.random.default_rng(0), n=80, d=5, m=4, s=2)


def student(kind="blocks", seed=1):
    return make_student(kind, rng=np.random.default_rng(seed), **SMALL)


def run(kind, task, **options):
    options = {
        "rng": np.random.default_rng(2),
        "iterations": 30,
        "batch": 16,
        "every": 10,
    } | options
    return train(student(kind), task, **options)


def by_hand(network, task, *, decay, weight, steps, rate, batch=16):
    """Adam with its two moments, the objective spelled out, on blocks."""
    rng = np.random.default_rng(2)
    p = [torch.tensor(v, requires_grad=True) for v in (network.a, network.u, network.w)]
    moments = [(torch.zeros_like(v), torch.zeros_like(v)) for v in p]
    x, y = torch.from_numpy(np.array(task.x)), torch.from_numpy(np.array(task.y))
    for t in range(1, steps + 1):
        a, u, w = p
        i = torch.from_numpy(rng.integers(len(x), size=batch))
        h = torch.einsum("nd,jkd->njk", x[i], w).clamp(min=0)
        f = (torch.einsum("njk,jk->nj", h, u).clamp(min=0) * a).sum(1) / len(a)
        path = (a.abs()[:, None] * u.abs() * (w**2).sum(2).sqrt()).sum() / len(a)
        sigma = shift_cost(np.swapaxes(w.detach().numpy(), 0, 1)).permutation
        term = ((w[:, :-1] - w[sigma.copy(), 1:]) ** 2).sum() / len(a)
        objective = ((f - y[i]) ** 2).sum() / batch + decay * path + weight * term
        gradients = torch.autograd.grad(objective, p)
        with torch.no_grad():
            for v, g, (first, second) in zip(p, gradients, moments, strict=True):
                first.mul_(0.9).add_(0.1 * g)
                second.mul_(0.999).add_(0.001 * g**2)
                size = (second / (1 - 0.999**t)).sqrt() + 1e-8
                v -= rate * first / (1 - 0.9**t) / size
    return [v.detach().numpy() for v in p]


@pytest.mark.parametrize("weight", [0.0, 0.2])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_the_steps_are_those_of_a_loop_by_hand(task, weight, decay):
    done = run("blocks", task, weight=weight, decay=decay, iterations=12, rate=0.02)
    a, u, w = by_hand(student(), task, decay=decay, weight=weight, steps=12, rate=0.02)
    np.testing.assert_allclose(done.network.a, a, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(done.network.u, u, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(done.network.w, w, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", ["two-layer", "wide", "hard", "ring", "blocks"])
def test_the_records_are_those_of_the_networks(task, kind):
    done = run(kind, task)
    assert done.completed
    assert done.times.tolist() == [0, 10, 20, 30]
    start = student(kind)
    for k, network in ((0, start), (-1, done.network)):
        gap = network_values(network, task.x_test) - task.y_test
        assert done.errors[k] == pytest.approx((gap**2).sum() / (task.y_test**2).sum(), rel=1e-12)
        fit = np.mean((network_values(network, task.x) - task.y) ** 2)
        assert done.fits[k] == pytest.approx(fit, rel=1e-12)
        size = (network.w**2).sum() / len(network.a)
        assert done.sizes[k] == pytest.approx(size, rel=1e-12)
        if kind == "blocks":
            rows = np.swapaxes(network.w, 0, 1)
            assert done.terms[k] == pytest.approx(shift_cost(rows).cost, rel=1e-12)
        else:
            assert np.isnan(done.terms).all()
        if kind in ("hard", "ring", "blocks"):
            assert done.penalties[k] == pytest.approx(path_norm(network), rel=1e-12)
    assert done.errors[-1] < done.errors[0]


def test_the_defaults_are_what_the_chapter_says():
    """Adam with step size 0.01, 1000 steps on batches of 256 points, and the decay 0.03."""
    defaults = {name: option.default for name, option in signature(train).parameters.items()}
    stated = {"rate": 0.01, "iterations": 1000, "batch": 256, "decay": 0.03, "weight": 0.0}
    assert {name: defaults[name] for name in stated} == stated


def test_the_last_step_is_recorded_once(task):
    assert run("hard", task, iterations=25).times.tolist() == [0, 10, 20, 25]
    assert run("hard", task, iterations=20).times.tolist() == [0, 10, 20]


def test_masks_do_not_change(task):
    done = run("hard", task)
    np.testing.assert_array_equal(done.network.mask, student("hard").mask)
    assert (done.network.u[~done.network.mask] == 0).all()
    assert (done.network.u[done.network.mask] != student("hard").u[done.network.mask]).all()


def test_same_seeds_same_numbers_and_nothing_left_behind(task):
    torch.set_num_threads(2)
    state = torch.random.get_rng_state()
    one, two = run("blocks", task, weight=0.1), run("blocks", task, weight=0.1)
    np.testing.assert_array_equal(one.errors, two.errors)
    np.testing.assert_array_equal(one.network.w, two.network.w)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    other = run("blocks", task, weight=0.1, rng=np.random.default_rng(3))
    assert (other.errors[1:] != one.errors[1:]).all()
    assert other.errors[0] == one.errors[0]


def test_the_two_weights_do_what_they_are_for(task):
    options = {"iterations": 200, "every": 200}
    plain, decayed = (run("blocks", task, decay=decay, **options) for decay in (0.0, 0.3))
    assert decayed.penalties[-1] < 0.8 * plain.penalties[-1]
    held = run("blocks", task, decay=0.0, weight=1.0, **options)
    assert held.terms[-1] < 0.1 * plain.terms[-1]


def test_an_interruption_keeps_what_there_is(task):
    seen = []

    def stop(step, error):
        seen.append((step, error))
        if step == 20:
            raise KeyboardInterrupt

    done, full = run("hard", task, report=stop), run("hard", task)
    assert not done.completed
    assert full.completed
    assert done.times.tolist() == [0, 10, 20]
    np.testing.assert_array_equal(done.errors, full.errors[:3])
    assert seen == list(zip(done.times.tolist(), done.errors.tolist(), strict=True))
    short = run("hard", task, iterations=20)
    np.testing.assert_array_equal(done.network.w, short.network.w)

    def at_once(step, error):
        raise KeyboardInterrupt

    none = run("hard", task, report=at_once)
    assert none.times.tolist() == [0]
    assert not none.completed


def test_one_inner_neuron_has_no_term(task):
    single = BlockNetwork(np.ones(4), np.ones((4, 1)), np.ones((4, 1, 5)))
    done = train(single, task, rng=np.random.default_rng(0), iterations=2)
    assert np.isnan(done.terms).all()
    with pytest.raises(ValueError, match="weight: expected 0 for a student without rows"):
        train(single, task, rng=np.random.default_rng(0), weight=0.1)


def test_bad_input_is_refused(task):
    for name in ("hard", "two-layer"):
        with pytest.raises(ValueError, match="weight: expected 0 for a student without rows"):
            run(name, task, weight=0.1)
    for name, value in (
        ("decay", -1.0),
        ("weight", -0.1),
        ("rate", 0.0),
        ("iterations", 0),
        ("batch", 0),
        ("every", 0),
    ):
        with pytest.raises(ValueError, match=f"{name}: expected"):
            run("blocks", task, **{name: value})
    with pytest.raises(TypeError, match="rng"):
        run("blocks", task, rng=0)
    with pytest.raises(ValueError, match="rate: no finite objective after 1 steps of 1e\\+200"):
        run("blocks", task, rate=1e200)
    other = make_student("hard", rng=np.random.default_rng(0), m=6, s=3, d=4)
    with pytest.raises(ValueError, match="student: expected inputs in dimension 5, got 4"):
        train(other, task, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="network: expected one of"):
        train("hard", task, rng=np.random.default_rng(0))
