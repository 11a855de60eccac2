"""A torch module seen as an oracle. Re-exported by `openblackbox.networks`."""

import copy

import numpy as np

from openblackbox.arguments import integer
from openblackbox.optional import needed_by
from openblackbox.oracles import points, same_length


class TorchOracle:
    r"""A ``torch.nn.Module`` seen as an oracle: a network somebody else trained can be opened.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a batch (k, n_0) to a batch (k, n_L), row by row.
    n_inputs, n_outputs : int, optional
        The sizes. When omitted, ``n_inputs`` is read off the first layer that has an
        ``in_features`` and ``n_outputs`` off the answer to one point.
    dtype : numpy floating type
        The arithmetic. A module trained in float32 has float32 weights, and asking it in float64
        (the default) gives their function without further rounding.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError
        If ``module`` is not a ``torch.nn.Module``, or has complex parameters.
    ValueError
        If ``n_inputs`` cannot be inferred, the module's answers do not have the sizes given, a
        parameter or a buffer is not finite, or ``dtype`` is no real floating type.

    Notes
    -----
    The module is copied when the oracle is made, and the copy is set to evaluation mode and
    ``dtype``: the module itself keeps its parameters, their type, its mode and its gradients, and
    training it further does not change the oracle. Derivatives come from the reverse mode of
    ``torch.func``, vectorized by ``vmap``: a Jacobian is ``jacrev``, a jvp is the vjp of a vjp (so
    a module needs no forward-mode rules). Torch's convention at a kink of ReLU is a derivative 0.

    Defined in the chapter One hidden layer.

    Examples
    --------
    >>> import torch
    >>> layers = torch.nn.Linear(2, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1)
    >>> oracle = TorchOracle(torch.nn.Sequential(*layers))
    >>> oracle.n_inputs, oracle.n_outputs
    (2, 1)
    >>> oracle.jacobian([[0.0, 1.0], [2.0, 3.0]]).shape
    (2, 1, 2)
    """

    def __init__(self, module, n_inputs=None, n_outputs=None, dtype=np.float64):
        """Copy the module and ask it one question, to learn its sizes."""
        with needed_by("TorchOracle", "torch", hint=", or pip install 'openblackbox[book]'"):
            import torch
        self._torch = torch
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"module: expected a torch.nn.Module, got a {type(module).__name__}")
        self.dtype, self._torch_dtype = _real_types(torch, dtype)
        _check_parameters(module)
        self._module = _copied(module).to("cpu", self._torch_dtype)
        self._module.eval().requires_grad_(False)
        self.n_inputs = (
            _inferred_inputs(module) if n_inputs is None else integer("n_inputs", n_inputs)
        )
        try:
            answer = self._module(torch.zeros(2, self.n_inputs, dtype=self._torch_dtype))
        except RuntimeError as error:
            raise ValueError(
                f"n_inputs: the module does not take a batch of shape (2, {self.n_inputs}): {error}"
            ) from error
        got = tuple(answer.shape) if torch.is_tensor(answer) else f"a {type(answer).__name__}"
        if not torch.is_tensor(answer) or answer.ndim != 2 or len(answer) != 2:
            raise ValueError(
                f"module: expected an answer of shape (2, n_outputs) to a batch of 2 points, "
                f"got {got}"
            )
        if n_outputs is not None and n_outputs != answer.shape[1]:
            raise ValueError(f"n_outputs: got {n_outputs}, the module returns {answer.shape[1]}")
        self.n_outputs = answer.shape[1]

    def __repr__(self):
        """Return the kind of module and the sizes."""
        name = type(self._module).__name__
        return f"TorchOracle({name}, {self.n_inputs} -> {self.n_outputs})"

    def __call__(self, x):
        """Return f(x), shape (n_L,) or (k, n_L)."""
        x, single = self._batch("x", x, self.n_inputs)
        with self._torch.no_grad():
            return self._answer(self._module(x), single)

    def jacobian(self, x):
        """Return Df(x), shape (n_L, n_0) or (k, n_L, n_0)."""
        x, single = self._batch("x", x, self.n_inputs)
        func = self._torch.func
        return self._answer(func.vmap(func.jacrev(self._one))(x), single)

    def jvp(self, x, v):
        """Return Df(x) v, shape (n_L,) or (k, n_L); a single x or v serves a whole batch."""
        func = self._torch.func
        x, v, single = self._pair("v", x, v, self.n_inputs)

        def one(point, way):
            # u -> Df(x)^T u is linear, and its own transpose is v -> Df(x) v.
            answer, transpose = func.vjp(self._one, point)
            return func.vjp(lambda u: transpose(u)[0], answer)[1](way)[0]

        return self._answer(func.vmap(one)(x, v), single)

    def vjp(self, x, u):
        """Return the transpose of Df(x) times u; a single x or u serves a whole batch."""
        func = self._torch.func
        x, u, single = self._pair("u", x, u, self.n_outputs)
        return self._answer(
            func.vmap(lambda point, way: func.vjp(self._one, point)[1](way)[0])(x, u), single
        )

    def _one(self, point):
        return self._module(point[None])[0]

    def _batch(self, name, value, size):
        """Return the points as a (k, size) tensor, and whether there was a single one."""
        array = points(name, value, size, self.dtype)
        return self._torch.tensor(np.atleast_2d(array)), array.ndim == 1

    def _pair(self, name, x, direction, size):
        """Return points and directions as batches of one length."""
        x, one_point = self._batch("x", x, self.n_inputs)
        direction, one_direction = self._batch(name, direction, size)
        if not (one_point or one_direction):
            same_length(name, x, direction)
        length = len(direction) if one_point else len(x)
        return x.expand(length, -1), direction.expand(length, -1), one_point and one_direction

    def _answer(self, tensor, single):
        array = tensor.detach().numpy()
        return (array[0] if single else array).copy()


def _real_types(torch, dtype):
    """Return a real floating type as numpy's and as torch's, or raise."""
    try:
        kind = np.dtype(dtype)
        torch_kind = torch.from_numpy(np.zeros(1, dtype=kind)).dtype
    except TypeError as error:
        raise ValueError(f"dtype: expected a real floating type, got {dtype!r}") from error
    if not torch_kind.is_floating_point:
        raise ValueError(f"dtype: expected a real floating type, got {kind}")
    return kind, torch_kind


def _check_parameters(module):
    """Raise when parameters or buffers are complex, nan or infinite, with all their names."""
    named = [*module.named_parameters(), *module.named_buffers()]
    unreal = [name for name, value in named if value.is_complex()]
    if unreal:
        raise TypeError(f"module: expected real parameters, complex are {', '.join(unreal)}")
    bad = [name for name, value in named if not bool(value.isfinite().all())]
    if bad:
        raise ValueError(f"module: nan or infinite entries in {', '.join(bad)}")


def _copied(module):
    """Return a deep copy of a module.

    A pruned or normalized module holds computed tensors, which deepcopy refuses: they are detached
    in the copy, whose hooks compute them anew at every call.
    """
    computed = {
        id(value): value.detach().clone()
        for layer in module.modules()
        for value in vars(layer).values()
        if getattr(value, "is_leaf", True) is False
    }
    return copy.deepcopy(module, computed)


def _inferred_inputs(module):
    """Return the ``in_features`` of the first layer that has one."""
    for layer in module.modules():
        if isinstance(getattr(layer, "in_features", None), int):
            return layer.in_features
    raise ValueError(
        "n_inputs: no layer of the module has in_features, so the number of inputs cannot be "
        "inferred; give n_inputs"
    )
