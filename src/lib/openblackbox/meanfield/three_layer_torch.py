r"""Networks with two and three layers in torch, for training.

The same functions and path norms as those of `openblackbox.meanfield.particles` and
`openblackbox.meanfield.three_layer`, which are their oracles, with the factor 1/m in all of them.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.meanfield.blocks import BlockNetwork
from openblackbox.meanfield.particles import Cloud
from openblackbox.meanfield.three_layer import SharedNetwork
from openblackbox.optional import needed_by

__all__ = ["TorchNetwork", "to_torch"]

KINDS = {Cloud: "two-layer", BlockNetwork: "blocks", SharedNetwork: "shared"}


@dataclass(frozen=True, eq=False)
class TorchNetwork:
    r"""A network whose weights are torch tensors with gradients. Made by `to_torch`.

    Parameters
    ----------
    kind : {"two-layer", "blocks", "shared"}
        Which formula is evaluated.
    weights : dict from str to torch.Tensor
        The trainable tensors: ``a`` and ``w``, and ``u`` for three layers.
    mask : torch.Tensor or None
        For "shared": zeros and ones of the shape of ``u``, which training does not change.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> import torch
    >>> from openblackbox.meanfield.particles import Cloud
    >>> from openblackbox.meanfield.three_layer_torch import to_torch
    >>> network = to_torch(Cloud([1.0, 1.0], [[1.0], [-1.0]]))
    >>> network(torch.tensor([[-3.0], [2.0]], dtype=torch.float64)).tolist()
    [1.5, 1.0]
    """

    kind: str
    weights: dict
    mask: object = None

    def middle(self):
        """Return the middle weights that count: those inside of the mask."""
        u = self.weights["u"]
        return u if self.mask is None else u * self.mask

    def __call__(self, x):
        r"""Evaluate the network with ReLU.

        Parameters
        ----------
        x : torch.Tensor of float64, shape (n, d)
            The points.

        Returns
        -------
        torch.Tensor, shape (n,)
            :math:`\frac1m \sum_j a_j\,\sigma(\cdot)`, with :math:`w_j \cdot x` or
            :math:`\sum_k u_{jk}\,\sigma(w_{jk} \cdot x)` inside.
        """
        a, w = self.weights["a"], self.weights["w"]
        inner = x @ w.reshape(-1, w.shape[-1]).T
        if self.kind == "shared":
            inner = inner.relu() @ self.middle().T
        elif self.kind == "blocks":
            hidden = inner.relu().reshape(len(x), *w.shape[:2])
            inner = (hidden * self.middle()).sum(dim=2)
        return inner.relu() @ a / len(a)

    def path_norm(self):
        r"""Return the path norm as a tensor of shape ().

        :math:`\frac1m \sum_j |a_j| \|w_j\|` for two layers, and
        :math:`\frac1m \sum_j |a_j| \sum_k |u_{jk}| \|w_{jk}\|` for three.
        """
        a, lengths = self.weights["a"].abs(), self.weights["w"].norm(dim=-1)
        if self.kind == "shared":
            lengths = self.middle().abs() @ lengths
        elif self.kind == "blocks":
            lengths = (self.middle().abs() * lengths).sum(dim=1)
        return (a * lengths).mean()

    def rows(self):
        r"""Return the rows :math:`u^k_i = w_{ik}` of blocks, as a tensor of shape (s, m, d)."""
        if self.kind != "blocks":
            raise ValueError(f"rows: expected a network of blocks, got a {self.kind} network")
        return self.weights["w"].transpose(0, 1)

    def to_numpy(self):
        """Return the network with its present weights as the class it was made from."""
        arrays = {name: weight.detach().numpy() for name, weight in self.weights.items()}
        if self.mask is not None:
            arrays["mask"] = self.mask.numpy()
        (cls,) = (cls for cls, kind in KINDS.items() if kind == self.kind)
        return cls(**arrays)


def to_torch(network):
    r"""Copy a network to torch, ready for training.

    Parameters
    ----------
    network : Cloud, BlockNetwork or SharedNetwork
        The network, in numpy.

    Returns
    -------
    TorchNetwork
        With tensors of float64 on the CPU that require gradients.

    Raises
    ------
    TypeError
        If `network` is none of the three.
    ImportError
        If torch is not installed.

    Notes
    -----
    Defined in the chapter Training synchronized networks.

    Examples
    --------
    >>> from openblackbox.meanfield.blocks import BlockNetwork
    >>> from openblackbox.meanfield.three_layer_torch import to_torch
    >>> network = to_torch(BlockNetwork([2.0], [[3.0, -1.0]], [[[0.0, 1.0], [3.0, 4.0]]]))
    >>> network.path_norm().item(), tuple(network.rows().shape)
    (16.0, (2, 1, 2))
    """
    if type(network) not in KINDS:
        names = ", ".join(cls.__name__ for cls in KINDS)
        raise TypeError(f"network: expected one of {names}, got a {type(network).__name__}")
    with needed_by("to_torch", "torch"):
        import torch
    names = ("a", "w") if isinstance(network, Cloud) else ("a", "u", "w")
    weights = {
        name: torch.tensor(np.asarray(getattr(network, name), dtype=float), requires_grad=True)
        for name in names
    }
    shared = isinstance(network, SharedNetwork)
    mask = torch.tensor(network.mask, dtype=torch.float64) if shared else None
    return TorchNetwork(KINDS[type(network)], weights, mask)
