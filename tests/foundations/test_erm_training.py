"""Trained networks: inside the class, near the optimum when wide, stuck when narrow."""

import inspect

import numpy as np
import pytest
import torch
from openblackbox.data import data_path
from openblackbox.foundations.erm import certify, fit_certified, outer_norm
from openblackbox.foundations.erm_study import draw_task
from openblackbox.foundations.erm_training import STUDY, train_networks, trained_excess
from openblackbox.study import read_study


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def task():
    return draw_task(100, rng=np.random.default_rng(1))


def test_training_stays_in_the_class_and_above_the_bound():
    X, y = task()
    best = fit_certified(X, y, radius=1, budget=3, tol=1e-9)
    nets = train_networks(
        X, y, width=5, radius=1, budget=3, starts=4, steps=60, rng=np.random.default_rng(0)
    )
    assert len(nets) == 4
    for net in nets:
        assert net.w.shape == (5, 1)
        found = certify(net, X, y, radius=1, budget=3)
        assert found.norm <= 3 * (1 + 1e-9)
        assert found.lower <= best.risk
        assert best.lower <= found.risk


def test_one_step_of_one_neuron_by_hand():
    # Adam's first step has the size of the rate in each coordinate, against the gradient.
    X, y = np.array([[0.5], [-0.2]]), np.array([1.0, 1.0])
    start = np.random.default_rng(3)
    u = start.standard_normal((1, 1, 2))
    u /= np.linalg.norm(u)
    eta = start.choice([-2.0, 2.0], (1, 1))[0, 0]
    (net,) = train_networks(
        X, y, width=1, radius=1, budget=2, steps=1, rate=0.01, rng=np.random.default_rng(3)
    )

    def risk(parameters):
        e, w = parameters[0], parameters[1:]
        scale = 2 / max(2, abs(e) * np.linalg.norm(w))
        values = scale * e * np.maximum(X[:, 0] * w[0] + w[1], 0)
        return np.logaddexp(0, -values).mean()

    theta, h = np.array([eta, *u[0, 0]]), 1e-6
    # On the boundary of the budget the two sides of eta differ: take the one of the descent.
    gradient = np.array([(risk(theta + h * e) - risk(theta - h * e)) / (2 * h) for e in np.eye(3)])
    moved = theta - 0.01 * np.sign(gradient) * (np.abs(gradient) > 1e-9)
    scale = 2 / max(2, abs(moved[0]) * np.linalg.norm(moved[1:]))
    assert net.eta[0] == pytest.approx(scale * moved[0], rel=1e-4)
    np.testing.assert_allclose([net.w[0, 0], net.b[0]], moved[1:], rtol=1e-4)


def test_scale_of_the_data_and_batches():
    X, y = task()
    settings = {"width": 3, "steps": 40, "batch": 10}
    (one,) = train_networks(X, y, radius=1, budget=3, rng=np.random.default_rng(2), **settings)
    (two,) = train_networks(
        2 * X, y, radius=2, budget=1.5, rng=np.random.default_rng(2), **settings
    )
    assert outer_norm(two, radius=2) <= 1.5 * (1 + 1e-9)
    (full,) = train_networks(
        X, y, radius=1, budget=3, rng=np.random.default_rng(2), width=3, steps=40
    )
    assert not np.allclose(one.eta, full.eta)


def test_the_defaults_are_those_of_the_chapter():
    given = {name: p.default for name, p in inspect.signature(train_networks).parameters.items()}
    assert (given["steps"], given["rate"], given["starts"], given["batch"]) == (1500, 0.03, 1, None)
    assert inspect.signature(trained_excess).parameters["steps"].default == 1500
    given = inspect.signature(fit_certified).parameters
    assert (given["tol"].default, given["max_steps"].default) == (1e-6, 500)


def test_bad_input_is_named():
    X, y = task()
    settings = {"radius": 1, "budget": 3, "rng": np.random.default_rng(0), "width": 2}
    for change, message in (
        ({"width": 0}, "width: expected a positive integer"),
        ({"starts": 0}, "starts: expected a positive integer"),
        ({"steps": 1.5}, "steps: expected a positive integer"),
        ({"batch": 0}, "batch: expected a positive integer"),
        ({"rate": -1}, "rate: expected a finite number, at least 0, got -1"),
        ({"radius": 0.5}, "X: expected norms of at most radius"),
    ):
        with pytest.raises(ValueError, match=message):
            train_networks(X, y, **(settings | change))
    with pytest.raises(TypeError, match="rng: expected"):
        train_networks(X, y, **(settings | {"rng": 7}))


@pytest.mark.claim("LN-25")
def test_wide_networks_come_near_the_certified_optimum_and_narrow_ones_do_not():
    X, y = task()
    best = fit_certified(X, y, radius=1, budget=3, tol=1e-9)
    above = {}
    for width in (1, 64):
        nets = train_networks(
            X, y, width=width, radius=1, budget=3, starts=8, steps=800, rng=np.random.default_rng(1)
        )
        risks = [certify(net, X, y, radius=1, budget=3).risk for net in nets]
        above[width] = np.array(risks) - best.lower
    assert above[1].min() > 0.01
    assert 0 < above[64].max() < 0.002


def test_a_row_is_a_training_and_its_certificate():
    row = trained_excess(2, 20, 3, steps=30)
    X, y = task()
    (net,) = train_networks(
        X, y, width=2, radius=1, budget=3, batch=20, steps=30, rng=np.random.default_rng(3)
    )
    found = certify(net, X, y, radius=1, budget=3)
    best = fit_certified(X, y, radius=1, budget=3, tol=1e-9)
    assert row["gap"] == pytest.approx(found.gap, rel=1e-9)
    assert row["above"] == pytest.approx(found.risk - best.lower, rel=1e-6)


@pytest.mark.claim("LN-25")
def test_the_table_of_the_book():
    table = read_study(data_path("trained-widths.csv"))
    assert list(table) == list(STUDY.header)
    assert len(table["width"]) == len(STUDY.cells())
    width, batch = np.array(table["width"]), np.array(table["batch"])
    above, gap = np.array(table["above"]), np.array(table["gap"])
    assert (above > 0).all()
    assert (gap >= above - 1e-8).all()
    # What the ledger says: none with one neuron, all with 32 and with 64.
    assert above[width == 1].min() > 1e-3
    assert above[width >= 32].max() < 1e-3
    medians = [np.median(above[(width == m) & (batch == 0)]) for m in (1, 4, 64)]
    assert medians[0] > 100 * medians[2]
    assert medians[1] > medians[2]
