"""Deep recovery: exact on every kind of multitree, nothing large, and honest where it fails."""

import numpy as np
import pytest
import torch
from deep_cases import Watched, assert_exact, cases, dense, irregular, product, weights_on
from openblackbox.black_boxes import NoisyOracle
from openblackbox.multitree.alive import masked_factors, useful_neurons
from openblackbox.multitree.bank import RangeExhaustedError
from openblackbox.multitree.butterfly import butterfly_supports
from openblackbox.multitree.deep import recover_deep
from openblackbox.multitree.deep_study import LAWS, weight_errors
from openblackbox.multitree.needles import needle_network
from openblackbox.multitree.supports import NotMultitreeError, dyadic_supports
from openblackbox.multitree.teachers import add_edges, add_network, random_butterfly
from openblackbox.networks import Queries, ReLUNetwork, TorchOracle
from openblackbox.sparse_network import SparseReLUNetwork


def butterfly(n_layers, seed, **options):
    rng = np.random.default_rng([n_layers, seed])
    supports = dyadic_supports(n_layers)
    return supports, weights_on(supports, rng, **options), rng


@pytest.mark.parametrize("zeros", [0.0, 0.2])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n_layers", range(1, 8))
def test_random_butterflies_are_recovered_exactly(n_layers, law, zeros):
    for seed in range(2):
        supports, weights, rng = butterfly(n_layers, seed, law=law, zeros=zeros)
        found = recover_deep(SparseReLUNetwork(weights), supports, rng=rng)
        assert_exact(found, weights)
        assert found.certified
        assert found.residual < 1e-9
        assert found.certificate.unconfirmed == 0


def test_irregular_multitrees_are_recovered_exactly():
    for number, (supports, weights, rng) in enumerate(cases(50, start=2000)):
        network = (ReLUNetwork, SparseReLUNetwork)[number % 2](weights)
        found = recover_deep(network, supports, rng=rng)
        assert_exact(found, weights)
        assert found.certified
        assert all(len(rows) == 0 for rows in found.unresolved)


@pytest.mark.parametrize("n_layers, strength", [(2, 1), (4, 1e9), (5, 1e30), (7, 32)])
def test_needles(n_layers, strength):
    needle = 2 ** (n_layers - 2) - 1
    for background in (0, 0.5):
        network = needle_network(n_layers, needle=needle, strength=strength, background=background)
        found = recover_deep(network, dyadic_supports(n_layers), rng=np.random.default_rng(1))
        assert_exact(found, network.weights)
        assert found.useful[-1][0]


def test_pairs_that_exclude_each_other():
    for n_layers in range(1, 7):
        weights = [s.astype(float) for s in dyadic_supports(n_layers)]
        for level, weight in enumerate(weights):
            rows = np.arange(2**n_layers)
            second = (rows >> level) & 1  # blocks [[+, -], [-, +]]
            lower = (np.arange(2**n_layers) >> level) & 1
            weight *= np.where(second[:, None] == lower, 1.0, -1.0)
        found = recover_deep(
            ReLUNetwork(weights), dyadic_supports(n_layers), rng=np.random.default_rng(0)
        )
        assert_exact(found, weights)


def test_all_positive_and_all_negative():
    supports = dyadic_supports(5)
    rng = np.random.default_rng(0)
    weights = [np.abs(weight) for weight in weights_on(supports, rng)]
    assert_exact(recover_deep(ReLUNetwork(weights), supports, rng=rng), weights)
    # Above the first layer nothing fires.
    weights = [-weight for weight in weights]
    found = recover_deep(ReLUNetwork(weights), supports, rng=rng)
    assert_exact(found, weights)
    assert all(not matrix.nnz for matrix in found.network.weights[1:])


@pytest.mark.parametrize("dead", range(4))
def test_dead_layers(dead):
    supports, weights, rng = butterfly(4, 5)
    weights[dead][:] = 0
    found = recover_deep(ReLUNetwork(weights), supports, rng=rng)
    assert_exact(found, weights)
    assert not found.network(rng.standard_normal((20, 16))).any()
    assert found.silent[-1].all()
    assert not any(level.any() for level in (*found.useful, *found.silent[:-1]))
    assert found.residual == 0
    # A layer that the supports say is empty.
    supports[dead] = np.zeros((16, 16))
    found = recover_deep(ReLUNetwork(weights), supports, rng=rng)
    assert_exact(found, weights)


