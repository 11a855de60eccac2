"""Local minima: derivatives against differences, exact cases, and a search by hand."""

import numpy as np
import pytest
from openblackbox.multitree.completion import completion_supports
from openblackbox.multitree.fixed_support import classes_of_supports, local_minima
from openblackbox.multitree.landscape import _Problem
from scipy.optimize import approx_fprime

DENSE = [np.ones((1, 5)), np.ones((5, 1))]


def signs(seed, size, share):
    """Random signs, of which a share is observed."""
    rng = np.random.default_rng(seed)
    return rng.choice([-1, 1], (size, size)), rng.random((size, size)) < share


def loss_of(matrix, factors):
    return np.linalg.norm(matrix - factors[1] @ factors[0]) ** 2


@pytest.mark.parametrize("seed", range(4))
def test_derivatives_agree_with_differences(seed):
    rng = np.random.default_rng(seed)
    supports = rng.random((3, 4)) < 0.7, rng.random((5, 3)) < 0.7
    problem = _Problem(rng.standard_normal((5, 4)), supports)
    weights = rng.standard_normal(problem.split + len(problem.second[0]))
    slope = approx_fprime(weights, lambda w: problem.loss(w)[0], 1e-7)
    np.testing.assert_allclose(problem.loss(weights)[1], slope, rtol=1e-4, atol=1e-5)
    bend = approx_fprime(weights, lambda w: problem.loss(w)[1], 1e-7)
    np.testing.assert_allclose(problem.hessian(weights), bend, rtol=1e-4, atol=1e-5)
    factors = problem.factors(weights)
    np.testing.assert_allclose(problem.loss(weights)[0], loss_of(problem.matrix, factors))


@pytest.mark.parametrize("neurons", [1, 2, 3])
def test_symmetries_of_dense_factors_are_the_general_linear_group(neurons):
    rng = np.random.default_rng(0)
    problem = _Problem(np.eye(4), (np.ones((neurons, 4), bool), np.ones((4, neurons), bool)))
    weights = rng.standard_normal(8 * neurons)
    assert problem.symmetries(weights) == neurons**2
    eigenvalues = np.linalg.eigvalsh(problem.hessian(weights))
    assert problem.symmetries(np.zeros(8 * neurons)) == 0
    assert len(eigenvalues) == 8 * neurons


def test_symmetries_change_nothing_in_the_product():
    rng = np.random.default_rng(1)
    supports = np.array([[1, 1, 1], [0, 1, 0]], bool), np.array([[1, 0], [1, 1]], bool)
    problem = _Problem(np.ones((2, 3)), supports)
    assert problem.mixed.tolist() == [[0, 0], [1, 1]]
    nested = np.array([[1, 1], [1, 1]], bool), np.array([[1, 1], [1, 0]], bool)
    problem = _Problem(np.ones((2, 2)), nested)
    assert problem.mixed.tolist() == [[0, 0], [0, 1], [1, 1]]
    first, second = problem.factors(rng.standard_normal(7))
    mix = np.array([[1.0, 0.0], [0.3, 1.0]])  # column 0 takes from column 1
    moved = second @ mix, np.linalg.inv(mix) @ first
    assert not moved[0][~nested[1]].any()
    np.testing.assert_allclose(moved[0] @ moved[1], second @ first)


def test_one_block_has_one_minimum_with_the_expected_curvature():
    """diag(2, 1): the Hessian at the best pair has eigenvalues 0, 2, 6 and 8."""
    supports = [np.ones((1, 2)), np.ones((2, 1))]
    found = local_minima(np.diag([2, 1]), supports, rng=np.random.default_rng(0), starts=12)
    np.testing.assert_allclose(found.values, [1], rtol=1e-10)
    assert found.counts.tolist() == [12]
    np.testing.assert_allclose(found.curvatures, [2], rtol=1e-6)
    np.testing.assert_allclose(found.endings, np.ones(12), rtol=1e-10)
    assert found.settled.all()
    ((first, second),) = found.factors
    np.testing.assert_allclose(second @ first, np.diag([2, 0]), atol=1e-7)
    np.testing.assert_allclose(np.linalg.norm(first), np.linalg.norm(second))


@pytest.mark.claim("LQ-04")
def test_full_observation_has_one_minimum():
    """The number of the prototype: 11.636, the sum of the squares of the other singular values."""
    matrix, _ = signs(0, 5, 0.6)
    found = local_minima(matrix, DENSE, rng=np.random.default_rng(1), starts=30)
    expected = (np.linalg.svd(matrix, compute_uv=False)[1:] ** 2).sum()
    np.testing.assert_allclose(found.values, [expected], rtol=1e-9)
    np.testing.assert_allclose(expected, 11.636, atol=5e-4)
    assert found.settled.all()


