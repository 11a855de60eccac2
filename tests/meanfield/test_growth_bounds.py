"""Bounds of growth: moments in all directions, integrals, an equation solved by hand, bad input."""

import math

import numpy as np
import pytest
from openblackbox.meanfield.growth_bounds import chaos_bound, fourth_moment, integrated_bound
from scipy.integrate import quad


def test_the_fourth_moment_bounds_all_directions():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((30, 4))
    u = rng.standard_normal((4, 2000))
    u /= np.linalg.norm(u, axis=0)
    assert np.mean((x @ u) ** 4, axis=0).max() <= fourth_moment(x) ** 4
    squares = np.array([np.kron(row, row) for row in x])
    largest = np.linalg.eigvalsh(squares.T @ squares / 30)[-1]
    assert fourth_moment(x) ** 4 == pytest.approx(largest, rel=1e-12)
    assert fourth_moment([[1.0], [3.0]]) ** 4 == pytest.approx(41, rel=1e-13)
    assert fourth_moment([[3.0, 4.0]]) == pytest.approx(5, rel=1e-14)


def test_the_bound_of_the_flow_is_its_integral():
    # the integral of A^2 e^(8 H rho (t - s)) over s, A and H at the time t
    time, reach, residual, moment = 0.3, 0.7, 0.4, 1.3
    a = reach + 2 * residual * time
    rate = 8 * moment * (1 + a * moment) * residual
    value = quad(lambda s: a**2 * np.exp(rate * (time - s)), 0, time)[0] / 50
    bound = chaos_bound(50, time, reach=reach, residual=residual, moment=moment)
    assert bound == pytest.approx(value, rel=1e-10)
    assert chaos_bound(50, 0.0, reach=1, residual=1, moment=1) == 0
    assert chaos_bound(50, 100.0, reach=1, residual=1, moment=1) == math.inf


@pytest.mark.parametrize("rate", [0.7, -0.4])
def test_the_integrated_bound_solves_its_equation(rate):
    # y' = c y + s with constants: y = s (e^(c t) - 1) / c; the error is of second order
    errors = []
    for steps in (20, 40, 80):
        times = np.linspace(0, 2, steps + 1)
        ones = np.ones((2, steps + 1))
        values = integrated_bound(times, rate * ones, [[3.0], [1.5]] * ones)
        exact = 3 * np.expm1(rate * times) / rate
        assert values[1] == pytest.approx(values[0] / 2, rel=1e-13)
        errors.append(np.abs(values[0] - exact).max())
    ratios = np.array(errors[:-1]) / errors[1:]
    assert np.all((ratios > 3.8) & (ratios < 4.2))
    assert errors[-1] < 1e-2


def test_the_integrated_bound_by_hand():
    values = integrated_bound([0, 2, 3], [1.0, 0.5, 0.0], [1.0, 2.0, 4.0])
    second = 1 * np.exp(1.5) + 2
    assert values.tolist() == pytest.approx([0, second, (second + 1) * np.exp(0.25) + 2], rel=1e-14)


def test_bad_input():
    with pytest.raises(ValueError, match="x: expected at least one point"):
        fourth_moment(np.ones((0, 2)))
    with pytest.raises(ValueError, match="time"):
        chaos_bound(1, -1, reach=1, residual=1, moment=1)
    with pytest.raises(ValueError, match="reach"):
        chaos_bound(1, 1, reach=0, residual=1, moment=1)
    with pytest.raises(ValueError, match="moment"):
        chaos_bound(1, 1, reach=1, residual=1, moment=-1)
    with pytest.raises(ValueError, match="increasing"):
        integrated_bound([0, 0], [1, 1], [1, 1])
    with pytest.raises(ValueError, match="expected two shapes"):
        integrated_bound([0, 1], [1, 1], [1, 1, 1])