@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_smallest_networks(n_layers):
    for shape in [(1, 1), (2, 2), (1, 3), (3, 1)]:
        rng = np.random.default_rng(shape)
        supports = [np.eye(shape[1])] * (n_layers - 1) + [np.ones(shape)]
        weights = weights_on(supports, rng)
        found = recover_deep(ReLUNetwork(weights), supports, rng=rng, points=1)
        assert_exact(found, weights)
        assert len(found.useful) == len(found.silent) == len(found.first_seen) == n_layers - 1
        assert len(found.zeros) == n_layers


def test_what_is_reported():
    supports, weights, rng = butterfly(5, 3, zeros=0.2)
    network = Watched(ReLUNetwork(weights))
    found = recover_deep(network, supports, rng=rng)
    useful = useful_neurons(weights)
    ends = [np.ones(32, bool), *useful, np.ones(32, bool)]
    for layer, (zeros, weight) in enumerate(zip(found.zeros, weights, strict=True)):
        both = supports[layer] & ends[layer + 1][:, None] & ends[layer]
        expected = np.argwhere(both & (weight == 0))
        assert np.array_equal(zeros, expected)
    assert sum(len(zeros) for zeros in found.zeros) >= 9
    for level in range(4):
        # Neither useful nor silent: no useful child.
        children = supports[level + 1][ends[level + 2]].any(axis=0)
        assert np.array_equal(found.silent[level], children & ~useful[level])
        assert np.array_equal(found.first_seen[level] >= 0, useful[level])
        norms = np.linalg.norm(found.network.weights[level].toarray(), axis=1)
        assert np.allclose(norms[useful[level]], 1, rtol=1e-12)
    counts = {"__call__": 0, "jvp": 0, "vjp": 0}
    for name, shapes in network.asked:
        counts[name] += shapes[-1][0]
    assert found.queries == Queries(counts["__call__"], 0, counts["jvp"], counts["vjp"])
    assert counts["__call__"] == 8
    (name, (shape,)) = network.asked[-1]
    assert (name, shape) == ("__call__", (8, 32))
    assert found.jacobians == (8 + counts["jvp"] + counts["vjp"]) / 32
    points = len(found.origins)
    assert counts["vjp"] == 4 * points
    assert counts["jvp"] == 8 * points + sum(found.certificate.probes)
    assert found.origins[:8] == (("tropical", 0),) * 8
    assert {origin for origin, _ in found.origins} <= {"tropical", "found", "splice"}
    assert max(first.max() for first in found.first_seen) < points
    assert found.method == "certified"


def test_points_to_start_from():
    supports, weights, rng = butterfly(4, 2)
    for options, count in [({}, 8), ({"points": 3}, 3), ({"points": 20}, 20)]:
        found = recover_deep(ReLUNetwork(weights), supports, rng=rng, **options)
        assert [origin for origin, _ in found.origins].count("tropical") == count
        assert_exact(found, weights)
    wide = [np.ones((1, 96))]
    found = recover_deep(ReLUNetwork(wide), wide, rng=rng, checks=3)
    assert len(found.origins) == 12
    assert found.queries.evaluations == 3


def test_nothing_of_size_n_by_n_is_asked_or_formed(monkeypatch):
    supports = butterfly_supports(9)
    rng = np.random.default_rng(0)
    weights = []
    for support in supports:
        weight = support.astype(float)
        weight.data = rng.standard_normal(weight.nnz)
        weights.append(weight)
    network = Watched(SparseReLUNetwork(weights))
    found = recover_deep(network, supports, rng=rng)
    error, missing = weight_errors(found.network.weights, weights)
    assert error < 1e-9
    assert missing == 0
    assert {name for name, _ in network.asked} == {"jvp", "vjp", "__call__"}
    sketches = [shapes for _, shapes in network.asked if len(shapes) == 2 and len(shapes[0]) == 1]
    assert len(sketches) == 2 * len(found.origins)
    assert {shapes[1] for shapes in sketches} == {(32, 512), (16, 512)}
    # Batches are as large as memory likes; with less of it, they are smaller.
    monkeypatch.setattr("openblackbox.multitree.probes.ENTRIES", 2**13)
    again = Watched(SparseReLUNetwork(weights))
    recover_deep(again, supports, rng=np.random.default_rng(0))
    assert max(shapes[0][0] for _, shapes in again.asked if len(shapes[0]) == 2) <= 16
    assert found.jacobians < 60


