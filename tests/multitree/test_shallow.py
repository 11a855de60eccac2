"""Opening a network with one hidden layer: the result, the queries, and every refusal."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.supports import NotMultitreeError, random_multitree
from openblackbox.networks import Queries, ReLUNetwork, TorchOracle
from shallow_cases import Recorder, block_supports, normalized, random_network

MODERATE = settings(deadline=None, derandomize=True, max_examples=40)


def recover(oracle, supports, seed=1, **options):
    return recover_shallow(oracle, supports, rng=np.random.default_rng(seed), **options)


def assert_same(found, network, rtol=1e-12, hidden_rtol=None):
    seen = found.first_seen >= 0
    expected = normalized(network, seen)
    got = (*found.network.weights, *found.network.biases)
    for mine, true, tolerance in zip(
        got, expected, (rtol, rtol, hidden_rtol or rtol, rtol), strict=True
    ):
        np.testing.assert_allclose(mine, true, rtol=tolerance, atol=1e-13)


def identity(biases, outputs=1.0, output_bias=0.0):
    """One output that adds up neurons with one input each: w_h = 1."""
    n = len(biases)
    return ReLUNetwork([np.eye(n), np.full((1, n), outputs)], [biases, [output_bias]])


@pytest.mark.claim("SL-04", "SL-17", "SL-18", "SL-25")
@pytest.mark.parametrize("p", [1, 2, 5, 8])
@pytest.mark.parametrize("decades", [0, 2])
def test_all_parameters_come_back(p, decades):
    supports = block_supports(p)
    network = random_network(supports, np.random.default_rng(p), decades=decades)
    found = recover(network, supports)
    assert found.unseen.size == found.always_on.size == 0
    assert_same(found, network, hidden_rtol=1e-11)
    x = 3 * np.random.default_rng(0).standard_normal((200, network.n_inputs))
    np.testing.assert_allclose(found.network(x), network(x), rtol=1e-11, atol=1e-11)


@pytest.mark.claim("SL-16")
@MODERATE
@given(
    widths=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6)),
    density=st.sampled_from([0.5, 1.0]),
    parents=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_random_multitrees_are_opened_up_to_what_cannot_be_seen(widths, density, parents, seed):
    rng = np.random.default_rng(seed)
    supports = random_multitree(widths, rng=rng, density=density, parents=parents)
    network = random_network(supports, rng)
    found = recover(network, supports, seed)
    has_block = supports[0].any(axis=1) & supports[1].any(axis=0)
    assert found.unseen.tolist() == np.flatnonzero(~has_block).tolist()
    x = 10 ** rng.uniform(-2, 2, (50, 1)) * rng.standard_normal((50, widths[0]))
    np.testing.assert_allclose(found.network(x), network(x), rtol=1e-9, atol=1e-9)
    for mine, support in zip(found.network.supports, supports, strict=True):
        assert not (mine & ~support).any()


def test_twelve_decades_of_biases():
    supports = block_supports(6)
    network = random_network(supports, np.random.default_rng(3), decades=6)
    ratios = np.abs(network.biases[0]) / np.linalg.norm(network.weights[0], axis=1)
    assert ratios.max() / ratios.min() > 1e11
    found = recover(network, supports)
    # A bias of 1e-6 is read off values of size |b_2| ~ 1: ten digits of it are left.
    assert_same(found, network, hidden_rtol=1e-8)
    tiny = identity(np.array([1e-6, -1e-6, 1e6, -1e6]))
    assert_same(recover(tiny, tiny.supports), tiny, hidden_rtol=1e-15)


def test_scales_over_twelve_decades_leave_the_function_exact():
    supports = block_supports(6)
    network = random_network(supports, np.random.default_rng(4), decades=3, scales=6)
    found = recover(network, supports)
    expected = normalized(network)
    np.testing.assert_allclose(found.network.weights[0], expected[0], rtol=1e-12, atol=0)
    np.testing.assert_allclose(found.network.weights[1], expected[1], rtol=1e-12, atol=0)
    # What a bias contributes to an output is right to the rounding of that output.
    contribution = np.abs(expected[1]) @ np.abs(found.network.biases[0] - expected[2])
    size = np.abs(expected[1]) @ np.abs(expected[2]) + np.abs(expected[3])
    assert (contribution / size).max() < 1e-13


def test_two_hundred_neurons_with_a_faster_search():
    supports = block_supports(16)
    network = random_network(supports, np.random.default_rng(5), decades=0.5)
    found = recover(network, supports, growth=16.0)
    assert_same(found, network, rtol=1e-11, hidden_rtol=1e-10)
    assert found.queries.jacobians < 12
    assert found.queries.evaluations <= 3 * 256 + 16 + 16


def test_a_torch_module_is_opened():
    torch.manual_seed(0)
    supports = block_supports(3)
    layers = torch.nn.Linear(9, 9), torch.nn.ReLU(), torch.nn.Linear(9, 9)
    with torch.no_grad():
        for layer, support in zip(layers[::2], supports, strict=True):
            layer.weight *= torch.tensor(support)
    module = torch.nn.Sequential(*layers)
    found = recover(TorchOracle(module), supports)
    truth = ReLUNetwork(
        [layers[0].weight.detach(), layers[2].weight.detach()],
        [layers[0].bias.detach(), layers[2].bias.detach()],
    )
    as_double = ReLUNetwork(
        [w.astype(float) for w in truth.weights], [b.astype(float) for b in truth.biases]
    )
    assert_same(found, as_double)
    single = recover(TorchOracle(module, dtype=np.float32), supports)
    assert_same(single, as_double, rtol=1e-4, hidden_rtol=1e-3)
    assert single.network.dtype == np.float64


def test_the_search_and_its_counts():
    supports = block_supports(4)
    network = random_network(supports, np.random.default_rng(7))
    oracle = Recorder(network)
    found = recover(oracle, supports, seed=8)
    x = np.random.default_rng(8).standard_normal(16)
    ratios = np.abs(network.biases[0] / (network.weights[0] @ x))
    expected = np.maximum(np.floor(np.log2(ratios)) + 1, 0).astype(int)
    assert found.first_seen.tolist() == expected.tolist()
    assert found.doublings == expected.max()
    for k, pair in enumerate(oracle.jacobians):
        np.testing.assert_allclose(pair, [2.0**k * x, -(2.0**k) * x], rtol=1e-15)
    np.testing.assert_allclose(found.radius, np.linalg.norm(x) * 2.0 ** expected.max(), rtol=1e-15)
    assert found.queries == Queries(
        evaluations=sum(map(len, oracle.values)), jacobians=2 * (found.doublings + 1)
    )
    assert len(oracle.values[-1]) == 16
    # The four groups of outputs read the same inputs: four base points, 16 neurons at 16 points.
    assert len(oracle.values[0]) == 4
    assert len(oracle.values[1]) == 16
    other = recover(network, supports, seed=8, checks=5, growth=3.0)
    steps = np.maximum(np.floor(np.log(ratios) / np.log(3)) + 1, 0).astype(int)
    assert other.first_seen.tolist() == steps.tolist()
    np.testing.assert_allclose(other.radius, np.linalg.norm(x) * 3.0 ** steps.max(), rtol=1e-13)


def test_the_points_of_the_final_check():
    network = identity(np.array([0.5, -3.0, 40.0]))
    oracle = Recorder(network)
    found = recover(oracle, network.supports, seed=9, checks=6)
    rng = np.random.default_rng(9)
    x, largest = rng.standard_normal(3), 2.0**found.doublings
    scales = np.exp(rng.uniform(np.log(0.5), np.log(largest), 6))
    points = scales[:, None] * rng.standard_normal((6, 3))
    points[:3] = rng.uniform(-largest, largest, 3)[:, None] * x
    np.testing.assert_allclose(oracle.values[-1], points, rtol=1e-12)
    big = identity(np.array([5.0, -30.0]))  # the smallest scale is 1 when all biases exceed it
    oracle = Recorder(big)
    found = recover(oracle, big.supports, seed=10, checks=2)
    rng = np.random.default_rng(10)
    rng.standard_normal(2)
    scales = np.exp(rng.uniform(0, np.log(2.0**found.doublings), 2))
    normal = rng.standard_normal((2, 2))
    np.testing.assert_allclose(oracle.values[-1][1], scales[1] * normal[1], rtol=1e-12)


@pytest.mark.parametrize("tolerance", [None, 1e-3])
def test_a_bias_of_zero_does_not_shrink_the_points_of_the_check(tolerance):
    """It comes back as 1e-44, and at points of that size the two functions differ."""
    smallest = np.finfo(float).eps if tolerance is None else tolerance**2
    network = random_network(block_supports(3), np.random.default_rng(20))
    network = ReLUNetwork(network.weights)
    met = 0
    for seed in range(10):
        oracle = Recorder(network)
        found = recover(oracle, block_supports(3), seed=seed, tolerance=tolerance, checks=4)
        assert found.residual < 1e-14
        np.testing.assert_allclose(found.network.biases[0], 0, atol=1e-40)
        if not found.network.biases[0].any():
            continue
        met += 1
        rng = np.random.default_rng(seed)
        rng.standard_normal(9)
        scales = np.exp(rng.uniform(np.log(smallest), 0, 4))
        normal = rng.standard_normal((4, 9))
        np.testing.assert_allclose(oracle.values[-1][2:], scales[2:, None] * normal[2:])
    assert met > 3


def test_the_residual_is_the_largest_error_relative_to_the_terms():
    network = random_network(block_supports(3), np.random.default_rng(11))
    checked = []

    def change(kind, points, answer):
        if kind == "value" and len(points) == 7:  # the final check: no other batch has 7 points
            checked.append(points)
            return answer + 1e-9 * np.eye(9)[4]
        return answer

    found = recover(Recorder(network, change), block_supports(3), checks=7)
    x = checked[0]
    reach = np.abs(x) @ np.abs(network.weights[0]).T + np.abs(network.biases[0])
    terms = (reach * network.activation_pattern(x)[0]) @ np.abs(network.weights[1]).T
    terms += np.abs(network.biases[1])
    np.testing.assert_allclose(found.residual, (1e-9 / terms[:, 4]).max(), rtol=1e-5)
    exact = recover(network, block_supports(3))
    assert 0 <= exact.residual < 1e-14


def test_a_small_output_is_checked_at_its_own_size():
    """An error of output 1 is seen, although output 0 is larger by twelve decades."""
    network = ReLUNetwork([np.eye(2), [[1e12, 0], [0, 1.0]]], [[1.0, -1.0], [0.0, 1.0]])

    def change(kind, points, answer):
        wrong = kind == "value" and len(points) == 8
        return answer + [0, 1e-3] if wrong else answer

    assert recover(network, network.supports).residual < 1e-15
    with pytest.raises(ValueError, match="the recovered function is off by"):
        recover(Recorder(network, change), network.supports, checks=8)


def test_a_neuron_without_block_does_not_weaken_the_check():
    """It cannot be missed: points outside the segment are judged as well."""
    network = ReLUNetwork([np.eye(2), [[1.0, 0]]], [[1.0, -1.0], [0.0]])

    def change(kind, points, answer):
        if kind == "value" and len(points) == 8:
            return answer + (np.arange(8) >= 4)[:, None]
        return answer

    with pytest.raises(ValueError, match="the recovered function is off by"):
        recover(Recorder(network, change), [np.eye(2), [[1, 0]]], checks=8)
    # With a block that is zero, a remote kink is possible, and only the segment is judged.
    found = recover(Recorder(network, change), [np.eye(2), [[1, 1]]], checks=8)
    assert found.unseen.tolist() == [1]
    assert found.residual > 0.01


def test_points_close_to_a_kink_are_not_refused():
    """Where the only active neuron is at its kink up to rounding, f is all rounding."""
    n = 12
    for seed in range(100):
        rng = np.random.default_rng(seed)
        rows = rng.standard_normal((1, n)) * 10 ** rng.uniform(-6, 6, n)
        network = ReLUNetwork([rows, [[1.0]]], [[0.0], [0.0]])
        x = rng.standard_normal(n)

        def change(kind, points, answer, network=network, rows=rows):
            if kind == "value" and len(points) == 8:
                points -= np.outer(network.preactivations(points)[0], rows) / np.sum(rows**2)
                return network(points)
            return answer

        found = recover(Recorder(network, change), network.supports, checks=8)
        assert found.residual < 1e-14, x


@pytest.mark.claim("SL-13", counterexample=True)
@pytest.mark.claim("SL-17", counterexample=True)
def test_null_neurons_are_reported_and_their_constant_kept():
    rng = np.random.default_rng(12)
    supports = block_supports(3)
    network = random_network(supports, rng)
    rows, columns = (w.copy() for w in network.weights)
    rows[2], columns[:, 5] = 0, 0
    network = ReLUNetwork([rows, columns], [np.abs(network.biases[0]), network.biases[1]])
    found = recover(network, supports)
    assert found.unseen.tolist() == [2, 5]
    assert found.always_on.size == 0
    assert found.doublings == 40
    assert found.queries.jacobians == 82
    assert found.first_seen[[2, 5]].tolist() == [-1, -1]
    x = 10 * rng.standard_normal((100, 9))
    np.testing.assert_allclose(found.network(x), network(x), rtol=1e-12, atol=1e-12)
    # The slides' minimal case: f = 1 from W_1 = 0, W_2 = 1, b = 1. The loop would never end, and
    # without an output bias the constant would be lost.
    constant = ReLUNetwork([[[0.0]], [[1.0]]], [[1.0], [0.0]])
    found = recover(constant, [[[1]], [[1]]], max_doublings=7)
    assert found.unseen.tolist() == [0]
    assert found.queries.jacobians == 16
    assert [b.tolist() for b in found.network.biases] == [[0.0], [1.0]]


def test_neurons_without_block_cost_no_doubling():
    supports = [[[1, 1], [0, 0], [1, 0]], [[1, 1, 0]]]
    network = ReLUNetwork(
        [[[1.0, 2.0], [0, 0], [3.0, 0]], [[1.0, 5.0, 0]]], [[1e-9, 2.0, 3.0], [0.25]]
    )
    found = recover(network, supports)
    assert found.unseen.tolist() == [1, 2]
    assert found.doublings == 0
    np.testing.assert_allclose(found.network.biases[1], [10.25], rtol=1e-15)


def test_neurons_beyond_the_radius():
    network = identity(np.array([1e5, -1e5, 1.0]))
    found = recover(network, network.supports, max_doublings=4)
    assert found.always_on.tolist() == [0]
    assert found.unseen.tolist() == [1]
    assert found.first_seen.tolist()[:2] == [-1, -1]
    assert found.doublings == 4
    # The neuron that is always on stays on, on the ball of that radius; its slope is right.
    np.testing.assert_allclose(found.network.biases[0], [found.radius, 0, 1], rtol=1e-12)
    x = np.random.default_rng(13).standard_normal((50, 3))
    x *= (
        found.radius
        * np.random.default_rng(14).random((50, 1))
        / np.linalg.norm(x, axis=1)[:, None]
    )
    np.testing.assert_allclose(found.network(x), network(x), rtol=1e-13)
    # Beyond, nothing is claimed, and the check on fresh points does not refuse.
    assert not np.allclose(found.network([[-2e5, 0, 0]]), network([[-2e5, 0, 0]]))


@pytest.mark.claim("SL-12", counterexample=True)
def test_active_on_both_sides_is_not_seen():
    network = ReLUNetwork([[[1.0]], [[1.0]]], [[2.0], [0.0]])
    total = network.jacobian([1.0]) + network.jacobian([-1.0])
    assert total.tolist() == [[2.0]]  # twice W_2 W_1 = 1: "x or -x" must be "exactly one"
    found = recover(network, network.supports)
    assert found.first_seen[0] > 0
    assert found.network.weights[0].tolist() == found.network.weights[1].tolist() == [[1.0]]


@pytest.mark.claim("SL-11", counterexample=True)
def test_the_jacobian_is_a_sum_of_disjoint_blocks():
    network = random_network(
        [[[1, 1, 0], [0, 0, 1]], [[1, 0], [1, 1], [0, 1]]], np.random.default_rng(15)
    )
    rows, columns = network.weights
    x = 5 * np.random.default_rng(16).standard_normal((20, 3))
    active = network.activation_pattern(x)[0]
    blocks = columns.T[:, :, None] * rows[:, None, :]
    assert (np.sum(blocks != 0, axis=0) <= 1).all()
    np.testing.assert_allclose(network.jacobian(x), np.einsum("kh,hoi->koi", active, blocks))
    # With the transpose of the slide the row has H entries, not n_0: the shapes do not fit.
    assert rows.T[0].size != network.n_inputs


@pytest.mark.claim("SL-13")
def test_doublings_are_at_most_one_more_than_the_logarithm():
    for seed in range(20):
        network = random_network(block_supports(3), np.random.default_rng(seed), decades=2)
        found = recover(network, block_supports(3), seed)
        x = np.random.default_rng(seed).standard_normal(9)
        ratios = np.abs(network.biases[0] / (network.weights[0] @ x))
        assert found.doublings <= 1 + max(np.log2(ratios).max(), 0)


@pytest.mark.claim("SL-18", counterexample=True)
def test_without_the_output_bias_the_function_is_off_by_a_constant():
    network = ReLUNetwork([[[1.0]], [[1.0]]], [[0.0], [1.0]])
    found = recover(network, network.supports)
    np.testing.assert_allclose(found.network.biases[1], [1.0], rtol=1e-15)
    without = ReLUNetwork(found.network.weights, [found.network.biases[0], [0.0]])
    x = np.linspace(-3, 3, 7)[:, None]
    np.testing.assert_allclose(network(x) - without(x), 1.0, rtol=1e-14)


def test_tolerance_decides_what_is_refused():
    """The final check accepts just under the tolerance, and refuses just above."""
    network = identity(np.array([1.0]))

    def with_error(relative, default=False):
        def change(kind, points, answer):
            return answer * (1 + relative) if kind == "value" and len(points) == 8 else answer

        options = {} if default else {"tolerance": 1e-3}
        return lambda: recover(Recorder(network, change), network.supports, checks=8, **options)

    assert with_error(0.9999e-3)().residual == pytest.approx(0.9999e-3 / 1.0009999, rel=1e-6)
    with pytest.raises(ValueError, match=r"off by 1.0e-03 .relative., the tolerance is 1.0e-03"):
        with_error(1.0015e-3)()
    default = np.sqrt(np.finfo(float).eps)
    with_error(0.9999 * default, True)()
    with pytest.raises(ValueError, match=r"the tolerance is 1.5e-08"):
        with_error(1.0005 * default, True)()


@pytest.mark.parametrize(
    "supports, match",
    [
        ([np.ones((3, 2))], "expected 2, one hidden layer, got 1; .*the last has 3 rows"),
        ([np.eye(3), np.ones((1, 3))], "the first has 3 columns, the oracle 2 inputs"),
        ([np.eye(2), np.ones((3, 2))], "the last has 3 rows, the oracle 1 outputs"),
    ],
)
def test_sizes_that_disagree(supports, match):
    with pytest.raises(ValueError, match=match):
        recover(identity(np.ones(2)), supports)


def test_bad_arguments():
    network = identity(np.ones(2))
    with pytest.raises(NotMultitreeError):
        recover(network, [np.ones((2, 2)), np.ones((1, 2))])
    with pytest.raises(TypeError, match=r"wrap a torch module in TorchOracle"):
        recover(torch.nn.Linear(2, 1), network.supports)
    with pytest.raises(TypeError, match=r"rng: expected a numpy.random.Generator, got a int"):
        recover_shallow(network, network.supports, rng=0)
    with pytest.raises(ValueError) as caught:
        recover(network, network.supports, growth=1.0, max_doublings=-1, noise=np.nan, checks=1)
    for part in ("growth: ", "max_doublings: ", "noise: ", "checks: expected an integer"):
        assert part in str(caught.value)
    with pytest.raises(ValueError, match=r"max_doublings: expected an integer, .* got 1.5"):
        recover(network, network.supports, max_doublings=1.5)
    with pytest.raises(
        ValueError, match=r"growth: 10000000000.0 to the power of max_doublings, 31, overflows"
    ):
        recover(network, network.supports, growth=1e10, max_doublings=31)
    recover(network, network.supports, growth=1e10, max_doublings=30.0, checks=2.0)
    with pytest.raises(ValueError, match="tolerance: expected a number from 0 to 1, got 2"):
        recover(network, network.supports, tolerance=2)


def answers(kind_changed, change):
    return lambda kind, points, answer: change(points, answer) if kind == kind_changed else answer


@pytest.mark.parametrize(
    "change, match",
    [
        (answers("value", lambda p, a: a * np.nan), "expected finite values"),
        (answers("jacobian", lambda p, a: a * np.inf), "expected finite Jacobians"),
        (answers("value", lambda p, a: a[0]), r"expected values of shape \(3, 9\), got \(9,\)"),
        (answers("jacobian", lambda p, a: a[:, :8]), r"Jacobians of shape \(2, 9, 9\)"),
        (answers("value", lambda p, a: a * 1j), "expected real values, got an array of complex"),
        (answers("jacobian", lambda p, a: a * (1 + np.arange(81).reshape(9, 9))), "of rank one"),
        (answers("jacobian", lambda p, a: a * np.abs(p[:, :1, None])), "changes from point to"),
        (answers("value", lambda p, a: a + np.sin(100 * p[:, :1])), "contradict|off by"),
        (answers("value", lambda p, a: 1.01 * a), "contradict|off by"),
    ],
)
def test_answers_that_contradict_the_model(change, match):
    network = random_network(block_supports(3), np.random.default_rng(17), decades=2)
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=match):
        recover(Recorder(network, change), block_supports(3))


def test_an_oracle_with_other_supports_is_refused_with_the_size_of_the_excess():
    network = ReLUNetwork([[[1.0, 2.0], [0, 3.0]], [[1.0, 0.5]]], [[1.0, 1.0], [0.0]])
    with pytest.raises(ValueError, match=r"1 nonzero entries outside the supports, up to 2.0e"):
        recover(ReLUNetwork([[[1.0, 2.0]], [[1.0]]]), [[[1, 0]], [[1]]])
    with pytest.raises(NotMultitreeError):
        recover(network, network.supports)
    dense = ReLUNetwork(np.random.default_rng(0).standard_normal((2, 4, 4)))
    with pytest.raises(ValueError, match=r"changes from point to point|not of rank one"):
        recover(dense, block_supports(2))


def test_noise_is_the_size_that_counts_as_zero():
    network = random_network(block_supports(2), np.random.default_rng(18))
    rng = np.random.default_rng(19)

    def change(kind, points, answer):
        return answer + rng.uniform(-1e-10, 1e-10, answer.shape) if kind == "jacobian" else answer

    with pytest.raises(ValueError, match="changes from point to point"):
        recover(Recorder(network, change), block_supports(2))
    found = recover(Recorder(network, change), block_supports(2), noise=1e-10)
    assert_same(found, network, rtol=1e-7, hidden_rtol=1e-7)
    quiet = recover(network, block_supports(2), noise=1e-10)
    assert quiet.first_seen.tolist() == found.first_seen.tolist()
