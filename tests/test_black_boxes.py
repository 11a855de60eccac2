"""Oracles with noise and oracles made of values: their laws, their bounds, and their refusals."""

import itertools

import numpy as np
import pytest
from openblackbox.black_boxes import (
    AveragedOracle,
    Differences,
    FiniteDifferenceOracle,
    NoisyOracle,
)
from openblackbox.multitree.gauge import gauge_distance
from openblackbox.multitree.shallow import recover_shallow
from openblackbox.multitree.shallow_study import random_shallow_network
from openblackbox.multitree.supports import dyadic_supports, kronecker_supports
from openblackbox.networks import CountingOracle, Oracle, Queries, ReLUNetwork
from scipy.stats import kstest


def network(widths=(3, 5, 2), seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((b, a)).astype(dtype) for a, b in itertools.pairwise(widths)]
    return ReLUNetwork(weights, [rng.standard_normal(n).astype(dtype) for n in widths[1:]])


def noisy(oracle, sigma=0.5, seed=1):
    return NoisyOracle(oracle, sigma=sigma, rng=np.random.default_rng(seed))


def questions(oracle, rng, k=None):
    shape = () if k is None else (k,)
    x, v = rng.standard_normal((2, *shape, oracle.n_inputs))
    u = rng.standard_normal((*shape, oracle.n_outputs))
    return [
        lambda box: box(x),
        lambda box: box.jacobian(x),
        lambda box: box.jvp(x, v),
        lambda box: box.vjp(x, u),
    ]


# --- noise ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(4))
def test_every_answer_has_gaussian_noise_of_the_level_asked(number):
    exact = network()
    ask = questions(exact, np.random.default_rng(2), k=2000)[number]
    noise = (ask(noisy(exact, sigma=0.25)) - ask(exact)).ravel()
    assert kstest(noise / 0.25, "norm").pvalue > 1e-3
    # The generator draws the standard noise: the level itself is exact.
    drawn = np.random.default_rng(1).standard_normal(ask(exact).shape)
    np.testing.assert_allclose(noise, 0.25 * drawn.ravel(), rtol=1e-9, atol=1e-13)


def test_noise_is_new_in_every_answer_and_independent_over_a_batch():
    box, x = noisy(network()), np.zeros(3)
    answers = np.stack([box(x) for _ in range(4000)])
    batch = box(np.zeros((4000, 3)))
    for sample in (answers, batch):
        assert len(np.unique(sample)) == sample.size
        correlation = np.corrcoef(sample[:-1, 0], sample[1:, 0])[0, 1]
        assert abs(correlation) < 4 / np.sqrt(4000)
        assert abs(np.corrcoef(sample.T)[0, 1]) < 4 / np.sqrt(4000)


def test_no_noise_changes_nothing():
    exact = network()
    for ask in questions(exact, np.random.default_rng(3), k=3):
        assert (ask(noisy(exact, sigma=0)) == ask(exact)).all()


@pytest.mark.parametrize("n", [1, 4, 9])
def test_the_mean_of_n_answers_has_noise_over_the_root_of_n(n):
    exact, inside = network(), CountingOracle(network())
    mean = AveragedOracle(noisy(inside, sigma=0.3), repeats=n)
    for number in range(4):
        ask = questions(exact, np.random.default_rng(4), k=1000)[number]
        noise = (ask(mean) - ask(exact)).ravel()
        assert kstest(noise / (0.3 / np.sqrt(n)), "norm").pvalue > 1e-3
    assert inside.queries == Queries(1000 * n, 1000 * n, 1000 * n, 1000 * n)


def test_the_mean_of_equal_answers_is_the_answer():
    exact = network()
    for ask in questions(exact, np.random.default_rng(5)):
        np.testing.assert_allclose(ask(AveragedOracle(exact, repeats=3)), ask(exact), rtol=1e-14)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda n: noisy(n, sigma=0),
        lambda n: AveragedOracle(n, repeats=2),
        lambda n: FiniteDifferenceOracle(n, n.n_inputs, n.n_outputs),
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_protocol_its_batches_and_its_errors(wrap, dtype):
    exact = network(dtype=dtype)
    box, rng = wrap(exact), np.random.default_rng(6)
    assert isinstance(box, Oracle)
    assert (box.n_inputs, box.n_outputs) == (3, 2)
    tolerance = {"rtol": 0, "atol": 1e-12 if dtype == np.float64 else 1e-4}
    for k in (None, 1, 4):
        for ask in questions(exact, rng, k):
            answer = ask(box)
            assert (answer.dtype, answer.shape) == (dtype, ask(exact).shape)
            np.testing.assert_allclose(answer, ask(exact), **tolerance)
    x, v, u = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal(2)
    for pair in ((x, v), (x[0], x)):  # a single point or direction serves a whole batch
        np.testing.assert_allclose(box.jvp(*pair), exact.jvp(*pair), **tolerance)
    for pair in ((x, u), (x[0], np.stack([u, 2 * u]))):
        np.testing.assert_allclose(box.vjp(*pair), exact.vjp(*pair), **tolerance)
    for bad, error in (
        (lambda b: b([1.0, 2.0]), ValueError),
        (lambda b: b([1.0, np.nan, 2.0]), ValueError),
        (lambda b: b([1j, 0, 0]), TypeError),
        (lambda b: b.jacobian(np.ones((2, 4))), ValueError),
        (lambda b: b.jvp(x, np.ones((3, 3))), ValueError),
        (lambda b: b.jvp(x, np.ones(2)), ValueError),
        (lambda b: b.vjp(x, np.ones((2, 2))), ValueError),
        (lambda b: b.vjp(x, np.ones(3)), ValueError),
    ):
        with pytest.raises(error) as mine:
            bad(box)
        with pytest.raises(error) as theirs:
            bad(exact)
        assert str(mine.value).replace("float64", dtype.__name__) == str(theirs.value)


