r"""Networks of a given width, trained by gradients inside the class of the certified minimizer.

The table of the book is made by::

    python -m openblackbox.study openblackbox.foundations.erm_training:STUDY
        --out book/data/trained-widths.csv
"""

import numpy as np

from openblackbox.arguments import generator, integer, number
from openblackbox.foundations.erm import fit_certified
from openblackbox.foundations.erm_certificate import certify, problem
from openblackbox.foundations.erm_study import BUDGET, draw_task
from openblackbox.foundations.one_hidden_layer import OneHiddenLayer
from openblackbox.optional import needed_by
from openblackbox.study import Study

__all__ = ["STUDY", "train_networks", "trained_excess"]


def train_networks(
    X, y, *, width, radius, budget, rng, starts=1, steps=1500, rate=0.03, batch=None
):
    r"""Train networks of m neurons on the logistic loss, within the budget.

    .. math::

       f_\theta = \min\Big(1, \frac{D}{N(\theta)}\Big) \sum_{j=1}^m \eta_j (w_j \cdot x + b_j)_+,
       \qquad N(\theta) = \sum_j |\eta_j| \big(\|w_j\|^2 + b_j^2/M^2\big)^{1/2}

    Parameters
    ----------
    X : array of shape (n, d)
        The points, of norm at most ``radius``.
    y : array of shape (n,)
        The labels, -1 or 1.
    width : int
        The number m of neurons.
    radius, budget : float
        :math:`M` and :math:`D`.
    rng : numpy.random.Generator
        Draws the starts and the batches.
    starts : int
        How many networks to train, from independent starts.
    steps : int
        The number of steps.
    rate : float
        The first step size; it falls to 0 along half a cosine.
    batch : int, optional
        The number of samples of a batch, drawn with replacement. By default all samples are used in
        each step.

    Returns
    -------
    list of openblackbox.foundations.one_hidden_layer.OneHiddenLayer
        The trained networks, of norm at most ``budget``.

    Raises
    ------
    ValueError
        If an argument is not as above.
    TypeError
        If ``rng`` is no generator.
    ImportError
        If torch is not installed.

    Notes
    -----
    Adam, on all parameters. The start: lifted inner weights uniform on the sphere, outer weights
    :math:`\pm D / m`. Every :math:`f_\theta` is in the class, and every network of m neurons in
    the class is some :math:`f_\theta`: training is the same problem with m fixed, without
    convexity.

    Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> from openblackbox.foundations.erm import certify
    >>> X, y = [[-0.5], [0.5]], [-1.0, 1.0]
    >>> (net,) = train_networks(
    ...     X, y, width=4, radius=1, budget=1, rng=np.random.default_rng(0), steps=200
    ... )
    >>> round(certify(net, X, y, radius=1, budget=1).norm, 6)
    1.0
    """
    with needed_by("train_networks", "torch"):
        import torch
        from torch.nn.functional import softplus

    points, y, radius, budget, _ = problem(X, y, radius, budget, "logistic")
    width, starts, steps = (
        integer(name, value)
        for name, value in (("width", width), ("starts", starts), ("steps", steps))
    )
    rate, n = number("rate", rate), len(y)
    batch = None if batch is None else integer("batch", batch)
    Z, targets = torch.from_numpy(points.points), torch.from_numpy(y)
    units = generator(rng).standard_normal((starts, width, Z.shape[1]))
    units /= np.linalg.norm(units, axis=2, keepdims=True)
    outer = rng.choice([-budget / width, budget / width], (starts, width))
    inner = torch.from_numpy(units).requires_grad_()
    eta = torch.from_numpy(outer).requires_grad_()
    descent = torch.optim.Adam([inner, eta], lr=rate)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(descent, steps)
    for _ in range(steps):
        chosen = slice(None) if batch is None else torch.from_numpy(rng.integers(n, size=batch))
        hidden = torch.relu(inner @ Z[chosen].T)
        values = _scale(eta, inner, budget) * torch.einsum("sm,smn->sn", eta, hidden)
        descent.zero_grad()
        softplus(-targets[chosen] * values).mean(dim=1).sum().backward()
        descent.step()
        fall.step()
    with torch.no_grad():
        eta, inner = (_scale(eta, inner, budget) * eta).numpy(), inner.numpy()
    return [
        OneHiddenLayer(e, w[:, :-1], radius * w[:, -1]) for e, w in zip(eta, inner, strict=True)
    ]


def _scale(eta, inner, budget):
    """Return the factors that bring the norms down to the budget, shape (starts, 1)."""
    norms = (eta.abs() * inner.norm(dim=2)).sum(dim=1, keepdim=True)
    return budget / norms.clamp(min=budget)


def trained_excess(width, batch, start, *, steps=1500):
    r"""Train one network on 100 samples of the task, and certify how far it is from the optimum.

    Parameters
    ----------
    width : int
        The number of neurons.
    batch : int
        The number of samples of a batch; 0 for all samples.
    start : int
        The seed of the start and of the batches.
    steps : int
        The number of steps.

    Returns
    -------
    dict
        ``above``: the risk minus the certified smallest risk of the class, any width; ``gap``: the
        certificate of the trained network alone.

    Notes
    -----
    The sample has the seed 1. Defined in the chapter Generalization, tested.

    Examples
    --------
    >>> row = trained_excess(1, 0, 0, steps=100)
    >>> 0.01 < row["above"] < row["gap"]
    True
    """
    X, y = draw_task(100, rng=np.random.default_rng(1))
    settings = {"radius": 1.0, "budget": BUDGET}
    best = fit_certified(X, y, **settings, tol=1e-9)
    rng = np.random.default_rng(start)
    (net,) = train_networks(
        X, y, width=width, rng=rng, batch=batch or None, steps=steps, **settings
    )
    found = certify(net, X, y, **settings)
    return {"above": found.risk - best.lower, "gap": found.gap}


STUDY = Study(
    "trained networks beside the certified minimizer",
    trained_excess,
    {"width": [1, 2, 4, 8, 16, 32, 64], "batch": [0, 20], "start": range(20)},
    ["above", "gap"],
)
"""How near trained networks come to the optimum, as they grow wide."""
