"""From rank-one completion to two factors: equal losses, equal infima."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.completion import (
    completion_factors,
    completion_supports,
    masked_loss,
)
from openblackbox.multitree.fixed_support import classes_of_supports, local_minima


def loss_of(matrix, factors):
    return np.linalg.norm(matrix - factors[1] @ factors[0]) ** 2


@pytest.mark.claim("LQ-03")
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5), st.booleans())
@settings(deadline=None, derandomize=True, max_examples=60)
def test_the_two_losses_are_equal(seed, m, n, complex_):
    rng = np.random.default_rng(seed)
    matrix, left, right = (rng.standard_normal(shape) for shape in ((m, n), m, n))
    if complex_:
        matrix, left = matrix + 1j * rng.standard_normal((m, n)), left * (1 + 2j)
    observed = rng.random((m, n)) < 0.6
    supports = completion_supports(observed)
    factors = completion_factors(matrix, observed, left, right)
    assert not factors[0][~supports[0]].any()
    assert not factors[1][~supports[1]].any()
    loss = masked_loss(matrix, observed, left, right)
    expected = sum(abs(matrix[i, j] - left[i] * right[j]) ** 2 for i, j in np.argwhere(observed))
    np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(loss_of(matrix, factors), loss, rtol=1e-12, atol=1e-14)


@pytest.mark.claim("LQ-03")
def test_no_factors_do_better_than_their_first_neuron():
    """The other neurons change only entries that do not count."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        matrix, observed = rng.standard_normal((4, 5)), rng.random((4, 5)) < 0.7
        supports = completion_supports(observed)
        first, second = (support * rng.standard_normal(support.shape) for support in supports)
        loss = masked_loss(matrix, observed, second[:, 0], first[0])
        assert loss_of(matrix, (first, second)) >= loss - 1e-12


def profile(matrix, observed, grid):
    """Smallest masked loss over v, for every u on a grid of the sphere of three dimensions."""
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, grid), np.linspace(0, 1, grid))
    flat = np.sqrt(1 - height**2)
    u = np.stack([flat * np.cos(angle), flat * np.sin(angle), height], axis=-1)
    top = (u @ (observed * matrix)) ** 2
    bottom = u**2 @ observed.astype(float)
    explained = np.where(bottom > 1e-12, top / np.where(bottom > 1e-12, bottom, 1), 0)
    return (matrix[observed] ** 2).sum() - explained.sum(axis=-1)


@pytest.mark.claim("LQ-03")
@pytest.mark.parametrize("seed", range(5))
def test_the_infima_agree_with_a_grid(seed):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((3, 4))
    observed = np.ones((3, 4), bool)
    observed[rng.permutation(3)[:2], rng.permutation(4)[:2]] = False
    least = profile(matrix, observed, 801).min()
    target = np.where(observed, matrix, 7)  # what is missing does not matter
    found = local_minima(target, completion_supports(observed), rng=rng, starts=8, steps=500)
    assert found.endings.min() <= least + 1e-9
    np.testing.assert_allclose(found.endings.min(), least, rtol=2e-3)


def test_supports_have_one_neuron_for_each_column_with_a_gap():
    observed = np.array([[1, 0, 1], [1, 0, 0], [1, 1, 1]], bool)
    first, second = completion_supports(observed)
    assert first.astype(int).tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 1]]
    assert second.astype(int).tolist() == [[1, 1, 0], [1, 1, 1], [1, 0, 0]]
    assert completion_supports(np.ones((2, 2)))[0].shape == (1, 2)


def test_the_tractable_masks_are_made_of_rectangles():
    """The test sees through the reduction: it accepts masks with a block diagonal form."""
    rectangle = np.outer([1, 1, 1, 0], [0, 1, 1, 1])
    diagonal = np.kron(np.eye(2), np.ones((2, 2)))
    bent = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]])
    cycle = np.eye(4) + np.roll(np.eye(4), 1, axis=1)
    accepted = [
        classes_of_supports(completion_supports(mask)).is_tractable
        for mask in (rectangle, diagonal, bent, cycle)
    ]
    assert accepted == [True, True, False, False]


def test_bad_arguments():
    with pytest.raises(
        ValueError, match=r"expected the shape of the matrix \(2, 2\), got \(2, 3\)"
    ):
        masked_loss(np.eye(2), np.ones((2, 3)), [1, 1], [1, 1])
    with pytest.raises(ValueError, match=r"lengths \(2, 2\), got \(3,\), \(2,\)"):
        masked_loss(np.eye(2), np.ones((2, 2)), [1, 1, 1], [1, 1])
    with pytest.raises(ValueError, match=r"vectors of lengths"):
        completion_factors(np.eye(2), np.ones((2, 2)), [[1, 1]], [1, 1])
    with pytest.raises(ValueError, match="expected a matrix, got 1 dimension"):
        completion_supports([1, 0])
    with pytest.raises(ValueError, match="observed"):
        masked_loss([1.0], [True], [1.0], [1.0])
