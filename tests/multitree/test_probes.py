"""Probes and the search of what is not seen yet, against the known network."""

import numpy as np
import pytest
from deep_cases import Watched, cases, sketcher_of, visible, weights_on
from openblackbox.multitree import probes
from openblackbox.multitree.alive import alive_neurons, useful_neurons
from openblackbox.multitree.bank import Bank, FloatRange, RangeExhaustedError, tropical_points
from openblackbox.multitree.discovery import Certificate, discover
from openblackbox.multitree.needles import needle_network
from openblackbox.multitree.probes import Job, Prober, tiny
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.networks import ReLUNetwork


def bank_of(network, supports, rng, *, points=1, sides=None):
    """A bank with a few points."""
    bank = Bank(sketcher_of(network, supports, rng))
    sides = FloatRange.of(network) if sides is None else sides
    for x in tropical_points(bank.graph, points, rng=rng):
        bank.add(sides.normalized(x), ("tropical", 0))
    return bank, sides


def possible_jobs(bank, prober, level, gap):
    """All jobs that a search could plan, one for each point, block and wider block."""
    graph = bank.graph
    parents, children = graph.columns[level], graph.rows[level]
    for point in [-1] if prober.top else range(len(bank)):
        shown = np.ones(children.size, bool)
        if not prober.top:
            shown = bank.shown(level + 1)[point, children]
        unseen = ~bank.sketches[max(point, 0)].visible[graph.layer(level)]
        pairs = np.flatnonzero(shown & unseen & (prober.blocks.of[parents] >= 0))
        keys = np.stack([prober.blocks.of[parents[pairs]], prober.wides.of[children[pairs]]])
        for block, wide in np.unique(keys, axis=1).T:
            mine = pairs[(keys[0] == block) & (keys[1] == wide)]
            yield Job(point, block, wide, mine, gap)


@pytest.mark.parametrize("gap", [64, -40])
def test_one_product_tells_whether_a_neuron_fires_and_its_child_is_visible(gap):
    """With a negative gap the tiny inputs are huge, and contexts are lost."""
    tally = np.zeros(3, dtype=int)
    for supports, weights, rng in cases(28, start=500):
        network = ReLUNetwork(weights)
        bank, sides = bank_of(network, supports, rng, points=2)
        graph = bank.graph
        for level in range(1, graph.n_layers):
            prober = Prober(network, bank, sides, level)
            jobs = list(possible_jobs(bank, prober, level, gap))
            prober.ask(jobs)
            for job in jobs:
                for number in range(len(job.hits)):
                    x = prober.points(job, np.array([number]))[:, 0]
                    edges = visible(network, x)
                    hits = edges[level][
                        graph.rows[level][job.pairs], graph.columns[level][job.pairs]
                    ]
                    on = edges[level].any(axis=1)[graph.rows[level][job.pairs]] | prober.top
                    assert np.array_equal(job.hits[number], hits)
                    assert np.array_equal(job.kept[number], on & ~hits)
                    tally += [hits.sum(), (on & ~hits).sum(), (~on).sum()]
    assert (tally[:2] > 100).all()
    assert tally[2] > 20 if gap < 0 else tally[2] == 0


def test_points_and_counts_of_a_job():
    supports, rng = dyadic_supports(3), np.random.default_rng(2)
    network = Watched(ReLUNetwork(weights_on(supports, rng)))
    bank, sides = bank_of(network, supports, rng)
    prober = Prober(network, bank, sides, 2)
    job = Job(-1, int(prober.blocks.of[0]), int(prober.wides.of[0]), np.array([0]), 64)
    members = prober.blocks.members(job.block)
    assert members.tolist() == [0, 1, 2, 3]
    points = prober.points(job, np.arange(8))
    expected = np.zeros((8, 8))
    expected[[0, 0, 1, 1, 2, 2, 3, 3], range(8)] = np.tile([-1.0, 1.0], 4) * 2.0**-205
    assert np.array_equal(points, expected)
    network.asked.clear()
    assert prober.ask([job]) == 8
    assert network.asked == [("jvp", ((8, 8), (8, 8)))]
    # Below the top, each job needs one more product, for its context.
    prober = Prober(network, bank, sides, 1)
    jobs = list(possible_jobs(bank, prober, 1, 64))
    network.asked.clear()
    count = prober.ask(jobs)
    assert count == sum(shapes[0][0] for _, shapes in network.asked) == len(jobs) * 5
    x, low = prober.context(jobs[0])
    assert not x[prober.blocks.members(jobs[0].block)].any()
    y = prober.points(jobs[0], np.array([1]))[:, 0]
    mine = prober.blocks.members(jobs[0].block)[0]
    assert y[mine] == 2.0**-205
    others = np.flatnonzero(x)
    smallest = np.abs(y[others]).min()
    assert 2.0**63 <= smallest / y[mine] < 2.0**65
    assert np.log2((y[others] / x[others])[0]) == sides.floor - low


