r"""The ReLU network every part of the book speaks about, and what a black box lets one ask.

`ReLUNetwork` is the network itself. The black boxes (`Oracle`, `CountingOracle`, `TorchOracle`) are
defined in `openblackbox.oracles` and `openblackbox.torch_oracle`, and re-exported here.
"""

import numpy as np

from openblackbox.layered import LayeredNetwork
from openblackbox.oracles import CountingOracle, Oracle, Queries, as_arrays, points, same_length
from openblackbox.torch_oracle import TorchOracle

__all__ = ["CountingOracle", "Oracle", "Queries", "ReLUNetwork", "TorchOracle"]


class ReLUNetwork(LayeredNetwork):
    r"""A multilayer perceptron with ReLU activations, with its exact derivatives.

    .. math::

       y_0 = x, \qquad z_\ell = W_\ell y_{\ell-1} + b_\ell, \qquad y_\ell = \max(z_\ell, 0),
       \qquad R_\theta(x) = z_L .

    Parameters
    ----------
    weights : sequence of L arrays
        First layer first: ``weights[l]`` is :math:`W_{l+1}`, of shape (n_{l+1}, n_l). L >= 1.
    biases : sequence of L arrays, optional
        ``biases[l]`` is :math:`b_{l+1}`, of shape (n_{l+1},). Zeros when omitted.

    Raises
    ------
    TypeError
        If an array is not of real numbers.
    ValueError
        If there is no layer, the shapes do not fit, or an entry is not finite. All the problems
        of the arguments are listed in the one message.

    Notes
    -----
    Arithmetic: every array is copied to one floating type, the common type of all arguments
    (integers count as float64), so that float32 stays float32; the points x are converted to it.

    Batches: every method takes one point of shape (n_0,) or k points of shape (k, n_0), and its
    answer has a leading axis k exactly in the second case.

    Kinks: the derivative of ReLU at 0 is taken to be 0, as in torch. Where some hidden
    :math:`z_{\ell,i}(x)` is exactly 0 the function need not be differentiable, and ``jacobian``,
    ``jvp`` and ``vjp`` return what this convention gives:
    :math:`W_L A_{L-1} \cdots A_1 W_1`, with
    :math:`A_\ell = \mathrm{diag}(1\{z_\ell(x) > 0\})`.

    Cost: a call, a jvp or a vjp costs one product per layer; a Jacobian :math:`n_0` of them.

    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> network = ReLUNetwork([[[1.0, -1.0], [0.0, 2.0]], [[1.0, 3.0]]], [[0.0, 1.0], [0.5]])
    >>> network
    ReLUNetwork(2 -> 2 -> 1)
    >>> network([3.0, 1.0])
    array([11.5])
    >>> network.jacobian([[3.0, 1.0], [1.0, 3.0]])
    array([[[1., 5.]],
           [[0., 6.]]])
    """

    def __init__(self, weights, biases=None):
        """Check and copy the parameters."""
        self.weights, self.biases = _checked_parameters(weights, biases)

    def __repr__(self):
        """Return the widths, inputs first."""
        return f"ReLUNetwork({' -> '.join(map(str, self.widths))})"

    @property
    def supports(self):
        """The nonzero patterns of the weights: a tuple of L boolean arrays."""
        return tuple(weight != 0 for weight in self.weights)

    def preactivations(self, x):
        r"""Return :math:`(z_1(x), \dots, z_L(x))`, shapes (n_l,) or (k, n_l)."""
        y = points("x", x, self.n_inputs, self.dtype)
        levels = []
        for weight, bias in zip(self.weights, self.biases, strict=True):
            levels.append(y @ weight.T + bias)
            y = np.maximum(levels[-1], 0)
        return tuple(levels)

    def __call__(self, x):
        r"""Return :math:`R_\theta(x)`, shape (n_L,) or (k, n_L)."""
        return self.preactivations(x)[-1]

    def jacobian(self, x):
        r"""Return :math:`W_L A_{L-1} \cdots A_1 W_1`, shape (n_L, n_0) or (k, n_L, n_0)."""
        x = points("x", x, self.n_inputs, self.dtype)
        # The first product has no x in it: it is shared by the whole batch until a mask comes.
        product = self.weights[0]
        for active, weight in zip(self.activation_pattern(x), self.weights[1:], strict=True):
            product = weight @ (active[..., None] * product)
        return np.broadcast_to(product, (*x.shape[:-1], *product.shape[-2:])).copy()

    def jvp(self, x, v):
        r"""Return :math:`Df(x)\,v`, shape (n_L,) or (k, n_L); v is like x.

        Where one of x and v is a batch and the other a single vector, the single one is used for
        the whole batch.
        """
        x, product, batch = self._pair("v", x, v, self.n_inputs)
        product = product @ self.weights[0].T
        for active, weight in zip(self.activation_pattern(x), self.weights[1:], strict=True):
            product = (active * product) @ weight.T
        return np.broadcast_to(product, (*batch, self.n_outputs)).copy()

    def vjp(self, x, u):
        r"""Return :math:`Df(x)^\top u`, shape (n_0,) or (k, n_0); u is (n_L,) or (k, n_L).

        Where one of x and u is a batch and the other a single vector, the single one is used for
        the whole batch.
        """
        x, product, batch = self._pair("u", x, u, self.n_outputs)
        product = product @ self.weights[-1]
        pattern = self.activation_pattern(x)
        for active, weight in zip(pattern[::-1], self.weights[-2::-1], strict=True):
            product = (active * product) @ weight
        return np.broadcast_to(product, (*batch, self.n_inputs)).copy()

    def _pair(self, name, x, direction, size):
        """Return a point and a direction, each single or a batch, and the shape of the batch."""
        x = points("x", x, self.n_inputs, self.dtype)
        direction = points(name, direction, size, self.dtype)
        if x.ndim == direction.ndim == 2:
            same_length(name, x, direction)
        return x, direction, np.broadcast_shapes(x.shape[:-1], direction.shape[:-1])


