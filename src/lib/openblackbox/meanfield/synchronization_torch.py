r"""The shift cost and the distances of the rows, in torch, with their gradients.

For rows :math:`u^1, \dots, u^s` of m points in :math:`\mathbb{R}^p`, a tensor of shape (s, m, p).
"""

from openblackbox.meanfield.transport_torch import w2_squared_torch
from openblackbox.optional import needed_by

__all__ = ["pairwise_w2_torch", "shift_cost_torch"]


def shift_cost_torch(rows, *, method="assignment"):
    r"""Compute the shift cost of rows, so that it can be differentiated.

    .. math:: P = W_2^2\big(\mu^{(1, \dots, s-1)}, \mu^{(2, \dots, s)}\big)
              = \min_\sigma \frac1m \sum_{i=1}^m \sum_{k=1}^{s-1} \|u^k_i - u^{k+1}_{\sigma(i)}\|^2

    Parameters
    ----------
    rows : torch.Tensor, shape (s, m, p)
        The rows, s >= 2.
    method : {"assignment", "pot"}
        As in `w2_squared_torch`.

    Returns
    -------
    torch.Tensor, shape ()
        The shift cost.

    Raises
    ------
    TypeError
        If ``rows`` is no tensor of real numbers.
    ValueError
        A shape that is not (s, m, p) with s >= 2, or numbers that are not finite.
    ImportError
        If torch is not installed, or POT for "pot".

    Notes
    -----
    `w2_squared_torch` of the two windows, clouds of m points in dimension (s - 1) p: one assignment
    problem. Where the best assignment is the only one, the gradient is that of P. For s = 2 this is
    the squared distance of the two rows.

    Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> import torch
    >>> from openblackbox.meanfield.synchronization_torch import shift_cost_torch
    >>> rows = torch.tensor([[[0.0], [1.0]], [[0.0], [1.0]], [[1.0], [0.0]]], requires_grad=True)
    >>> value = shift_cost_torch(rows)
    >>> value.backward()
    >>> value.item(), tuple(rows.grad.shape)
    (1.0, (3, 2, 1))
    """
    rows = _rows(rows)
    first, second = (
        window.transpose(0, 1).reshape(rows.shape[1], -1) for window in (rows[:-1], rows[1:])
    )
    return w2_squared_torch(first, second, method=method)


def pairwise_w2_torch(rows, *, method="assignment"):
    r"""Compute the squared distances of all pairs of rows, so that they can be differentiated.

    Parameters
    ----------
    rows : torch.Tensor, shape (s, m, p)
        The rows, s >= 2.
    method : {"assignment", "pot"}
        As in `w2_squared_torch`.

    Returns
    -------
    torch.Tensor, shape (s, s)
        :math:`W_2^2(\mu^k, \mu^l)`: symmetric, with zeros on the diagonal.

    Raises
    ------
    TypeError
        If ``rows`` is no tensor of real numbers.
    ValueError
        A shape that is not (s, m, p) with s >= 2, or numbers that are not finite.
    ImportError
        If torch is not installed, or POT for "pot".

    Notes
    -----
    One assignment problem for each of the s (s - 1) / 2 pairs.

    Defined in the chapter Synchronization of many rows.

    Examples
    --------
    >>> import torch
    >>> from openblackbox.meanfield.synchronization_torch import pairwise_w2_torch
    >>> pairwise_w2_torch(torch.tensor([[[0.0], [1.0]], [[1.0], [0.0]], [[3.0], [2.0]]])).tolist()
    [[0.0, 0.0, 4.0], [0.0, 0.0, 4.0], [4.0, 4.0, 0.0]]
    """
    rows = _rows(rows)
    count = len(rows)
    distances = [[rows.new_zeros(())] * count for _ in range(count)]
    for k in range(count):
        for other in range(k + 1, count):
            value = w2_squared_torch(rows[k], rows[other], method=method)
            distances[k][other] = distances[other][k] = value
    with needed_by("pairwise_w2_torch", "torch"):
        import torch
    return torch.stack([torch.stack(line) for line in distances])


def _rows(rows):
    with needed_by("rows in torch", "torch"):
        import torch
    if not torch.is_tensor(rows) or not rows.is_floating_point():
        kind = f"a tensor of {rows.dtype}" if torch.is_tensor(rows) else f"a {type(rows).__name__}"
        raise TypeError(f"rows: expected a torch tensor of real numbers, got {kind}")
    if rows.ndim != 3 or len(rows) < 2 or not rows.numel():
        raise ValueError(
            f"rows: expected shape (s, m, p), s >= 2, m, p >= 1, got {tuple(rows.shape)}"
        )
    if not torch.isfinite(rows).all():
        raise ValueError("rows: expected finite numbers, got nan or infinity")
    return rows