def test_signs_of_the_tiny_inputs():
    assert tiny(np.arange(3), -1).tolist() == [-0.25, 0.25, -0.25]


def test_small_batches_tell_the_same(monkeypatch):
    for supports, weights, rng in cases(12, start=40):
        network = ReLUNetwork(weights)
        bank, sides = bank_of(network, supports, rng, points=2)
        for level in range(1, len(weights)):
            prober = Prober(network, bank, sides, level)
            one, two = (list(possible_jobs(bank, prober, level, 64)) for _ in range(2))
            count = prober.ask(one)
            with monkeypatch.context() as patch:
                patch.setattr(probes, "ENTRIES", 3 * network.n_inputs)
                watched = Watched(network)
                assert Prober(watched, bank, sides, level).ask(two) == count
            assert all(shapes[0][0] <= 3 for _, shapes in watched.asked)
            for a, b in zip(one, two, strict=True):
                assert np.array_equal(a.hits, b.hits)
                assert np.array_equal(a.kept, b.kept)


@pytest.mark.parametrize("start", range(0, 80, 40))
def test_the_search_finds_what_is_useful_and_proves_the_rest_silent(start):
    for supports, weights, rng in cases(40, start=start):
        network = ReLUNetwork(weights)
        bank, sides = bank_of(network, supports, rng)
        certificate = discover(network, bank, sides)
        useful, alive = useful_neurons(weights), alive_neurons(weights)
        assert certificate.unconfirmed == 0
        above = np.ones(network.n_outputs, dtype=bool)
        for level in range(len(weights) - 1, 0, -1):
            seen = bank.first_seen[level] >= 0
            assert np.array_equal(seen, useful[level - 1])
            # Silent are the others with a useful child in the supports.
            has_child = (np.asarray(supports[level])[above] != 0).any(axis=0)
            assert np.array_equal(certificate.silent[level], has_child & ~seen)
            weightless = ~(np.asarray(weights[level])[above] != 0).any(axis=0)
            assert (~alive[level - 1] | weightless)[certificate.silent[level]].all()
            above = seen


def test_every_pair_of_a_silent_neuron_is_proved():
    supports, rng = dyadic_supports(5), np.random.default_rng(4)
    weights = weights_on(supports, rng)
    network = Watched(ReLUNetwork(weights))
    bank, sides = bank_of(network, supports, rng, points=4)
    network.asked.clear()
    certificate = discover(network, bank, sides)
    for level in range(1, 5):
        above = np.ones(32, bool) if level == 4 else bank.first_seen[level + 1] >= 0
        silent = certificate.silent[level]
        assert certificate.pairs[level] == (supports[level] & above[:, None] & silent).sum()
    asked = sum(shapes[1][0] for name, shapes in network.asked if len(shapes[0]) == 2)
    assert sum(certificate.probes) == asked
    assert certificate.retries == [0] * 6
    assert set(bank.origins) <= {("tropical", 0)} | {("found", level) for level in range(1, 5)}


def test_an_empty_certificate():
    graph = sketcher_of(ReLUNetwork([np.eye(2)]), [np.eye(2)], np.random.default_rng(0)).graph
    certificate = Certificate.empty(graph)
    assert [level.tolist() for level in certificate.silent] == [[False] * 2] * 2
    assert certificate.pairs == certificate.probes == certificate.retries == [0, 0]
    assert certificate.pairs is not certificate.probes