@pytest.mark.parametrize("form", [lambda a: a.tolist(), lambda a: np.asarray(a, order="F")])
def test_oracles_may_answer_lists_or_arrays_that_are_read_only(form):
    def answer(array):
        made = form(array)
        if isinstance(made, np.ndarray):
            made.flags.writeable = False
        return made

    supports, weights, rng = butterfly(4, 8)
    assert_exact(recover_deep(Watched(ReLUNetwork(weights), answer), supports, rng=rng), weights)
    one, two = (
        recover_deep(oracle, supports, rng=np.random.default_rng(0), method="gaussian")
        for oracle in (ReLUNetwork(weights), Watched(ReLUNetwork(weights), answer))
    )
    for a, b in zip(dense(one.network), dense(two.network), strict=True):
        assert np.array_equal(a, b)


def test_torch_modules():
    supports, weights, rng = butterfly(4, 9)
    layers = []
    for weight in weights:
        linear = torch.nn.Linear(16, 16, bias=False, dtype=torch.float64)
        linear.weight.data = torch.tensor(weight)
        layers += [linear, torch.nn.ReLU()]
    oracle = TorchOracle(torch.nn.Sequential(*layers[:-1]))
    assert_exact(recover_deep(oracle, supports, rng=rng), weights)


@pytest.mark.parametrize("law", LAWS)
def test_single_precision(law):
    for seed in range(4):
        supports, weights, rng = butterfly(5, seed, law=law)
        weights = [weight.astype(np.float32) for weight in weights]
        found = recover_deep(ReLUNetwork(weights), supports, rng=rng)
        assert_exact(found, [weight.astype(float) for weight in weights], rtol=2e-4)
        assert 1e-9 < found.residual < 1e-4


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_weights_of_extreme_size(scale):
    supports, weights, rng = butterfly(5, 1)
    weights = [scale * weight for weight in weights]
    assert_exact(recover_deep(ReLUNetwork(weights), supports, rng=rng), weights)


def inhibited(weight, dtype=float):
    """A neuron g = relu(w h + c), with w far below or far above 1."""
    weights = [np.eye(2), np.array([[weight, 1.0]]), np.ones((1, 1))]
    supports = [np.eye(2), np.ones((1, 2)), np.ones((1, 1))]
    weights = [matrix.astype(dtype) for matrix in weights]
    # A point that shows g and not h: h and c are never seen together at first.
    return supports, weights, np.random.default_rng(0)


@pytest.mark.parametrize("weight", [1e-200, 1e-30, 1e30, 1e150, -1e-30, -1e-150])
def test_one_weight_of_extreme_size(weight):
    supports, weights, rng = inhibited(weight)
    found = recover_deep(ReLUNetwork(weights), supports, rng=rng, points=1)
    assert_exact(found, weights)
    assert found.certified


def test_a_block_that_is_too_large_at_first_is_made_smaller():
    for seed in range(6):
        supports, weights, _ = inhibited(-1e30)
        rng = np.random.default_rng(seed)
        found = recover_deep(ReLUNetwork(weights), supports, rng=rng, points=1)
        assert_exact(found, weights)
        assert found.certificate.retries == [0, 1, 0, 0]


def test_single_precision_runs_out_of_range():
    # An inhibition of 1e30 takes most of the range, and entries of two sizes all the rest.
    for parents, fits in [(2, True), (3, False)]:
        row = np.ones((1, parents))
        row[0, 0] = -1e30
        weights = [np.eye(parents), row, np.array([[1e-20]])]
        supports = [weight != 0 for weight in weights]
        single = ReLUNetwork([weight.astype(np.float32) for weight in weights])
        for seed in range(4):
            double = recover_deep(
                ReLUNetwork(weights), supports, rng=np.random.default_rng(seed), points=1
            )
            assert_exact(double, weights)
            rng = np.random.default_rng(seed)
            if fits:
                found = recover_deep(single, supports, rng=rng, points=1)
                assert_exact(found, [w.astype(float) for w in single.weights], rtol=1e-4)
            else:
                with pytest.raises(RangeExhaustedError, match="of higher precision"):
                    recover_deep(single, supports, rng=rng, points=1)


def test_gaussian_points_miss_a_needle_in_silence_and_the_search_finds_it():
    network = needle_network(7, strength=32, background=0.5)
    supports, needle = dyadic_supports(7), np.eye(128)[0]
    blind = recover_deep(
        network, supports, rng=np.random.default_rng(0), method="gaussian", points=150
    )
    assert not blind.useful[-1][0]
    assert not blind.certified
    assert not any(level.any() for level in blind.silent)
    assert blind.residual < 1e-4  # the check sees nothing
    assert blind.network(needle)[0] != pytest.approx(network(needle)[0], rel=1e-3)
    found = recover_deep(network, supports, rng=np.random.default_rng(0))
    assert found.useful[-1][0]
    assert found.network(needle)[0] == pytest.approx(network(needle)[0], rel=1e-12)


