"""Reading biases one neuron at a time: the points asked, the scheduling, the refinements."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.isolation import MARGIN, REFINEMENTS, parallel_outputs
from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.supports import random_multitree
from openblackbox.networks import ReLUNetwork
from shallow_cases import Recorder, block_supports, random_network


def recover(oracle, supports, seed=1, **options):
    return recover_shallow(oracle, supports, rng=np.random.default_rng(seed), **options)


def one_neuron(bias, slope=1.0, output_bias=0.0):
    return ReLUNetwork([[[1.0]], [[slope]]], [[bias], [output_bias]])


@pytest.mark.claim("SL-16")
def test_the_closed_form():
    """b_h = (f_j(y_1) - f_j(y_0)) / W_2[j, h] - p_h, on a network whose neurons share no input."""
    rng = np.random.default_rng(0)
    network = random_network([[[1, 1, 0, 0], [0, 0, 1, 1]], [[1, 1]]], rng)
    rows, columns = network.weights
    norms = np.linalg.norm(rows, axis=1)
    units, p = rows / norms[:, None], 1.5 * np.abs(network.biases[0]) / norms
    for h in range(2):
        off, on = -p @ units, -p @ units + 2 * p[h] * units[h]
        step = (network(on) - network(off))[0] / (columns[0, h] * norms[h])
        assert step - p[h] == pytest.approx(network.biases[0][h] / norms[h], rel=1e-12)
        assert network(off)[0] == pytest.approx(network.biases[1][0], rel=1e-14)


def test_the_points_asked_for_one_neuron():
    x = np.random.default_rng(1).standard_normal(1)[0]
    oracle = Recorder(one_neuron(1e-3 * abs(x), output_bias=0.0))
    found = recover(oracle, [[[1]], [[1]]], checks=2)
    base, first, second, check = oracle.values
    p = 2 * abs(x)
    np.testing.assert_allclose([base[0, 0], first[0, 0]], [-p, p], rtol=1e-14)
    # Read again at twice what is known of |b|, rounding errors included.
    unit = 16 * np.finfo(float).eps
    error = unit * (p + p * (1 + 5e-4))
    np.testing.assert_allclose(second[0, 0], 2 * (1e-3 * abs(x) + error), rtol=1e-12)
    assert len(check) == 2
    assert found.queries.evaluations == 5


def test_a_bias_of_zero_shows_the_rounding_that_is_allowed_for():
    oracle = Recorder(one_neuron(0.0, slope=2.0, output_bias=0.0))
    recover(oracle, [[[1]], [[1]]], checks=2)
    x = abs(np.random.default_rng(1).standard_normal(1)[0])
    p = [2 * x]
    for _ in range(REFINEMENTS):
        p.append(2 * 16 * np.finfo(float).eps * 2 * p[-1])
    asked = [batch[0, 0] for batch in oracle.values[1:-1]]
    np.testing.assert_allclose(asked, p, rtol=1e-9)
    assert len(p) == 3
    oracle = Recorder(one_neuron(0.0, slope=2.0, output_bias=4.0))
    recover(oracle, [[[1]], [[1]]], checks=2)
    second = 2 * 16 * np.finfo(float).eps * (2 * x + (2 * 2 * x + 4 + 4) / 2)
    bias = (oracle.network([[2 * x]])[0, 0] - 4) / 2 - 2 * x
    np.testing.assert_allclose(oracle.values[2][0, 0], second + 2 * abs(bias), rtol=1e-9)


@pytest.mark.parametrize("ratio, again", [(1.0001, 1), (0.9999, 0)])
def test_a_bias_is_read_again_when_its_offset_exceeds_eight_times_its_size(ratio, again):
    assert MARGIN == 8
    p = 2 * abs(np.random.default_rng(1).standard_normal(1)[0])
    found = recover(one_neuron(p / (8 * ratio)), [[[1]], [[1]]], checks=2)
    assert found.queries.evaluations == 2 + again + 2


@pytest.mark.parametrize("ratio, fails", [(1.001, True), (0.999, False)])
def test_a_bias_beyond_its_certificate_is_refused(ratio, fails):
    """The Jacobians promise |b| <= p; the values may break it by the tolerance, not more."""
    p = 2 * abs(np.random.default_rng(1).standard_normal(1)[0])

    def change(kind, points, answer):
        # Adds to the value at +p what a bias of -1.5 * ratio * p would.
        wrong = (kind == "value") & np.isclose(points, p)
        return np.where(wrong, p * (1 - 1.5 * ratio), answer) if kind == "value" else answer

    def run():
        # The final check sees the wrong function too, so its tolerance is what limits here.
        return recover(Recorder(one_neuron(0.1 * p), change), [[[1]], [[1]]], tolerance=0.5)

    with pytest.raises(ValueError, match="contradict its Jacobians" if fails else "off by"):
        run()


def test_every_bias_is_read_where_rounding_hurts_least():
    # Output 0 has a large bias, and would cost ten digits; output 1 has none.
    network = ReLUNetwork([[[1.0]], [[2.0], [1.0]]], [[0.3], [1e10, 0.0]])
    found = recover(network, network.supports)
    assert found.network.biases[0][0] == pytest.approx(0.3, rel=1e-14)
    assert found.network.biases[1].tolist() == [1e10, 0.0]


def test_refinement_removes_the_cancellation():
    network = ReLUNetwork([np.eye(3), np.ones((1, 3))], [[1e-9, -1e-7, 1e-5], [0.0]])
    found = recover(network, network.supports)
    np.testing.assert_allclose(found.network.biases[0], network.biases[0], rtol=1e-14)


@given(
    widths=st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8)),
    seed=st.integers(0, 10**6),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_outputs_of_one_round_do_not_disturb_each_other(widths, seed):
    first, second = random_multitree(widths, rng=np.random.default_rng(seed), density=0.7)
    groups, rounds = parallel_outputs(first, second)
    reads = (second.astype(int) @ first.astype(int)) > 0
    for i in range(widths[2]):
        for j in range(i):
            same = (second[i] == second[j]).all()
            assert (groups[i] == groups[j]) == same
            if same:
                assert rounds[i] == rounds[j]
            elif rounds[i] == rounds[j]:
                assert not (reads[i] & reads[j]).any()
    assert sorted(set(rounds.tolist())) == list(range(rounds.max() + 1))
    assert rounds[0] == 0


def test_independent_networks_share_their_evaluations():
    """Ten copies of a network side by side cost as many evaluations as one."""
    one = [np.array([[1, 1, 0, 0], [0, 0, 1, 1]]), np.array([[1, 1]])]
    ten = [np.kron(np.eye(10), support) for support in one]
    network = ReLUNetwork(
        [w * np.random.default_rng(2).uniform(1, 2, w.shape) for w in ten],
        [np.full(20, 0.1), np.zeros(10)],
    )
    oracle = Recorder(network)
    found = recover(oracle, ten)
    assert [len(batch) for batch in oracle.values[:2]] == [1, 2]
    norms = np.linalg.norm(network.weights[0], axis=1)
    np.testing.assert_allclose(found.network.biases[0] * norms, 0.1, rtol=1e-12)
    oracle = Recorder(random_network(block_supports(3), np.random.default_rng(3)))
    recover(oracle, block_supports(3))
    assert [len(batch) for batch in oracle.values[:2]] == [3, 9]