def test_a_needle_is_found():
    network = needle_network(5, needle=5, strength=1e9, background=0.5)
    bank, sides = bank_of(network, dyadic_supports(5), np.random.default_rng(0), points=2)
    discover(network, bank, sides)
    for level, useful in enumerate(useful_neurons(network.weights), start=1):
        assert np.array_equal(bank.first_seen[level] >= 0, useful)


def chain(weight, dtype=float):
    """A child with two parents: y1 = relu(x1) with weight 1, y0 = relu(x0) with another."""
    return ReLUNetwork(
        [np.eye(2, dtype=dtype), np.array([[weight, 1]], dtype=dtype), np.ones((1, 1), dtype)]
    )


def bank_that_shows_parent_1(network):
    """A bank of one point, where only the second parent fires."""
    rng = np.random.default_rng(0)
    bank = Bank(sketcher_of(network, [np.eye(2), np.ones((1, 2)), [[1]]], rng))
    bank.add(np.array([-1.0, 1.0]), ("test", 0))
    assert bank.first_seen[1].tolist() == [-1, 0]
    return bank


@pytest.mark.parametrize("weight", [1e-250, 1e-80, 1e-9, 1.0, -1.0, -1e9])
def test_no_weight_is_too_small_to_be_heard(weight):
    network = chain(weight)
    bank = bank_that_shows_parent_1(network)
    certificate = discover(network, bank, FloatRange.of(network))
    assert (bank.first_seen[1] >= 0).all()
    assert certificate.retries == [0, 0, 0, 0]


@pytest.mark.parametrize("weight, retries", [(-1e30, 1), (-1e60, 2), (-1e150, 3), (-1e250, 4)])
def test_a_strong_inhibition_needs_a_smaller_block(weight, retries):
    network = chain(weight)
    bank = bank_that_shows_parent_1(network)
    certificate = discover(network, bank, FloatRange.of(network))
    assert (bank.first_seen[1] >= 0).all()
    assert certificate.retries == [0, retries, 0, 0]
    assert not certificate.silent[1].any()


def test_single_precision_runs_out_of_range():
    network = chain(-1e30, np.float32)
    bank = bank_that_shows_parent_1(network)
    certificate = discover(network, bank, FloatRange.of(network))
    assert certificate.retries[1] == 4
    # One more input, 2**40 times as large, and no smaller block is left.
    weights = [np.eye(3), [[-1e30, 1.0, 0.0]], [[1.0]]]
    network = ReLUNetwork([np.array(weight, dtype=np.float32) for weight in weights])
    bank = Bank(sketcher_of(network, [np.eye(3), np.ones((1, 3)), [[1]]], np.random.default_rng(0)))
    bank.add(np.array([-1.0, 1.0, 2.0**40]), ("test", 0))
    with pytest.raises(RangeExhaustedError, match="use an oracle of higher precision"):
        discover(network, bank, FloatRange.of(network))


def test_a_loud_child_beside_a_quiet_one_is_asked_again():
    """Two children in one job whose answers are 2**600 apart: quiet for one is not for both."""
    supports = [np.eye(2), np.ones((2, 2)), np.eye(2)]
    w2 = np.array([[0.0, 1.0], [0.0, 2.0**-600]])
    for weight, silent in [(2.0**-100, False), (0.0, True)]:
        w2[:, 0] = weight
        network = ReLUNetwork([np.eye(2), w2, np.eye(2)])
        bank = Bank(sketcher_of(network, supports, np.random.default_rng(0)))
        bank.add(np.array([-1.0, 1.0]), ("test", 0))
        certificate = discover(network, bank, FloatRange.of(network))
        assert certificate.silent[1].tolist() == [silent, False]
        assert certificate.retries[1] == (1 if silent else 0)


