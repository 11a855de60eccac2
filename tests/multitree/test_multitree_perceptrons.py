"""The theorems of the chapter Multitree perceptrons that no function of the library carries."""

import itertools
import math

import numpy as np
import pytest
from openblackbox.multitree.supports import (
    dyadic_supports,
    enumerate_paths,
    is_multitree,
    kronecker_supports,
    path_counts,
    random_multitree,
)
from openblackbox.networks import ReLUNetwork


@pytest.mark.claim("SL-08")
@pytest.mark.parametrize("n_layers", [1, 2, 3, 4])
def test_the_jacobian_is_the_true_derivative_wherever_there_is_one(n_layers):
    # Integers keep zeros exact; on lengths of 2**-12 no neuron switches but at the point itself.
    rng = np.random.default_rng(n_layers)
    step, kinks, no_derivative = 2.0**-12, 0, 0
    for _ in range(100):
        supports = random_multitree([3] * (n_layers + 1), rng=rng)
        weights = [s * rng.integers(-2, 3, size=s.shape) for s in supports]
        network = ReLUNetwork(weights, [rng.integers(-1, 2, size=len(s)) for s in supports])
        x = rng.integers(-1, 2, size=3).astype(float)
        right = (network(x + step * np.eye(3)) - network(x)).T / step
        left = (network(x) - network(x - step * np.eye(3))).T / step
        exists = left == right
        assert np.array_equal(network.jacobian(x)[exists], right[exists])
        kinks += any((z == 0).any() for z in network.preactivations(x)[:-1])
        no_derivative += not exists.all()
    assert (kinks > 20) == (n_layers > 1)
    assert (no_derivative > 3) == (n_layers > 1)


def test_only_multitrees_show_single_paths():
    rng = np.random.default_rng(0)
    tried = 0
    for _ in range(200):
        supports = [rng.random((3, 3)) < 0.5 for _ in range(3)]
        paths = list(enumerate_paths(supports))
        doubles = [(p, q) for p, q in itertools.combinations(paths, 2) if p[::3] == q[::3]]
        if not doubles:
            continue
        first, second = doubles[0]
        weights = [np.zeros((3, 3)) for _ in supports]
        for path in (first, second):
            for layer, (start, end) in enumerate(itertools.pairwise(path)):
                weights[layer][end, start] = 1.0
        level = next(k for k in range(4) if first[k] != second[k])
        biases = [np.ones(3), np.ones(3), np.zeros(3)]
        network = ReLUNetwork(weights, biases)
        z = network.preactivations(np.ones(3))[level - 1][second[level]]
        biases[level - 1][second[level]] -= z + 1
        network = ReLUNetwork(weights, biases)
        assert all((z != 0).all() for z in network.preactivations(np.ones(3))[:-1])
        entry = network.jacobian(np.ones(3))[first[-1], first[0]]
        assert 0 < entry < (weights[2] @ weights[1] @ weights[0])[first[-1], first[0]]
        tried += 1
    assert tried > 50


def test_inputs_and_outputs_suffice_exactly_without_dead_ends():
    # All supports of three 2 x 2 layers: with parents and children everywhere one product decides.
    decided, misled = 0, 0
    for bits in itertools.product((False, True), repeat=12):
        supports = np.array(bits).reshape(3, 2, 2)
        unique = np.linalg.multi_dot(supports[::-1].astype(np.int64)).max() <= 1
        if supports[:-1].any(axis=2).all() and supports[1:].any(axis=1).all():
            assert unique == is_multitree(supports)
            decided += 1
        elif unique:
            misled += not is_multitree(supports)
    assert decided > 100
    assert misled > 100


def test_no_permutation_keeps_weights_inside_the_supports_of_a_multitree():
    rng = np.random.default_rng(2)
    tried = 0
    for _ in range(200):
        supports = random_multitree([4, 3, 4, 4], rng=rng)
        weights = [s & (rng.random(s.shape) < 0.9) for s in supports]
        useful = all(
            (path_counts(weights, stop=n).any(axis=1) & path_counts(weights, start=n).any(0)).all()
            for n in (1, 2)
        )
        if not useful:
            continue
        tried += 1
        stay = 0
        for first in map(list, itertools.permutations(range(3))):
            for second in map(list, itertools.permutations(range(4))):
                moved = weights[0][first], weights[1][second][:, first], weights[2][:, second]
                stay += all((w <= s).all() for w, s in zip(moved, supports, strict=True))
        assert stay == 1
    assert tried > 10


def _slack(supports):
    """Return P + H - E, and what the proof says it is; None where a hidden neuron is a dead end."""
    if not all(s.any(axis=1).all() for s in supports[:-1]):
        return None
    if not all(s.any(axis=0).all() for s in supports[1:]):
        return None
    levels = range(1, len(supports))
    said = sum(
        int(((path_counts(supports, stop=n).sum(axis=1) - 1) * (supports[n].sum(axis=0) - 1)).sum())
        for n in levels
    )
    hidden = sum(s.shape[1] for s in supports[1:])
    got = int(path_counts(supports).sum()) + hidden - sum(int(s.sum()) for s in supports)
    return got, said


def test_edges_are_pairs_plus_hidden_neurons_minus_an_exact_slack():
    rng = np.random.default_rng(1)
    seen = []
    while len(seen) < 100:
        widths = rng.integers(1, 7, size=rng.integers(2, 6)).tolist()
        both = _slack(random_multitree(widths, rng=rng, density=rng.choice([0.3, 1.0])))
        if both is not None:
            assert both[0] == both[1] >= 0
            seen.append(both[0])
    assert min(seen) == 0
    assert max(seen) > 5
    # Attained by one dense layer and identities; exceeded when dead ends are allowed.
    assert _slack([np.ones((4, 4), bool), np.eye(4, dtype=bool), np.eye(4, dtype=bool)]) == (0, 0)
    dead_ends = [np.ones((3, 3)), np.diag([1, 0, 0]), np.ones((3, 3))]
    assert is_multitree(dead_ends)
    assert sum(s.sum() for s in dead_ends) == 19 > 9 + 6


@pytest.mark.parametrize("radices", [(2, 2, 2), (3, 3), (2, 3), (4, 2, 2), (6,), (2, 2, 3)])
def test_networks_that_share_the_load_have_at_least_as_many_edges_as_the_bound(radices):
    width, supports, done = math.prod(radices), [], 1
    for radix in radices:
        supports.append(kronecker_supports(width // (done * radix), radix, radix, done))
        done *= radix
    assert is_multitree(supports)
    assert (path_counts(supports) == 1).all()
    for level in range(1, len(radices)):
        load = path_counts(supports, stop=level).sum(axis=1)
        load = load * path_counts(supports, start=level).sum(axis=0)
        assert (load == width).all()
    n_layers, n_edges = len(radices), sum(int(s.sum()) for s in supports)
    bound = n_layers * width ** (1 + 1 / n_layers)
    assert n_edges == width * sum(radices)
    assert n_edges >= bound * (1 - 1e-12)
    assert math.isclose(n_edges, bound) == (len(set(radices)) == 1)


def test_dyadic_butterflies_are_within_seven_percent_of_the_bound_at_any_depth():
    for n_layers in range(1, 8):
        width = 2**n_layers
        n_edges = sum(int(s.sum()) for s in dyadic_supports(n_layers))
        ratio = n_edges / (math.e * width * math.log(width))
        assert math.isclose(ratio, 2 / (math.e * math.log(2)), rel_tol=1e-12)
        assert 1.06 < ratio < 1.07