@pytest.mark.claim("LQ-03")
def test_some_descents_end_nowhere():
    """13 signs of 25: one local minimum is found, and runs to infinity towards larger losses."""
    matrix, observed = signs(0, 5, 0.6)
    assert observed.sum() == 13
    supports = completion_supports(observed)
    assert not classes_of_supports(supports).is_tractable
    target = np.where(observed, matrix, 0)
    found = local_minima(target, supports, rng=np.random.default_rng(1), starts=40)
    np.testing.assert_allclose(found.values, [2.398534], rtol=1e-6)
    lost = found.endings[~found.settled]
    assert lost.size
    assert lost.min() > 2.99


@pytest.mark.claim("LQ-03")
def test_several_local_minima_and_each_is_one():
    matrix, observed = signs(53, 5, 0.75)
    assert observed.sum() == 15
    supports = completion_supports(observed)
    target = np.where(observed, matrix, 0)
    found = local_minima(target, supports, rng=np.random.default_rng(1), starts=60)
    np.testing.assert_allclose(found.values[:3], [6.7237775, 6.81355345, 7.3027356], rtol=1e-7)
    assert found.counts.sum() == found.settled.sum()
    rng = np.random.default_rng(2)
    for value, factors, curvature in zip(
        found.values, found.factors, found.curvatures, strict=True
    ):
        np.testing.assert_allclose(loss_of(target, factors), value, rtol=1e-10)
        assert curvature > 0
        for size in (1e-1, 1e-2, 1e-3):
            for _ in range(20):
                moved = [
                    w + size * s * rng.standard_normal(s.shape)
                    for w, s in zip(factors, supports, strict=True)
                ]
                if size < 1e-1:
                    assert loss_of(target, moved) > value - 1e-9


def test_copies_multiply_the_minima():
    """Two copies in diagonal blocks: every sum of two values is a value."""
    matrix, observed = signs(41, 4, 0.75)
    target, supports = np.where(observed, matrix, 0), completion_supports(observed)
    one = local_minima(target, supports, rng=np.random.default_rng(1), starts=20)
    np.testing.assert_allclose(one.values, [4.33709538, 4.95007387], rtol=1e-7)
    target, supports = np.kron(np.eye(2), target), [np.kron(np.eye(2), s) for s in supports]
    two = local_minima(target, supports, rng=np.random.default_rng(1), starts=20)
    a, b = one.values
    np.testing.assert_allclose(two.values, [2 * a, a + b, 2 * b], rtol=1e-6)


@pytest.mark.claim("LQ-03")
def test_the_exchange_matrix_has_no_minimum_to_settle_at():
    triangles = [np.triu(np.ones((2, 2))), np.tril(np.ones((2, 2)))]
    found = local_minima([[0, 1], [1, 0]], triangles, rng=np.random.default_rng(0), starts=10)
    assert found.values.size == found.counts.size == 0
    assert not found.settled.any()
    assert found.endings.min() < 1e-3


def test_scale_and_starts():
    matrix = np.random.default_rng(0).standard_normal((3, 3))
    supports = [np.ones((1, 3)), np.ones((3, 1))]
    one, other = (
        local_minima(scale * matrix, supports, rng=np.random.default_rng(1), starts=3)
        for scale in (1, 1e6)
    )
    np.testing.assert_allclose(other.values, 1e12 * one.values, rtol=1e-6)
    np.testing.assert_allclose(other.curvatures, 1e6 * one.curvatures, rtol=1e-6)
    np.testing.assert_allclose(other.endings, 1e12 * one.endings, rtol=1e-6)
    none = local_minima(matrix, supports, rng=np.random.default_rng(1), starts=0)
    assert none.values.size == none.endings.size == 0


@pytest.mark.parametrize(
    "matrix, options, message",
    [
        (np.zeros((2, 2)), {}, "expected a nonzero matrix and a path"),
        (np.eye(3), {}, "expected shape"),
        (np.eye(2), {"starts": -1}, "starts: expected a number of at least 0"),
        (np.eye(2), {"steps": -1}, "steps: expected a number of at least 0"),
    ],
)
def test_bad_arguments(matrix, options, message):
    options = {"starts": 1, "rng": np.random.default_rng(0)} | options
    with pytest.raises(ValueError, match=message):
        local_minima(matrix, [np.ones((1, 2)), np.ones((2, 1))], **options)
    with pytest.raises(ValueError, match="and a path"):
        local_minima(
            np.eye(2), [np.zeros((1, 2)), np.ones((2, 1))], **(options | {"starts": 1, "steps": 1})
        )
    with pytest.raises(TypeError, match="real"):
        local_minima(1j * np.eye(2), [np.ones((1, 2)), np.ones((2, 1))], **options)