def test_a_hit_that_no_sketch_confirms_is_no_proof_of_silence():
    class Fickle:
        """Answers the probes of a network in which more fires than in that of the sketches."""

        def __init__(self):
            self.n_inputs, self.n_outputs = 2, 1

        def jvp(self, x, v):
            return chain(1.0).jvp(x, v)

    network = chain(0.0)
    bank = bank_that_shows_parent_1(network)
    certificate = discover(Fickle(), bank, FloatRange.of(network))
    assert certificate.unconfirmed == 1
    assert certificate.pairs[1] == 0
    assert not certificate.silent[1].any()


def test_a_context_without_any_input_is_a_contradiction():
    network = chain(1.0)
    bank = bank_that_shows_parent_1(network)
    bank.points[0] = np.array([-1.0, 0.0])
    with pytest.raises(ValueError, match="visible where all of its inputs are 0"):
        discover(network, bank, FloatRange.of(network))


def test_noise_is_not_heard():
    network = chain(1e-3)
    bank = bank_that_shows_parent_1(network)
    bank.sketcher.noise = 1e-2
    # Loud directions are loud enough for small weights, and quiet ones are not made quieter.
    certificate = discover(network, bank, FloatRange.of(network))
    assert certificate.unconfirmed == 1
    network = chain(0.0)
    bank = bank_that_shows_parent_1(network)
    bank.sketcher.noise = 1e3
    with pytest.raises(RangeExhaustedError):
        discover(network, bank, FloatRange.of(network))


def test_found_points_are_shared_by_disjoint_blocks():
    # Two needles side by side, over disjoint inputs: one point shows both.
    w1, w2 = np.eye(4), np.array([[-1.0, 1, 0, 0], [0, 0, -1, 1]])
    network = ReLUNetwork([w1, w2, np.eye(2)])
    supports = [np.eye(4), w2 != 0, np.eye(2)]
    bank = Bank(sketcher_of(network, supports, np.random.default_rng(0)))
    bank.add(np.array([-1.0, 1.0, -1.0, 1.0]), ("test", 0))
    discover(network, bank, FloatRange.of(network))
    assert bank.origins[1:] == [("found", 1)]
    assert bank.first_seen[1].tolist() == [1, 0, 1, 0]
    small, large = 2.0**-205, 2.0**-142  # the floor, and the context 63 binary orders above
    assert bank.points[1].tolist() == [small, large, small, large]


def test_the_directions_are_the_sketchers_and_the_softening_is_a_power_of_two():
    class Kept:
        """Keeps what it is asked."""

        def __init__(self, network):
            self.network, self.asked = network, []

        def jvp(self, x, v):
            self.asked.append((np.array(x), np.array(v)))
            return self.network.jvp(x, v)

    supports, rng = dyadic_supports(3), np.random.default_rng(2)
    network = Kept(ReLUNetwork(weights_on(supports, rng)))
    bank, sides = bank_of(network.network, supports, rng)
    prober = Prober(network, bank, sides, 1)
    job = next(possible_jobs(bank, prober, 1, 64))
    prober.ask([job])
    (x, v), (points, directions) = network.asked
    block, wide = prober.blocks.members(job.block), prober.wides.members(job.wide)
    others = np.setdiff1d(wide, block)
    context = bank.points[job.point].copy()
    context[block] = 0
    assert np.array_equal(prober.context(job)[0], context)
    assert np.array_equal(x, [sides.normalized(context)])
    expected = np.zeros(8)
    expected[others] = bank.sketcher.v[others]
    assert np.array_equal(v, [expected])
    heard = np.abs(network.network.jvp(x, v))[0]
    answers = [
        heard[prober.outputs.members(prober.outputs.of[prober.children[pair]])].max()
        for pair in job.pairs
    ]
    softer = sides.softening(min(size for size in answers if size))
    for number, direction in enumerate(directions):
        loud = np.zeros(8)
        loud[block[number // 2]] = sides.loud
        assert np.array_equal(direction, loud + np.ldexp(expected, -softer))
    assert np.array_equal(points.T, prober.points(job, np.arange(4)))
    size = np.abs(network.network.jvp(points[0], np.ldexp(expected, -softer)))
    assert 0 < size[size > 0].min() < sides.quiet
