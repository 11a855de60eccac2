"""The digits and the networks trained on them under a mask."""

import numpy as np
import pytest
import torch
from openblackbox.digits import load_digits, masked_network, train_classifier
from openblackbox.networks import ReLUNetwork, TorchOracle
from sklearn.datasets import load_digits as sklearn_digits


def test_the_digits_are_scikit_learns_split_without_overlap():
    digits = load_digits(rng=np.random.default_rng(0), n_test=300)
    assert digits.train_images.shape == (1497, 64)
    assert digits.test_images.dtype == np.float32
    assert digits.test_labels.dtype == np.int64
    images = np.concatenate([digits.test_images, digits.train_images])
    labels = np.concatenate([digits.test_labels, digits.train_labels])
    reference, classes = sklearn_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(1797)
    np.testing.assert_allclose(images * 16, reference[order], rtol=1e-6)
    assert labels.tolist() == classes[order].tolist()
    assert images.max() == 1
    with pytest.raises(ValueError, match="n_test: expected 1 to 1796, got 1797"):
        load_digits(rng=np.random.default_rng(0), n_test=1797)
    assert len(load_digits(rng=np.random.default_rng(0)).test_labels) == 500


def test_the_mask_holds_before_and_after_training():
    supports = [np.array([[1, 1, 0], [0, 0, 1]]), np.array([[1, 0], [1, 1]])]
    module = masked_network(supports, rng=np.random.default_rng(1))

    def patterns():
        return [module[i].weight.detach().numpy() != 0 for i in (0, 2)]

    assert all((a == (s != 0)).all() for a, s in zip(patterns(), supports, strict=True))
    x = np.random.default_rng(2).standard_normal((40, 3))
    losses = train_classifier(module, x, (x[:, 0] > 0).astype(int), steps=60)
    assert losses.shape == (60,)
    assert losses[-1] < 0.7 * losses[0]
    assert all((a == (s != 0)).all() for a, s in zip(patterns(), supports, strict=True))
    oracle = TorchOracle(module)
    network = ReLUNetwork(
        [module[i].weight.detach().numpy().astype(float) for i in (0, 2)],
        [module[i].bias.detach().numpy().astype(float) for i in (0, 2)],
    )
    np.testing.assert_allclose(oracle(x), network(x), rtol=1e-12, atol=1e-12)


def test_the_first_parameters_are_uniform_with_the_scale_of_the_mask():
    supports = [np.ones((500, 4)), np.ones((1, 500))]
    module = masked_network(supports, rng=np.random.default_rng(3))
    rng = np.random.default_rng(3)
    expected = rng.uniform(-1, 1, (500, 4)) / 2
    np.testing.assert_allclose(module[0].weight.detach().numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(module[0].bias.detach(), rng.uniform(-1, 1, 500) / 2, rtol=1e-6)
    assert module[2].weight.abs().max() <= 500**-0.5
    assert isinstance(module[1], torch.nn.ReLU)
    assert len(module) == 3


def test_training_is_adam_on_the_cross_entropy():
    x = np.random.default_rng(4).standard_normal((20, 3))
    labels = (x[:, 0] > 0).astype(int)
    modules = [masked_network([np.ones((2, 3))], rng=np.random.default_rng(5)) for _ in range(3)]
    losses = train_classifier(modules[0], x, labels, steps=5)
    again = train_classifier(modules[1], x, labels, steps=5, learning_rate=0.02)
    assert losses.tolist() == again.tolist()
    optimizer = torch.optim.Adam(modules[2].parameters(), lr=0.02)
    for loss in losses:
        value = torch.nn.functional.cross_entropy(
            modules[2](torch.tensor(x, dtype=torch.float32)), torch.tensor(labels)
        )
        assert loss == pytest.approx(value.item(), rel=1e-6)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    default = train_classifier(modules[0], x, labels)
    assert len(default) == 300


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    "call, error, match",
    [
        (
            lambda: load_digits(rng=3),
            TypeError,
            "rng: expected a numpy.random.Generator, got a int",
        ),
        (lambda: load_digits(rng=RNG, n_test=2.5), ValueError, "n_test: .* got 2.5"),
        (lambda: load_digits(rng=RNG, n_test="a"), ValueError, "n_test: .* got 'a'"),
        (lambda: masked_network([[[1]]], rng=None), TypeError, "rng: .* got a NoneType"),
        (lambda: masked_network(None, rng=RNG), TypeError, "supports: expected a sequence"),
        (lambda: masked_network([], rng=RNG), ValueError, "a non-empty matrix per layer"),
        (lambda: masked_network([[1, 1]], rng=RNG), ValueError, r"got shapes \[\(2,\)\]"),
        (
            lambda: masked_network([np.ones((2, 2)), np.ones((2, 3))], rng=RNG),
            ValueError,
            r"widths that match, got shapes \[\(2, 2\), \(2, 3\)\]",
        ),
        (lambda: masked_network([[[np.nan]]], rng=RNG), ValueError, r"supports\[0\]: .* finite"),
    ],
)
def test_bad_supports_and_generators(call, error, match):
    with pytest.raises(error, match=match):
        call()


@pytest.mark.parametrize(
    "change, error, match",
    [
        ({"module": None}, TypeError, "expected a torch.nn.Module with parameters, got None"),
        ({"module": torch.nn.ReLU()}, TypeError, r"with parameters, got ReLU\(\)"),
        ({"module": torch.nn.Sequential(torch.nn.Linear(1, 2), torch.nn.Flatten(0))}, ValueError,
         r"scores of shape \(2, n_classes\), got \(4,\)"),
        ({"inputs": [[np.nan], [0.0]]}, ValueError, "inputs: expected finite real numbers"),
        ({"inputs": [1.0, 2.0]}, ValueError, r"inputs: expected shape \(k, n_0\)"),
        ({"inputs": [[1.0, 2.0]] * 2}, ValueError, r"inputs: .* does not take shape \(2, 2\)"),
        ({"labels": [0]}, ValueError, r"labels: expected 2 integers.* of shape \(1,\)"),
        ({"labels": [0.7, 1.0]}, ValueError, "labels: expected 2 integers.* got float64"),
        ({"labels": [0, 7]}, ValueError, "labels: expected 0 to 1, .* got 0 to 7"),
        ({"labels": [-1, 0]}, ValueError, "got -1 to 0"),
        ({"steps": 0}, ValueError, "steps: expected a positive integer, got 0"),
        ({"steps": 1.5}, ValueError, "steps: expected a positive integer, got 1.5"),
        ({"learning_rate": -1}, ValueError, "learning_rate: expected a positive number, got -1"),
        ({"learning_rate": "a"}, ValueError, "learning_rate: expected a positive number, got 'a'"),
    ],
)  # fmt: skip
def test_bad_examples(change, error, match):
    arguments = {"module": torch.nn.Linear(1, 2), "inputs": [[1.0], [2.0]], "labels": [0, 1]}
    arguments |= {"steps": 1} | change
    with pytest.raises(error, match=match):
        train_classifier(**arguments)