def test_the_baseline_reports_what_it_asked():
    supports, weights, rng = butterfly(3, 4)
    network = Watched(ReLUNetwork(weights))
    found = recover_deep(network, supports, rng=rng, method="gaussian", patience=300)
    jacobians = sum(name == "jacobian" for name, _ in network.asked)
    assert found.queries == Queries(evaluations=8, jacobians=jacobians)
    assert found.jacobians == jacobians + 1
    assert found.origins == (("gaussian", 0),) * jacobians
    assert jacobians >= 300
    assert found.method == "gaussian"
    assert not any(len(zeros) for zeros in found.zeros)
    assert_exact(found, weights)
    limited = recover_deep(network, supports, rng=rng, method="gaussian", points=5)
    assert limited.queries.jacobians == 5
    dead = ReLUNetwork([0 * weight for weight in weights])
    assert recover_deep(dead, supports, rng=rng, method="gaussian").queries.jacobians == 64


def test_the_baseline_stops_at_2048_jacobians():
    class Endless(ReLUNetwork):
        """Shows one more entry at every other point."""

        count = 0

        def jacobian(self, x):
            self.count += 1
            answer = np.zeros((2048, 1))
            answer[self.count % 2048] = 1.0
            return answer

    network = Endless([np.ones((2048, 1))])
    found = recover_deep(
        network, [np.ones((2048, 1))], rng=np.random.default_rng(0), method="gaussian"
    )
    assert found.queries.jacobians == 2048


def test_networks_with_biases_are_refused():
    for seed in range(8):
        supports, weights, rng = butterfly(3, seed)
        biases = [rng.standard_normal(8) * 10.0 ** rng.integers(-3, 2) for _ in weights]
        with pytest.raises(
            (ValueError, RangeExhaustedError), match=r"not a bias-free network|range"
        ):
            recover_deep(ReLUNetwork(weights, biases), supports, rng=rng)


@pytest.mark.parametrize("bias", [-1e3, -1e6, -1e20, 1e20])
def test_a_bias_that_shows_far_away_only_is_noticed(bias):
    supports, weights, _ = butterfly(2, 3)
    biases = [np.full(4, bias), np.zeros(4)]
    with pytest.raises(ValueError, match="not a bias-free network"):
        recover_deep(ReLUNetwork(weights, biases), supports, rng=np.random.default_rng(0))


def test_networks_with_other_supports_are_refused():
    for seed in range(4):
        supports, _, rng = butterfly(3, seed)
        full = ReLUNetwork([rng.standard_normal((8, 8)) for _ in supports])
        with pytest.raises(ValueError, match="not a bias-free network with these supports"):
            recover_deep(full, supports, rng=rng)
        other = irregular(1)[0]
        network = ReLUNetwork(weights_on([s[:, ::-1] for s in supports], rng)[::-1])
        with pytest.raises(ValueError, match="not a bias-free network with these supports"):
            recover_deep(network, supports, rng=rng)
        assert other


def test_answers_that_contradict_each_other_are_refused():
    class Fickle(ReLUNetwork):
        """Answers probes (batches of points) as another network would."""

        def jvp(self, x, v):
            if np.ndim(x) == 2:
                return other.jvp(x, v)
            return super().jvp(x, v)

    supports = [np.eye(2), np.ones((1, 2)), np.ones((1, 1))]
    other = ReLUNetwork([np.eye(2), [[1.0, 1.0]], [[1.0]]])
    fickle = Fickle([np.eye(2), [[0.0, 1.0]], [[1.0]]])
    with pytest.raises(ValueError, match="a neuron answers to a probe and no sketch shows it"):
        recover_deep(fickle, supports, rng=np.random.default_rng(0))


def test_rows_that_are_not_determined_are_a_contradiction(monkeypatch):
    lists = [np.array(rows, dtype=int) for rows in ([], [], [1], [])]
    monkeypatch.setattr("openblackbox.multitree.deep.unread", lambda bank, weights: lists)
    supports = [np.eye(2)] * 3
    with pytest.raises(ValueError, match="the inputs of neuron 1 of level 2 are not seen together"):
        recover_deep(ReLUNetwork(supports), supports, rng=np.random.default_rng(0))


