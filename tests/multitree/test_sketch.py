"""What a few products show at a point, against the known activations and the Jacobian."""

import numpy as np
import pytest
from deep_cases import Watched, cases, irregular, sketcher_of, visible, weights_on
from openblackbox.multitree.alive import visible_edges
from openblackbox.multitree.sketch import Sketcher, contradiction, finite
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.networks import ReLUNetwork


def known_visible(network, graph, x):
    """The visible edges, numbered as in the graph."""
    edges = visible(network, x)
    return np.concatenate(
        [e[graph.rows[layer], graph.columns[layer]] for layer, e in enumerate(edges)]
    )


def test_two_ways_to_tell_what_is_visible():
    for _, weights, rng in cases(12, start=30):
        network = ReLUNetwork(weights)
        x = rng.standard_normal(network.n_inputs)
        for one, two in zip(visible(network, x), visible_edges(network, x), strict=True):
            assert np.array_equal(one, two)


def test_visible_edges_are_the_known_ones():
    points = 0
    for supports, weights, rng in cases(66):
        network = ReLUNetwork(weights)
        sketcher = sketcher_of(network, supports, rng)
        for _ in range(2):
            x = rng.standard_normal(network.n_inputs) * 10 ** rng.uniform(-9, 0, network.n_inputs)
            visible = known_visible(network, sketcher.graph, x)
            assert np.array_equal(sketcher(x).visible, visible)
            points += visible.any()
    assert points > 60


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_any_level_may_be_the_cut(cut):
    rng = np.random.default_rng(cut)
    for seed in range(10):
        supports, _ = (dyadic_supports(3), None) if seed == 0 else irregular(seed)
        network = ReLUNetwork(weights_on(supports, rng))
        graph = sketcher_of(network, supports, rng).graph
        graph.cut = min(cut, graph.n_layers)
        sketcher = Sketcher(network, graph, rng=rng)
        x = rng.standard_normal(network.n_inputs)
        assert np.array_equal(sketcher(x).visible, known_visible(network, graph, x))


def test_the_numbers_are_products_with_the_derivative():
    for supports, weights, rng in cases(40, start=200):
        network = ReLUNetwork(weights)
        sketcher = sketcher_of(network, supports, rng)
        graph = sketcher.graph
        x = rng.standard_normal(network.n_inputs)
        jacobian, sketch = network.jacobian(x), sketcher(x)
        for i, group, value in zip(sketch.inputs, sketch.groups, sketch.values, strict=True):
            outputs = graph.outputs[graph.cut].members(group)
            assert value == pytest.approx(sketcher.u[outputs] @ jacobian[outputs, i], rel=1e-9)
        blocks = graph.inputs[graph.cut]
        for o, block, value in zip(sketch.outputs, sketch.blocks, sketch.responses, strict=True):
            inputs = blocks.members(block)
            expected = jacobian[o, inputs] @ sketcher.v[inputs]
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-12)
        if 0 < graph.cut < graph.n_layers:
            # Each entry of the Jacobian that is not 0 shows on both sides.
            assert set(sketch.inputs) == set(np.flatnonzero(jacobian.any(axis=0)))
            assert set(sketch.outputs) == set(np.flatnonzero(jacobian.any(axis=1)))


def test_a_sketch_asks_for_few_products():
    for n_layers, count in [(1, 2), (2, 4), (4, 8), (6, 16), (7, 24)]:
        rng = np.random.default_rng(0)
        watched = Watched(ReLUNetwork(weights_on(dyadic_supports(n_layers), rng)))
        sketcher = sketcher_of(watched, dyadic_supports(n_layers), rng)
        assert sketcher.products == count
        sketcher(np.ones(2**n_layers))
        assert {name for name, _ in watched.asked} <= {"jvp", "vjp"}
        assert sum(shapes[1][0] for _, shapes in watched.asked) == count


def test_directions_are_gaussian_and_drawn_once():
    network = ReLUNetwork([np.ones((1, 3))])
    sketcher = sketcher_of(network, network.supports, np.random.default_rng(5))
    rng = np.random.default_rng(5)
    assert np.array_equal(sketcher.v, rng.standard_normal(3))
    assert np.array_equal(sketcher.u, rng.standard_normal(1))


def test_small_answers_are_noise():
    network = ReLUNetwork([[[1.0, 1e-3]]])
    rng = np.random.default_rng(0)
    assert sketcher_of(network, network.supports, rng)(np.ones(2)).visible.tolist() == [True] * 2
    noisy = sketcher_of(network, network.supports, rng, noise=0.02)
    assert noisy(np.ones(2)).visible.tolist() == [True, False]


def test_supports_without_any_path_are_not_asked_about():
    supports = [np.eye(2), np.zeros((2, 2)), np.eye(2), np.zeros((2, 2)), np.eye(2)]
    watched = Watched(ReLUNetwork(supports))
    sketcher = sketcher_of(watched, supports, np.random.default_rng(0))
    assert not sketcher(np.ones(2)).visible.any()
    assert sketcher.products == 0
    assert watched.asked == []


def test_finite_answers_pass_and_others_do_not():
    answers = finite([[1.5, 2.0]], (1, 2))
    assert isinstance(answers, np.ndarray)
    assert answers.tolist() == [[1.5, 2.0]]
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="expected finite answers, got nan or infinity"):
            finite([1.0, bad], (2,))
    with pytest.raises(ValueError, match=r"an answer of shape \(2,\), got \(2, 1\)"):
        finite([[1.0], [2.0]], (2,))


def test_a_contradiction_says_what_to_do_with_and_without_noise():
    assert isinstance(contradiction("this"), ValueError)
    text = str(contradiction("this"))
    assert text.startswith("oracle: not a bias-free network with these supports, this; check")
    assert "give a noise if answers carry errors, or use recover_nearby" in text
    text = str(contradiction("this", 2e-3))
    assert "supports, or noise = 2.0e-03 does not part its zeros from its other answers, t" in text
    assert "give a noise between the two, or use recover_nearby" in text
