"""Central differences beside the tape: the error in h, kinks, what a check shows."""

import numpy as np
import pytest
from openblackbox.foundations.autodiff import Node, record
from openblackbox.foundations.autodiff_nodes import cross_entropy, exp, relu, tanh
from openblackbox.foundations.gradient_check import STEP, check_gradient


def test_a_quadratic_has_no_truncation_error():
    check = check_gradient(lambda x: (x * x).sum(), [1.0, -2.0], step=0.25)
    assert check.gradients[0].tolist() == check.differences[0].tolist() == [2.0, -4.0]
    assert check.error == 0


@pytest.mark.parametrize("h", [0.5, 0.125, 2.0**-10])
def test_the_error_of_a_cube_is_h_squared(h):
    """((x + h)^3 - (x - h)^3) / 2h = 3 x^2 + h^2, exact in binary for these h."""
    check = check_gradient(lambda x: x**3, 1.0, step=h)
    assert check.differences[0] == pytest.approx(3 + h**2, rel=1e-12)
    assert check.error == pytest.approx(h**2 / (3 + h**2), rel=1e-8)


def test_the_error_is_relative_to_the_largest_entry_of_all_points():
    check = check_gradient(lambda a, b: (a**3).sum() + 100 * b, [1.0, 2.0], 3.0, step=0.25)
    assert check.gradients[0].tolist() == [3.0, 12.0]
    assert check.gradients[1] == 100
    assert check.error == pytest.approx(0.0625 / 100, rel=1e-9)


def test_the_default_step_is_the_cube_root_of_eps():
    assert pytest.approx(2.0**-52, rel=1e-12) == STEP**3
    check = check_gradient(lambda x: exp(x).sum(), np.linspace(-1, 1, 5))
    assert 0 < check.error < 1e-9
    default = check_gradient(lambda x: x**3, 0.0)
    assert default.differences[0] == pytest.approx(STEP**2, rel=1e-9)


def test_a_wrong_pullback_is_found():
    def wrong(x):
        return record("square", np.square, [lambda g, y, x: 2.02 * g * x], x).sum()

    assert check_gradient(wrong, [1.0, 2.0]).error == pytest.approx(0.02 / 2.02, rel=1e-6)


def test_a_kink_inside_of_the_step_spoils_the_difference():
    check = check_gradient(lambda x: relu(x), 0.25, step=1.0)
    assert check.gradients[0] == 1
    assert check.differences[0] == 0.625
    assert check.error == 0.375


def test_a_network():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((6, 4)), np.arange(6) % 3
    check = check_gradient(
        lambda a, b: cross_entropy(tanh(x @ a) @ b, labels),
        rng.standard_normal((4, 5)),
        rng.standard_normal((5, 3)),
    )
    assert check.error < 1e-8
    assert [entry.shape for entry in check.gradients] == [(4, 5), (5, 3)]


def test_vanishing_gradients():
    check = check_gradient(lambda x: Node(1.0) + (x * 0).sum(), [1.0, 2.0])
    assert check.error == 0
    assert check.differences[0].tolist() == [0.0, 0.0]


def test_points_are_left_as_they_were():
    point = np.array([1.0, 2.0])
    check_gradient(lambda x: (x**3).sum(), point)
    assert point.tolist() == [1.0, 2.0]


@pytest.mark.parametrize("step", [0, -1.0, np.nan, np.inf, [0.1]])
def test_the_step_must_be_positive(step):
    with pytest.raises(ValueError, match=r"^step: expected a positive number"):
        check_gradient(lambda x: x, 1.0, step=step)


def test_the_step_must_change_the_point():
    with pytest.raises(ValueError, match=r"^step: expected one that changes"):
        check_gradient(lambda x: x, 1e20, step=1e-3)


def test_a_point_is_needed():
    with pytest.raises(TypeError, match=r"^points: expected at least one"):
        check_gradient(lambda: Node(1.0))