def test_noisy_answers_are_no_proof():
    supports, weights, rng = butterfly(3, 1)
    noisy = NoisyOracle(ReLUNetwork(weights), sigma=1e-12, rng=np.random.default_rng(0))
    found = recover_deep(noisy, supports, rng=rng, noise=1e-10)
    assert not found.certified
    assert found.residual < 1e-6
    with pytest.raises(ValueError, match="not a bias-free network"):
        recover_deep(noisy, supports, rng=rng)


@pytest.mark.parametrize("kind", ["edges", "network"])
@pytest.mark.parametrize("n_layers", range(2, 6))
def test_teachers_close_to_a_multitree_are_refused_or_recovered_in_part(n_layers, kind):
    """Every outcome is a recovery or says which argument does not fit; nothing warns."""
    supports, refusals = dyadic_supports(n_layers), []
    for seed, delta in enumerate([1e-6, 1e-4, 1e-2, 0.3]):
        rng = np.random.default_rng([n_layers, seed])
        secret = random_butterfly(n_layers, rng=rng)
        close = (
            add_network(secret, delta, 16, rng=rng)
            if kind == "network"
            else add_edges(secret, supports, delta, rng=rng)
        )
        with pytest.raises(ValueError, match=r"supports, .*; check the supports, give a noise if"):
            recover_deep(close, supports, rng=rng)
        for noise in (delta / 100, delta, 0.1):
            try:
                found = recover_deep(close, supports, rng=rng, noise=noise, points=2)
            except ValueError as error:
                refusals.append((noise, str(error)))
            else:
                assert np.isfinite(found.residual)
                assert not found.certified
        for noise in (0.0, delta):
            options = {"method": "gaussian", "points": 20, "noise": noise}
            assert np.isfinite(recover_deep(close, supports, rng=rng, **options).residual)
    for noise, text in refusals:
        assert f"supports, or noise = {noise:.1e} does not part its zeros" in text


class Erratic(ReLUNetwork):
    """Every product is off by a factor of its own, of any size."""

    def __init__(self, weights, seed):
        super().__init__(weights)
        self.rng = np.random.default_rng(seed)

    def _off(self, answers):
        return answers * 10.0 ** self.rng.uniform(-220, 220, np.shape(answers))

    def jvp(self, x, v):
        return self._off(super().jvp(x, v))

    def vjp(self, x, u):
        return self._off(super().vjp(x, u))

    def jacobian(self, x):
        return self._off(super().jacobian(x))


@pytest.mark.parametrize("noise", [0.0, 1e-12])
@pytest.mark.parametrize("method", ["certified", "gaussian"])
def test_weights_out_of_range_are_the_fault_of_the_oracle(method, noise):
    said = []
    for seed in range(16):
        supports, weights, rng = butterfly(4, seed)
        options = {"method": method, "noise": noise, "points": 8}
        try:
            oracle = Erratic(weights, seed)
            found = recover_deep(oracle, supports, rng=rng, **options)
        except ValueError as error:
            said.append(str(error))
        else:
            assert np.isfinite(found.residual)
    assert all(text.startswith("oracle: not a bias-free network with these") for text in said)
    assert all(("noise = 1.0e-12 does not part" in text) == (noise > 0) for text in said)
    if noise > 0 or method == "gaussian":  # else contradictions are noticed before
        assert any("ratios of its answers leave the floating-point range" in text for text in said)


def test_values_out_of_range_pass_no_check():
    """The weights are finite, their products are not."""

    class Loud(ReLUNetwork):
        def jacobian(self, x):
            return 1e308 * super().jacobian(x)

    for tolerance in (None, np.inf):
        options = {"method": "gaussian", "tolerance": tolerance}
        with pytest.raises(ValueError, match=r"off by inf \(relative\)"):
            recover_deep(Loud([np.eye(16)]), [np.eye(16)], rng=np.random.default_rng(0), **options)


@pytest.mark.parametrize("noise", [0.0, 1e-9])
def test_a_search_that_noise_may_keep_from_ending_is_refused(noise):
    """A child is lost whatever the size of the block: of exact answers the range is at fault."""

    class Vanishing(ReLUNetwork):
        """Answers to probes (batches of points) are 0."""

        def jvp(self, x, v):
            return super().jvp(x, v) * (np.ndim(x) == 1)

    supports, weights, rng = inhibited(1.0)
    with pytest.raises(ValueError if noise else RangeExhaustedError) as caught:
        recover_deep(Vanishing(weights), supports, rng=rng, points=1, noise=noise)
    if noise:
        assert "noise = 1.0e-09" in str(caught.value)
        assert "a probe needs numbers out of the floating-point range" in str(caught.value)
        assert isinstance(caught.value.__cause__, RangeExhaustedError)
    else:
        assert "precision, if it is a bias-free network with these" in str(caught.value)


