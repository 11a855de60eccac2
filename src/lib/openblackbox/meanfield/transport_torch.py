r"""The squared Wasserstein distance of two clouds, in torch, with its gradient."""

import numpy as np

from openblackbox.arguments import choice
from openblackbox.meanfield.assignment import MANY_PIVOTS, assignment_cost
from openblackbox.optional import needed_by

__all__ = ["w2_squared_torch"]


def w2_squared_torch(u, v, *, method="pot"):
    r"""Compute :math:`W_2^2` of two clouds of torch tensors, so that it can be differentiated.

    .. math:: W_2^2 = \min_\gamma \sum_{i,j} \gamma_{ij} \|u_i - v_j\|^2,

    where the plan :math:`\gamma` has row sums 1/m and column sums 1/n.

    Parameters
    ----------
    u : torch.Tensor, shape (m, p)
        The first cloud.
    v : torch.Tensor, shape (n, p)
        The second cloud, of the same dtype and on the same device.
    method : {"pot", "assignment"}
        "pot": ``ot.emd2`` with its torch backend. "assignment", for m = n alone: the permutation
        of `assignment_cost`, and the mean of the squared differences in torch.

    Returns
    -------
    torch.Tensor, shape ()
        The squared distance.

    Raises
    ------
    TypeError
        If ``u`` or ``v`` is no tensor of real numbers, or their types differ.
    ValueError
        Shapes that do not fit, numbers that are not finite, or different sizes for "assignment".
    ImportError
        If torch or POT is not installed.

    Notes
    -----
    The plan is computed without a gradient and then held fixed. Where the optimal plan is the only
    one, this is the gradient of the distance (the envelope theorem); for m = n it is
    :math:`\nabla_{u_i} W_2^2 = \frac2m (u_i - v_{\sigma(i)})`. Where several plans with different
    partners are optimal the function has no gradient, and one plan is taken. Both methods give the
    same numbers up to rounding; "assignment" keeps no m by m array for the backward pass and is
    about twice as fast.

    Defined in the chapter Synchronization of two rows.

    Examples
    --------
    >>> import torch
    >>> from openblackbox.meanfield.transport_torch import w2_squared_torch
    >>> u = torch.tensor([[0.0], [3.0]], dtype=torch.float64, requires_grad=True)
    >>> v = torch.tensor([[3.0], [1.0]], dtype=torch.float64)
    >>> value = w2_squared_torch(u, v)
    >>> value.backward()
    >>> round(value.item(), 12), u.grad.flatten().tolist()
    (0.5, [-1.0, 0.0])
    """
    with needed_by("w2_squared_torch", "torch"):
        import torch
    choice("method", method, ("pot", "assignment"))
    _check(torch, u, v)
    if method == "assignment":
        found = assignment_cost(u.detach().cpu().numpy(), v.detach().cpu().numpy())
        matched = v[torch.as_tensor(np.ascontiguousarray(found.permutation), device=v.device)]
        return ((u - matched) ** 2).sum() / len(u)
    with needed_by("w2_squared_torch", "pot"):
        import ot
    masses = [torch.full((len(x),), 1 / len(x), dtype=x.dtype, device=x.device) for x in (u, v)]
    costs = ((u[:, None] - v[None]) ** 2).sum(dim=2)
    return ot.emd2(*masses, costs, numItermax=MANY_PIVOTS, check_marginals=False)


def _check(torch, u, v):
    for name, x in (("u", u), ("v", v)):
        if not torch.is_tensor(x) or not x.is_floating_point():
            kind = f"a tensor of {x.dtype}" if torch.is_tensor(x) else f"a {type(x).__name__}"
            raise TypeError(f"{name}: expected a torch tensor of real numbers, got {kind}")
        if x.ndim != 2 or not x.numel():
            raise ValueError(f"{name}: expected shape (m, p), m, p >= 1, got {tuple(x.shape)}")
        if not torch.isfinite(x).all():
            raise ValueError(f"{name}: expected finite numbers, got nan or infinity")
    if u.dtype != v.dtype or u.device != v.device:
        raise TypeError(f"v: expected {u.dtype} on {u.device} as u, got {v.dtype} on {v.device}")
    if u.shape[1] != v.shape[1]:
        raise ValueError(f"v: expected points of {u.shape[1]} entries as in u, got {v.shape[1]}")