@pytest.mark.parametrize("sigma", [-1.0, np.nan, np.inf, "loud", None, [1.0]])
def test_a_bad_level_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma: expected a finite number, at least 0, got"):
        noisy(network(), sigma=sigma)


def test_what_is_no_oracle_and_no_generator_is_refused():
    with pytest.raises(TypeError, match="expected an Oracle, got a list"):
        noisy([])
    with pytest.raises(TypeError, match="expected an Oracle, got a function"):
        AveragedOracle(lambda x: x, repeats=2)
    with pytest.raises(TypeError, match=r"expected a numpy\.random\.Generator, got a int"):
        NoisyOracle(network(), sigma=1.0, rng=0)
    for repeats in (0, 1.5, True, "two"):
        with pytest.raises(ValueError, match="repeats: expected a positive integer"):
            AveragedOracle(network(), repeats=repeats)


# --- differences of values -----------------------------------------------------------------------


def values_of(oracle, **options):
    inside = CountingOracle(oracle)
    return FiniteDifferenceOracle(inside, oracle.n_inputs, oracle.n_outputs, **options), inside


def line(*kinks, slope=1.0):
    """A function of one variable: slope t + sum of jump * relu(sign (t - place))."""
    return lambda t: slope * t + sum(j * np.maximum(s * (t - p), 0) for p, j, s in kinks)


def test_the_steps_are_powers_of_two_below_the_size_of_x():
    box, inside = values_of(ReLUNetwork([[[2.0, 3.0]]]))
    x = np.array([[3.0, 4.0], [0.0, 0.0], [1e-20, 0.0]])  # root mean squares 3.54, 0 and 0.7e-20
    np.testing.assert_allclose(box.jacobian(x), np.broadcast_to([[2.0, 3.0]], (3, 1, 2)), rtol=1e-9)
    rms = np.array([3.5355, 1.0, 0.70711e-20])
    assert (box.last.steps == np.exp2(np.floor(np.log2(rms)))[:, None]).all()
    assert box.evaluations == inside.queries.evaluations == 3 * (1 + 2 * 2)
    assert inside.queries == Queries(evaluations=15)


def test_step_scales_the_largest_step():
    for step, expected in ((1 / 8, 1 / 8), (0.2, 1 / 8), (4, 4), (1e-3, 2.0**-10)):
        box, _ = values_of(ReLUNetwork([[[2.0]]]), step=step)
        box.jacobian([1.0])
        assert box.last.steps.tolist() == [expected]


def test_a_step_shrinks_by_four_until_the_cell_holds_it():
    box = FiniteDifferenceOracle(line((1.1, 5.0, 1)), 1, 1)  # a kink at distance 0.1 of x = 1
    assert box.jacobian([1.0]).tolist() == [[pytest.approx(1.0, rel=1e-12)]]
    assert box.last.steps.tolist() == [1 / 16]
    assert box.evaluations == 1 + 2 * 3
    backwards = FiniteDifferenceOracle(line((0.9, 5.0, -1)), 1, 1)
    backwards.jacobian([1.0])
    assert backwards.last.steps.tolist() == [1 / 16]


def test_two_symmetric_kinks_do_not_hide_each_other():
    # f(t) = relu(t - 1) - relu(-t - 1): forward and backward differences agree at equal steps.
    odd = line((0.3, 1.0, 1), (-0.3, -1.0, -1), slope=0.0)
    assert odd(np.array(1.0)) == -odd(np.array(-1.0))
    box = FiniteDifferenceOracle(odd, 1, 1)
    assert box.jacobian([[0.0]]).tolist() == [[[0.0]]]
    assert box.last.steps.tolist() == [[1 / 4]]


