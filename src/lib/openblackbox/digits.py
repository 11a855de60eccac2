"""A small real job: images of handwritten digits, and networks trained on them under a mask."""

import numbers
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from openblackbox.arguments import generator, integer
from openblackbox.optional import needed_by
from openblackbox.oracles import as_array, as_arrays

__all__ = ["Digits", "load_digits", "masked_network", "train_classifier"]


@dataclass(frozen=True)
class Digits:
    """Images of handwritten digits, 8 x 8 pixels from 0 to 1, in rows of 64, and their classes.

    Parameters
    ----------
    train_images, train_labels : arrays, shapes (1297, 64) and (1297,)
        What a network learns from; float32 and int64.
    test_images, test_labels : arrays, shapes (500, 64) and (500,)
        What it is tested on.

    Notes
    -----
    Defined in the chapter One hidden layer.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load_digits(*, rng, n_test=500):
    """Load the 1797 digits that come with scikit-learn, and set some aside for tests.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws the images set aside.
    n_test : int
        How many, from 1 to 1796.

    Returns
    -------
    Digits
        The images and their classes.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    TypeError
        If ``rng`` is no generator.
    ValueError
        If ``n_test`` is out of range.

    Notes
    -----
    Pixel i is in row i // 8 and column i % 8. Nothing is downloaded.

    Defined in the chapter One hidden layer.

    References
    ----------
    * E. Alpaydin and C. Kaynak, Optical recognition of handwritten digits, UCI Machine Learning
      Repository, 1998; the test set, as scikit-learn distributes it.

    Examples
    --------
    >>> digits = load_digits(rng=np.random.default_rng(0))
    >>> digits.train_images.shape, digits.test_images.shape
    ((1297, 64), (500, 64))
    """
    with needed_by("load_digits", "scikit-learn"):
        from sklearn.datasets import load_digits as load
    generator(rng)
    images, labels = load(return_X_y=True)
    if not isinstance(n_test, numbers.Integral) or not 1 <= n_test < len(labels):
        raise ValueError(f"n_test: expected 1 to {len(labels) - 1}, got {n_test!r}")
    order = rng.permutation(len(labels))
    images, labels = (images[order] / 16).astype(np.float32), labels[order].astype(np.int64)
    return Digits(images[n_test:], labels[n_test:], images[:n_test], labels[:n_test])


def masked_network(supports, *, rng):
    r"""Make a torch network of linear layers and ReLUs whose weights vanish outside supports.

    Parameters
    ----------
    supports : sequence of L boolean arrays
        First layer first, ``supports[l]`` of shape (n_{l+1}, n_l).
    rng : numpy.random.Generator
        Draws the parameters, uniform in :math:`\pm 1/\sqrt{k}` for a neuron that reads k others.

    Returns
    -------
    torch.nn.Sequential
        Float32. The mask is a parametrization of the weight (``torch.nn.utils.parametrize``), so
        training, copying and saving treat the network as any other.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError
        If ``rng`` is no generator, or ``supports`` no sequence.
    ValueError
        If the supports are not those of the layers of a network.

    Notes
    -----
    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> module = masked_network([np.eye(3), np.ones((2, 3))], rng=np.random.default_rng(0))
    >>> module[0].weight.detach().numpy() != 0
    array([[ True, False, False],
           [False,  True, False],
           [False, False,  True]])
    """
    with needed_by("masked_network", "torch"):
        import torch
        import torch.nn.utils.parametrize
    generator(rng)
    masks = _masks(supports)

    class Masked(torch.nn.Module):
        def __init__(self, mask):
            super().__init__()
            self.register_buffer("mask", mask)

        def forward(self, weight):
            return weight * self.mask

    layers = []
    for mask in masks:
        bound = 1 / np.sqrt(np.maximum(mask.sum(axis=1), 1))
        linear = torch.nn.Linear(mask.shape[1], mask.shape[0])
        with torch.no_grad():
            linear.weight.copy_(
                torch.tensor(rng.uniform(-1, 1, mask.shape) * bound[:, None] * mask)
            )
            linear.bias.copy_(torch.tensor(rng.uniform(-1, 1, len(mask)) * bound))
        torch.nn.utils.parametrize.register_parametrization(
            linear, "weight", Masked(torch.tensor(mask, dtype=torch.float32))
        )
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def train_classifier(module, inputs, labels, *, steps=300, learning_rate=0.02):
    """Train a network to classify: full-batch Adam on the cross-entropy, in place.

    Parameters
    ----------
    module : torch.nn.Module
        Maps inputs (k, n_0) to one score for each class (k, n_classes). It is changed.
    inputs, labels : arrays, shapes (k, n_0) and (k,)
        The examples.
    steps : int
        Number of steps of Adam.
    learning_rate : float
        Of Adam.

    Returns
    -------
    numpy.ndarray, shape (steps,)
        The cross-entropy before every step.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError
        If ``module`` is no module with parameters.
    ValueError
        If the examples are not finite, their shapes do not fit, a label is no class of the module,
        ``steps`` is no positive integer, or ``learning_rate`` is not positive.

    Notes
    -----
    No randomness; set ``torch.set_num_threads(1)`` for the same bits at every run.

    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> module = masked_network([np.ones((2, 1))], rng=np.random.default_rng(0))
    >>> losses = train_classifier(module, np.array([[-1.0], [1.0]]), np.array([0, 1]), steps=100)
    >>> bool(losses[-1] < 0.2 < losses[0])
    True
    """
    with needed_by("train_classifier", "torch"):
        import torch
    if not isinstance(module, torch.nn.Module) or not [*module.parameters()]:
        raise TypeError(f"module: expected a torch.nn.Module with parameters, got {module!r}")
    integer("steps", steps)
    if not isinstance(learning_rate, numbers.Real) or not 0 < learning_rate < np.inf:
        raise ValueError(f"learning_rate: expected a positive number, got {learning_rate!r}")
    inputs, labels = _examples(inputs, labels)
    kind = next(module.parameters()).dtype
    inputs, labels = torch.tensor(inputs, dtype=kind), torch.tensor(labels, dtype=torch.long)
    optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate)
    losses = np.empty(steps)
    for step in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(_scores(module, inputs, labels), labels)
        loss.backward()
        optimizer.step()
        losses[step] = loss.item()
    return losses


def _masks(supports):
    """Return the supports of a network as boolean matrices, or raise."""
    arrays = as_arrays("supports", supports)
    shapes = [array.shape for array in arrays]
    if not arrays or any(len(shape) != 2 or 0 in shape for shape in shapes):
        raise ValueError(f"supports: expected a non-empty matrix per layer, got shapes {shapes}")
    if any(after[1] != before[0] for before, after in pairwise(shapes)):
        raise ValueError(f"supports: expected widths that match, got shapes {shapes}")
    for layer, array in enumerate(arrays):
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise ValueError(f"supports[{layer}]: expected booleans or finite numbers")
    return [array != 0 for array in arrays]


def _examples(inputs, labels):
    """Return inputs (k, n_0) and whole labels (k,) as arrays, or raise."""
    inputs, labels = as_array("inputs", inputs), as_array("labels", labels)
    if inputs.ndim != 2 or not len(inputs):
        raise ValueError(f"inputs: expected shape (k, n_0) with k >= 1, got {inputs.shape}")
    if inputs.dtype.kind not in "fiub" or not np.isfinite(inputs).all():
        raise ValueError("inputs: expected finite real numbers")
    if labels.shape != inputs.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels: expected {len(inputs)} integers, one per row of inputs, "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    return inputs, labels


def _scores(module, inputs, labels):
    """Return one score of each example for each class, or raise."""
    try:
        scores = module(inputs)
    except RuntimeError as error:
        shape = tuple(inputs.shape)
        raise ValueError(f"inputs: the module does not take shape {shape}: {error}") from error
    if scores.ndim != 2 or len(scores) != len(inputs):
        got = tuple(scores.shape)
        raise ValueError(f"module: expected scores of shape ({len(inputs)}, n_classes), got {got}")
    if labels.min() < 0 or labels.max() >= scores.shape[1]:
        raise ValueError(
            f"labels: expected 0 to {scores.shape[1] - 1}, the classes of the module, "
            f"got {int(labels.min())} to {int(labels.max())}"
        )
    return scores