def _checked_parameters(weights, biases):
    """Return the parameters as read-only arrays of one type, or raise with all the problems."""
    weights = as_arrays("weights", weights)
    if biases is not None:
        biases = as_arrays("biases", biases)
    named = [(f"weights[{i}]", weight) for i, weight in enumerate(weights)]
    named += [(f"biases[{i}]", bias) for i, bias in enumerate(biases or [])]
    wrong_type = [f"{name} is of {a.dtype}" for name, a in named if a.dtype.kind not in "fiub"]
    if wrong_type:
        raise TypeError(f"ReLUNetwork: expected arrays of real numbers: {'; '.join(wrong_type)}")
    problems = [
        f"{name} has a nan or infinite entry" for name, a in named if not np.isfinite(a).all()
    ]
    if not weights:
        problems.append("expected at least one weight matrix, got none")
    if biases is not None and len(biases) != len(weights):
        problems.append(f"expected as many biases as weights, got {len(biases)} and {len(weights)}")
    for i, weight in enumerate(weights):
        if weight.ndim != 2 or 0 in weight.shape:
            problems.append(f"weights[{i}]: expected a non-empty matrix, got shape {weight.shape}")
            continue
        before = weights[i - 1] if i else None
        if before is not None and before.ndim == 2 and weight.shape[1] != before.shape[0]:
            problems.append(
                f"weights[{i}]: expected {before.shape[0]} columns, the rows of weights[{i - 1}], "
                f"got shape {weight.shape}"
            )
        if biases is not None and i < len(biases) and biases[i].shape != weight.shape[:1]:
            problems.append(
                f"biases[{i}]: expected shape {weight.shape[:1]}, got {biases[i].shape}"
            )
    if problems:
        raise ValueError(f"ReLUNetwork: {'; '.join(problems)}")
    if biases is None:
        biases = [np.zeros(len(weight), dtype=weight.dtype) for weight in weights]
    dtype = np.result_type(
        *(a if a.dtype.kind == "f" else np.float64(0) for a in (*weights, *biases))
    )
    arrays = [np.array(a, dtype=dtype) for a in (*weights, *biases)]
    for array in arrays:
        array.flags.writeable = False
    return tuple(arrays[: len(weights)]), tuple(arrays[len(weights) :])