@pytest.mark.parametrize("place, jump", [(1 + 1e-15, 5.0), (1.9999, 1e-11), (0.6, -1e-12)])
def test_a_kink_that_is_not_noticed_costs_no_more_than_the_bound(place, jump):
    # The kink is too near to the end of the step, or too weak, to be told from rounding.
    def value(t):
        return 1.0 * t + jump * np.maximum(t - place, 0)

    box = FiniteDifferenceOracle(value, 1, 1)
    exact = 1.0 if place > 1 else 1.0 + jump
    if place < 1.5 and jump == 5.0:
        with pytest.raises(ValueError, match="a kink of the function is nearer than the smallest"):
            box.jacobian([1.0])
        return
    error = abs(box.jacobian([1.0]).item() - exact)
    assert error <= box.last.errors.item() < 1e-10


def test_the_error_bound_is_the_one_promised():
    noise, jump, place = 1e-3, 0.5, 1.999
    box = FiniteDifferenceOracle(line((place, jump, 1)), 1, 1, noise=noise)
    got = box.jacobian([1.0]).item()
    kink = jump * (2 - place)  # f(2) - f(1) - 2 (f(1) - f(1/2))
    assert got - 1 == pytest.approx(kink / 1.5, rel=1e-9)
    assert box.last.errors.item() == pytest.approx((kink + 8 * noise) / 1.5, rel=1e-9)
    eps = np.finfo(float).eps
    straight = FiniteDifferenceOracle(line(slope=3.0), 1, 1)
    straight.jacobian([1.0])
    # size: the largest value, f(2) = 6, and |x| times the slope, 3
    assert straight.last.errors.item() == pytest.approx(8 * 4 * eps * 9 / 1.5, rel=1e-9)


@pytest.mark.parametrize("distance, accepted", [(2e-3, True), (5.9e-3, True), (6.1e-3, False)])
def test_six_times_the_noise_is_not_a_kink(distance, accepted):
    box = FiniteDifferenceOracle(line((2 - distance, 1.0, 1)), 1, 1, noise=1e-3)
    box.jacobian([1.0])
    assert (box.last.steps.item() == 1) is accepted


def test_rounding_is_judged_at_the_size_of_the_values():
    # A kink of the size of 20 units of rounding of f(2) = 2 + 1e6 passes, one of 40 does not.
    eps = np.finfo(float).eps
    size = 2 + 1e6 + 1
    for factor, accepted in ((23.0, True), (25.0, False)):
        jump = factor * eps * size / 0.5

        def value(t, jump=jump):
            return 1e6 + t + np.maximum(t - 1.5, 0) * jump

        box = FiniteDifferenceOracle(value, 1, 1)
        box.jacobian([1.0])
        assert (box.last.steps.item() == 1) is accepted


def test_at_a_kink_there_is_no_derivative_and_it_says_so():
    box, _ = values_of(ReLUNetwork([[[1.0], [-1.0]], [[5.0, 7.0]]]))
    with pytest.raises(ValueError, match=r"along 1 of 1 directions a kink .* 1\.5e-08: no diff"):
        box.jacobian([0.0])
    with pytest.raises(ValueError, match="along 2 of 2 directions"):
        FiniteDifferenceOracle(lambda t: np.abs(t - 1.0), 1, 1).jvp([1.0], [[1.0], [-2.0]])


def test_the_bound_covers_a_smooth_function_too():
    # The two one-sided differences also differ by curvature: 1.5 times what the answer is off by.
    box = FiniteDifferenceOracle(np.sin, 1, 1)
    error = abs(box.jacobian([1.0]).item() - np.cos(1.0))
    assert error <= box.last.errors.item() < 1e-6
    coarse = FiniteDifferenceOracle(np.sin, 1, 1, noise=1e-2)
    error = abs(coarse.jacobian([1.0]).item() - np.cos(1.0))
    assert 1e-3 < error <= coarse.last.errors.item()


@pytest.mark.parametrize("smallest, tries", [(1e-3, 5), (0.1, 2), (1e-6, 10)])
def test_smallest_limits_the_tries(smallest, tries):
    box = FiniteDifferenceOracle(lambda t: np.abs(t - 1.0), 1, 1, smallest=smallest)
    with pytest.raises(ValueError, match=f"smallest step allowed, {smallest:.1e}"):
        box.jacobian([1.0])
    assert box.evaluations == 1 + 2 * tries
    assert 4.0 ** -(tries - 1) >= smallest > 4.0**-tries


def test_the_default_smallest_step_is_the_root_of_the_unit_roundoff():
    for dtype in (np.float64, np.float32):
        box = FiniteDifferenceOracle(lambda t, d=dtype: np.abs(t - 1.0).astype(d), 1, 1)
        with pytest.raises(ValueError, match="smallest step allowed") as caught:
            box.jacobian([1.0])
        assert f"{np.sqrt(np.finfo(dtype).eps):.1e}" in str(caught.value)


