"""The network without biases, seen through the network with biases."""

import numpy as np
import pytest
from biased_cases import random_case
from openblackbox.multitree.bank import RangeExhaustedError
from openblackbox.multitree.infinity import AtInfinity
from openblackbox.networks import CountingOracle, Oracle, ReLUNetwork


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("holes", [0.0, 0.5])
def test_answers_are_those_of_the_network_without_biases(seed, holes):
    network = random_case(seed)
    bare, far = ReLUNetwork(network.weights), AtInfinity(network)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((8, network.n_inputs)) * 2.0 ** rng.uniform(-60, 60, (8, 1))
    x[rng.random(x.shape) < holes] = 0  # where neurons without biases are at their kinks
    v = rng.standard_normal(x.shape)
    u = rng.standard_normal((8, network.n_outputs))
    same = {"rtol": 1e-12, "atol": 1e-300}
    np.testing.assert_allclose(far.jacobian(x), bare.jacobian(x), **same)
    size = np.abs(bare.jacobian(x)).sum()
    np.testing.assert_allclose(far.jvp(x, v), bare.jvp(x, v), rtol=1e-12, atol=1e-13 * size)
    np.testing.assert_allclose(far.vjp(x, u), bare.vjp(x, u), rtol=1e-12, atol=1e-13 * size)
    scale = 1e-13 * size * np.abs(x).max()
    np.testing.assert_allclose(far(x), bare(x), rtol=1e-12, atol=scale)


def test_single_points_and_shared_directions():
    network = random_case(5)
    far = AtInfinity(network)
    rng = np.random.default_rng(0)
    x, v = rng.standard_normal((2, 3, network.n_inputs))
    x[1, ::2] = 0
    u = rng.standard_normal(network.n_outputs)
    assert isinstance(far, Oracle)
    assert far.dtype == float
    for point in x:
        assert np.allclose(far.jvp(point, v[0]), far.jvp(x, v[0])[(x == point).all(axis=1)][0])
        assert far.jvp(point, v).shape == (3, network.n_outputs)
        assert far.vjp(point, u).shape == (network.n_inputs,)
        assert far(point).shape == (network.n_outputs,)
        assert far.jacobian(point).shape == (network.n_outputs, network.n_inputs)
    assert far.vjp(x, u).shape == x.shape
    assert np.array_equal(far.vjp(x[1], u), far.vjp(x, u)[1])


def test_two_questions_for_one_and_more_at_zeros_and_beyond_large_biases():
    network = ReLUNetwork([np.eye(2), [[1.0, 1.0]]], [[1.0, -1.0], [0.0]])
    counter = CountingOracle(network)
    far = AtInfinity(counter)
    assert far.jacobian([1.0, 2.0]).tolist() == [[1.0, 1.0]]
    assert counter.queries.jacobians == 2
    assert counter.queries.jvps == 0
    assert far.vjp([0.0, 2.0], [1.0]).tolist() == [0.0, 1.0]
    assert (counter.queries.vjps, counter.queries.jvps) == (2, 4)
    assert far.vjp([0.0, 2.0], [3.0]).tolist() == [0.0, 3.0]  # the columns are kept
    assert counter.queries.jvps == 4
    assert far.jvp([0.0, 2.0], [0.0, 1.0]).tolist() == [1.0]
    assert counter.queries.jvps == 6
    # Both points of the first pair are before the kink at 2**220, or astride of it.
    for exponent, asked in ((150.0, 3), (220.0, 2)):
        late = CountingOracle(ReLUNetwork([[[1.0]], [[1.0]]], [[-(2.0**exponent)], [0.0]]))
        slope = AtInfinity(late).jacobian([1.0])
        assert slope == (exponent == 150)
        assert late.queries.jacobians == asked
    assert AtInfinity(late, reach=250).jacobian([1.0]) == 1


def test_the_points_are_multiples_of_x_by_powers_of_two():
    class Listening(ReLUNetwork):
        asked = ()

        def jacobian(self, x):
            self.asked = (*self.asked, *x)
            return super().jacobian(x)

        def jvp(self, x, v):
            self.asked = (*self.asked, *x)
            return super().jvp(x, v)

    network = Listening([np.eye(3)])
    AtInfinity(network).jacobian([3.0, -0.7, 50.0])
    near, far = np.array(network.asked) / [3.0, -0.7, 50.0]
    assert near.tolist() == [2.0**128] * 3  # 0.7 has the exponent 0
    assert far.tolist() == [2.0**188] * 3
    network.asked = ()
    AtInfinity(network, reach=100).jacobian([3.0, -0.7, 0.0])
    assert np.array(network.asked)[:, 1].tolist() == [-0.7 * 2.0**100, -0.7 * 2.0**160] * 3
    near, same, below = np.array(network.asked)[::2, 2] / 2.0**40
    assert 1 <= near == same == -below < 2


@pytest.mark.parametrize("row", [[1.0, -1.0, 0], [1.0, -2.0, 1.0], [1.0, 1.0, -2.0]])
def test_weights_that_cancel_do_not_leave_the_answer_to_the_bias(row):
    network = ReLUNetwork([[[*row, 0], [0, 0, 0, 1.0]], [[1.0, 1.0]]], [[1.0, 0], [0]])
    far = AtInfinity(network)
    assert far.jacobian([0, 0, 0, 1.0]).tolist() == [[0, 0, 0, 1.0]]
    assert far.jvp([0, 0, 0, 1.0], [1.0, 3.0, 5.0, 7.0]).tolist() == [7.0]
    assert far.vjp([0, 0, 0, 1.0], [1.0]).tolist() == [0, 0, 0, 1.0]


def test_the_numbers_in_general_position_do_not_depend_on_the_size_of_the_point():
    far = AtInfinity(ReLUNetwork([np.eye(4)]), reach=7)
    points = far._far(np.array([[0, 0, 0, 1.0], [0, 0, 0, 1024.0]]))
    assert np.array_equal(points[0], points[1])
    ratios = points[0, :3] / 2.0 ** (7 - 60)
    assert ((ratios >= 1) & (ratios < 2)).all()
    assert len(set(ratios)) == 3


def test_the_limit_that_is_out_of_range():
    network = ReLUNetwork([np.eye(2), [[1.0, 1.0]]], [[1.0, -1.0], [0.0]])
    with pytest.raises(RangeExhaustedError, match=r"below 2\*\*896"):
        AtInfinity(network).jacobian([1e-200, 1e200])
    single = AtInfinity(ReLUNetwork([np.eye(2, dtype=np.float32)]))
    assert single.dtype == np.float32
    assert (single.reach, AtInfinity(network).reach) == (16, 128)
    assert np.array_equal(single.jacobian([1.0, 2.0]), np.eye(2))


def test_arguments():
    with pytest.raises(TypeError, match="Oracle"):
        AtInfinity(3)
    with pytest.raises(ValueError, match="reach"):
        AtInfinity(ReLUNetwork([[[1.0]]]), reach=0)
    with pytest.raises(ValueError, match="x: expected shape"):
        AtInfinity(ReLUNetwork([[[1.0]]])).jacobian([1.0, 2.0])