def test_the_final_check_has_a_tolerance():
    class Shifted(ReLUNetwork):
        """Values that are off by a known part; products that are right."""

        off = 0.0

        def __call__(self, x):
            return (1 + self.off) * super().__call__(x)

    supports, weights, rng = butterfly(3, 2)
    network = Shifted(weights)
    network.off = 1.0e-6
    with pytest.raises(ValueError, match=r"off by 1.0e-06 \(relative\), the tolerance is 1.5e-08"):
        recover_deep(network, supports, rng=rng)
    found = recover_deep(network, supports, rng=rng, tolerance=1e-5)
    assert found.residual == pytest.approx(1e-6, rel=1e-4)
    assert recover_deep(network, supports, rng=rng, noise=1e-300).residual > 1e-7
    network.off = 1.495e-8  # the square root of the unit roundoff is 1.490e-8
    with pytest.raises(ValueError, match="tolerance"):
        recover_deep(network, supports, rng=rng)
    network.off = 1.485e-8
    recover_deep(network, supports, rng=rng)


@pytest.mark.parametrize(
    "options, error, message",
    [
        ({"rng": 3}, TypeError, "rng: expected a numpy.random.Generator, got a int"),
        ({"method": "best"}, ValueError, "method: expected 'certified' or 'gaussian', got 'best'"),
        ({"points": 0}, ValueError, "points: expected a positive integer, got 0"),
        ({"points": 2.5}, ValueError, "points: expected a positive integer, got 2.5"),
        ({"patience": None}, ValueError, "patience: expected a positive integer, got None"),
        ({"checks": np.nan}, ValueError, "checks: expected a positive integer, got nan"),
        ({"checks": True}, ValueError, "checks: expected a positive integer, got True"),
        ({"noise": -1.0}, ValueError, "noise: expected a number, at least 0, got -1.0"),
        ({"noise": np.inf}, ValueError, "noise: expected a number, at least 0, got inf"),
        ({"noise": "no"}, ValueError, "noise: expected a number, at least 0, got 'no'"),
        ({"tolerance": 0}, ValueError, "tolerance: expected a positive number, got 0"),
        ({"tolerance": "x"}, ValueError, "tolerance: expected a positive number, got 'x'"),
        ({"points": 0, "noise": -1.0}, ValueError, "points: .*; noise: "),
    ],
)
def test_bad_options(options, error, message):
    options = {"rng": np.random.default_rng(0)} | options
    with pytest.raises(error, match=message):
        recover_deep(ReLUNetwork([np.eye(2)]), [np.eye(2)], **options)


def test_bad_oracles_and_supports():
    network, rng = ReLUNetwork([np.eye(2)]), np.random.default_rng(0)
    with pytest.raises(TypeError, match="oracle: expected an Oracle"):
        recover_deep(lambda x: x, [np.eye(2)], rng=rng)
    with pytest.raises(NotMultitreeError):
        recover_deep(network, [np.ones((2, 2)), np.ones((2, 2))], rng=rng)
    with pytest.raises(
        ValueError, match=r"the first has 3 columns, the oracle 2 inputs; .* 3 rows"
    ):
        recover_deep(network, [np.eye(3)], rng=rng)
    with pytest.raises(ValueError, match="at least one input and one output"):
        recover_deep(SparseReLUNetwork([np.zeros((0, 2))]), [np.zeros((0, 2))], rng=rng)
    flat = Watched(network, lambda answer: np.ravel(answer))
    with pytest.raises(ValueError, match="expected an answer of shape"):
        recover_deep(flat, [np.eye(2)], rng=rng)
    hole = Watched(network, lambda answer: answer * np.nan)
    with pytest.raises(ValueError, match="expected finite answers"):
        recover_deep(hole, [np.eye(2)], rng=rng)


def test_the_same_seed_gives_the_same_answer():
    supports, weights, _ = butterfly(4, 6)
    one, two = (
        recover_deep(ReLUNetwork(weights), supports, rng=np.random.default_rng(3)) for _ in "ab"
    )
    assert one.queries == two.queries
    assert one.residual == two.residual
    for a, b in zip(dense(one.network), dense(two.network), strict=True):
        assert np.array_equal(a, b)
    assert product(masked_factors(weights)).any()