def test_inside_a_cell_differences_are_exact_up_to_rounding_at_any_scale():
    exact = network((4, 12, 3), seed=7)
    rng = np.random.default_rng(8)
    for scale in (1e-3, 1.0, 1e3, 1e9):
        box, inside = values_of(exact)
        x, v = scale * rng.standard_normal((2, 20, 4))
        jacobians = box.jacobian(x)
        error = np.abs(jacobians - exact.jacobian(x))
        assert (error.max(axis=1) <= box.last.errors).all()
        assert np.median(error) < 1e-12
        assert box.last.steps.shape == box.last.errors.shape == (20, 4)
        slopes = box.jvp(x, v)
        lengths = np.linalg.norm(v, axis=1)
        errors = np.abs(slopes - exact.jvp(x, v)).max(axis=1)
        assert (errors <= box.last.errors * lengths).all()
        assert box.last.steps.shape == box.last.errors.shape == (20,)
        assert box.evaluations == inside.queries.evaluations


def test_a_vjp_costs_a_jacobian_and_a_zero_direction_costs_one_value():
    box, inside = values_of(ReLUNetwork([[[1.0, 2.0], [3.0, 4.0]]]))
    assert box.vjp([1.0, 1.0], [1.0, -1.0]) == pytest.approx([-2.0, -2.0])
    assert inside.queries == Queries(evaluations=5)
    inside.reset()
    assert box.jvp([1.0, 1.0], [0.0, 0.0]).tolist() == [0.0, 0.0]
    assert box.last == Differences(0.0, 0.0)
    assert inside.queries == Queries(evaluations=1)
    assert box.jvp([1.0, 1.0], [3.0, 4.0]) == pytest.approx([11.0, 25.0])
    assert box.last.steps.shape == ()
    assert box.last.steps == 1


def test_along_an_input_of_a_multitree_agreement_proves_the_cell():
    # Deep multitrees with biases: every answer is within its bound, whatever the kinks.
    for seed in range(10):
        rng = np.random.default_rng(seed)
        weights = [s * rng.standard_normal(s.shape) for s in dyadic_supports(4)]
        exact = ReLUNetwork(weights, [rng.standard_normal(16) for _ in weights])
        box, _ = values_of(exact, step=64)  # begin far outside of the cell
        x = 3 * rng.standard_normal((3, 16))
        error = np.abs(box.jacobian(x) - exact.jacobian(x)).max(axis=1)
        assert (error <= box.last.errors).all()
        assert len(np.unique(box.last.steps)) > 1


def test_a_network_is_opened_from_values_alone():
    supports = [kronecker_supports(1, 4, 4, 4), kronecker_supports(4, 4, 4, 1)]
    secret = random_shallow_network(supports, 1.0, rng=np.random.default_rng(3))
    box, inside = values_of(secret)
    found = recover_shallow(box, supports, rng=np.random.default_rng(4), noise=1e-9)
    assert gauge_distance(found.network, secret) < 1e-11
    asked = inside.queries
    assert asked == Queries(evaluations=box.evaluations)
    per_jacobian = (asked.evaluations - found.queries.evaluations) / found.queries.jacobians
    assert 1 + 2 * 16 <= per_jacobian < 3 * (1 + 2 * 16)


@pytest.mark.parametrize(
    "function, message",
    [
        (lambda x: x[:, :1], r"function: expected values of shape \(2, 2\), got \(2, 1\)"),
        (lambda x: x + 1j, "function: expected real values, got an array of complex128"),
        (lambda x: np.full_like(x, np.nan), "function: expected finite values"),
        (lambda x: x.astype(int), "function: expected real values, got an array of int64"),
    ],
)
def test_values_that_are_none_are_refused(function, message):
    box = FiniteDifferenceOracle(function, 2, 2)
    with pytest.raises(ValueError, match=message):
        box(np.ones((2, 2)))
    assert box.evaluations == 0


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n_inputs": 0}, "n_inputs: expected a positive integer, got 0"),
        ({"n_outputs": 2.0}, "n_outputs: expected a positive integer, got 2.0"),
        ({"step": 0}, "step: expected a number above 0, got 0"),
        ({"step": np.inf}, "step: expected a finite number"),
        ({"smallest": -1}, "smallest: expected a finite number, at least 0"),
        ({"smallest": 2}, "smallest: expected at most step, 1, got 2"),
        ({"noise": np.nan}, "noise: expected a finite number, at least 0, got nan"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        FiniteDifferenceOracle(**{"function": np.abs, "n_inputs": 1, "n_outputs": 1, **options})


def test_what_is_no_function_is_refused():
    with pytest.raises(TypeError, match="function: expected a callable, got a int"):
        FiniteDifferenceOracle(3, 1, 1)
