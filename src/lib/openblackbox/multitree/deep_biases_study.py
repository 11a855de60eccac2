r"""How often a deep network with biases is opened: networks to open, and the study.

The table of the book is made by::

    python -m openblackbox.study openblackbox.multitree.deep_biases_study:STUDY
        --out book/data/deep-biases.csv
"""

import numpy as np

from openblackbox.multitree.deep_biases import recover_deep_biased
from openblackbox.multitree.ranges import bias_alive, useful_with_biases
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.networks import ReLUNetwork
from openblackbox.study import Study

__all__ = ["STUDY", "living_by_bias", "open_biased", "random_biased_network"]


def random_biased_network(supports, size, *, law, rng):
    r"""Draw a network with normal weights and normal biases.

    .. math:: W \sim N(0, 1), \qquad b \sim s\, N(0, 1) \quad \text{or} \quad -s\, |N(0, 1)|

    Parameters
    ----------
    supports : sequence of L boolean arrays
        Where the weights are nonzero, first layer first.
    size : float
        s.
    law : {"any sign", "not positive"}
        With the second, the biases of the hidden levels 2 to L - 1 are of the second form.
    rng : numpy.random.Generator
        Draws weights, then biases.

    Returns
    -------
    ReLUNetwork
        The network.

    Raises
    ------
    ValueError
        If the law is another one.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> rng = np.random.default_rng(0)
    >>> network = random_biased_network(dyadic_supports(3), 2.0, law="not positive", rng=rng)
    >>> [bool((bias <= 0).all()) for bias in network.biases]
    [False, True, False]
    """
    if law not in ("any sign", "not positive"):
        raise ValueError(f"law: expected 'any sign' or 'not positive', got {law!r}")
    weights = [np.where(support, rng.standard_normal(np.shape(support)), 0) for support in supports]
    biases = [size * rng.standard_normal(len(support)) for support in supports]
    if law == "not positive":
        biases[1:-1] = [-np.abs(bias) for bias in biases[1:-1]]
    return ReLUNetwork(weights, biases)


def living_by_bias(network):
    """Count the neurons on activatable paths that are alive only thanks to biases.

    Parameters
    ----------
    network : ReLUNetwork
        A multitree, with biases.

    Returns
    -------
    int
        Their number.

    Raises
    ------
    NotMultitreeError
        If two neurons are joined by two paths of nonzero weights; a ValueError.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> living_by_bias(ReLUNetwork([[[1.0]], [[-2.0]], [[1.0]]], [[0.0], [3.0], [1.0]]))
    1
    """
    levels = zip(useful_with_biases(network), bias_alive(network), strict=True)
    return sum(int((useful & own).sum()) for useful, own in levels)


def open_biased(layers, law, size, seed):
    r"""Open one random dyadic butterfly with biases.

    Parameters
    ----------
    layers : int
        L: a network of :math:`2^L` inputs, neurons a level, and outputs.
    law : str
        Of the biases, see `random_biased_network`.
    size : float
        Of the biases.
    seed : int
        Of the network and of the queries.

    Returns
    -------
    dict
        ``bias_alive``: the neurons on activatable paths that live by their bias; ``agreeing``: of
        400 fresh points those at which the two functions agree; ``evaluations`` and ``products``:
        queries, the 400 of the check not counted.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> counts = open_biased(2, "any sign", 1.0, 0)
    >>> counts["bias_alive"], counts["agreeing"]
    (0, 400)
    """
    rng = np.random.default_rng(seed)
    supports = dyadic_supports(layers)
    network = random_biased_network(supports, size, law=law, rng=rng)
    found = recover_deep_biased(network, supports, rng=rng, checks=400)
    return {
        "bias_alive": living_by_bias(network),
        "agreeing": int(found.agreement.agree.sum()),
        "evaluations": found.queries.evaluations - 400,
        "products": found.queries.jvps + found.queries.vjps,
    }


STUDY = Study(
    "deep biases",
    open_biased,
    {
        "layers": [2, 3, 4, 5],
        "law": ["any sign", "not positive"],
        "size": [0.01, 1.0, 100.0],
        "seed": range(20),
    },
    ["bias_alive", "agreeing", "evaluations", "products"],
)
