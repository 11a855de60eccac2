r"""Networks of any graph with one hidden layer, from the jumps of the Jacobian along a line.

Where a line crosses the kink of one hidden neuron, the Jacobian jumps by the block of that neuron,
whatever the graph: the paths through the other neurons are the same on both sides.
"""

from dataclasses import dataclass

import numpy as np

from openblackbox.networks import CountingOracle, Queries, ReLUNetwork

__all__ = ["Jumps", "jump_blocks", "network_from_jumps"]


@dataclass(frozen=True)
class Jumps:
    r"""The kinks of a function on a segment, and the jumps of its Jacobian there.

    Parameters
    ----------
    positions : numpy.ndarray, shape (k,)
        The numbers t, increasing, with a kink at start + t (stop - start), 0 < t < 1.
    blocks : numpy.ndarray, shape (k, n_L, n_0)
        Df after the kink minus Df before it.
    unresolved : numpy.ndarray, shape (m, 2)
        Ends of short intervals where more than one kink, or none that is simple, was met.
    start, direction : numpy.ndarray, shape (n_0,)
        The segment: its first point, and its last minus its first point.
    value, jacobian : numpy.ndarray, shapes (n_L,) and (n_L, n_0)
        f and Df at the start.
    queries : Queries
        What was asked.

    Notes
    -----
    Defined in the chapter Beyond: biases, other graphs, open questions.
    """

    positions: np.ndarray
    blocks: np.ndarray
    unresolved: np.ndarray
    start: np.ndarray
    direction: np.ndarray
    value: np.ndarray
    jacobian: np.ndarray
    queries: Queries


def jump_blocks(oracle, start, stop, *, tolerance=1 / 2**36, shortest=1 / 2**30, most=2**14):
    r"""Find the kinks of a piecewise affine function on a segment, and the jumps of Df there.

    .. math:: Df(x + \epsilon d) - Df(x - \epsilon d) = \pm W_2[:, h]\, W_1[h, :]
       \quad \text{for one hidden layer, where only neuron } h \text{ has its kink at } x

    Parameters
    ----------
    oracle : Oracle
        The black box, of any graph and depth. Values and Jacobians are asked.
    start, stop : arrays of shape (n_0,)
        The ends of the segment; not on kinks.
    tolerance : float
        Relative size up to which answers count as equal.
    shortest : float
        Intervals of less than this part of the segment are not divided further.
    most : int
        The number of points at which Jacobians are asked at most.

    Returns
    -------
    Jumps
        Positions and blocks.

    Raises
    ------
    TypeError
        If ``oracle`` is not an `Oracle`.
    ValueError
        If start and stop are no two different finite points of its inputs, or f is not piecewise
        affine with few pieces: more than ``most`` points would be needed.

    Notes
    -----
    An interval whose ends have equal Jacobians, and values that fit, is taken to be free of kinks.
    On another one the two affine functions of the ends meet at one point t if there is a single
    kink; if f goes through it, is the first of them just before and the second just after, the kink
    is accepted, and else the interval is divided.

    An interval that holds several kinks is taken to be free of them only if their blocks add up to
    zero and the values fit, which happens for exceptional networks only.

    Cost: for each kink 3 values and 2 Jacobians, and those of the divisions that separate it
    from the next one.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    References
    ----------
    * N. Carlini, M. Jagielski and I. Mironov, Cryptanalytic extraction of neural network models,
      CRYPTO, 2020. Two affine pieces that are prolonged until they meet.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[1.0], [2.0]], [[3.0, 5.0]]], [[0.0, -1.0], [0.0]])
    >>> jumps = jump_blocks(network, [-1.0], [1.0])
    >>> (2 * jumps.positions - 1).round(6).tolist(), jumps.blocks.ravel().tolist()
    ([0.0, 0.5], [3.0, 10.0])
    """
    ask = CountingOracle(oracle)
    ends = np.array([start, stop], dtype=float)
    if ends.shape != (2, ask.n_inputs) or not np.isfinite(ends).all() or (ends[0] == ends[1]).all():
        raise ValueError(
            f"start, stop: expected two different finite points of shape ({ask.n_inputs},), "
            f"got {start!r} and {stop!r}"
        )
    line = _Line(ask, ends[0], ends[1] - ends[0], tolerance)
    kinks, unresolved = [], []
    todo = [(line.at(0), line.at(1))]
    while todo:
        left, right = todo.pop()
        if len(line.known) > most:
            raise ValueError(
                f"oracle: expected few affine pieces on the segment, {len(line.known)} points did "
                f"not separate them, {len(kinks)} kinks were found"
            )
        if line.affine(left, right):
            continue
        kink = line.kink(left, right)
        if kink is not None:
            kinks.append((kink, right.jacobian - left.jacobian))
        elif right.t - left.t < shortest:
            unresolved.append((left.t, right.t))
        else:
            # Not in the middle: kinks like round numbers.
            middle = line.at((4 * left.t + 3 * right.t) / 7)
            todo += [(middle, right), (left, middle)]
    blocks = [block for _, block in kinks]
    first = line.at(0)
    return Jumps(
        positions=np.array([kink for kink, _ in kinks]),
        blocks=np.array(blocks).reshape(len(kinks), ask.n_outputs, ask.n_inputs),
        unresolved=np.array(unresolved).reshape(-1, 2),
        start=ends[0],
        direction=ends[1] - ends[0],
        value=first.value,
        jacobian=first.jacobian,
        queries=ask.queries,
    )


def network_from_jumps(jumps, *, tolerance=1 / 2**20):
    r"""Build the network with one hidden layer that has these kinks.

    .. math:: f(x) = c + A x + \sum_h v_h\, \mathrm{ReLU}(\langle w_h, x\rangle + b_h), \qquad
       v_h w_h = \text{block } h, \quad \|w_h\| = 1, \quad \langle w_h, d\rangle > 0

    Parameters
    ----------
    jumps : Jumps
        Of a function with one hidden layer, and possibly a skip connection.
    tolerance : float
        Relative size of what may be left of a block beside its part of rank one.

    Returns
    -------
    ReLUNetwork
        The network. The affine part is removed by turning neurons around, if that is possible, and
        is otherwise carried by two more neurons for each unit of its rank, the last ones.

    Raises
    ------
    ValueError
        If some kinks were unresolved, or a block is not of rank one.

    Notes
    -----
    The function is f on the segment and, if f has one hidden layer and every neuron has its kink on
    the segment, everywhere. The direction d of the segment says on which side a neuron is
    drawn: :math:`v\,\mathrm{ReLU}(-z) = v\,\mathrm{ReLU}(z) - v z`, so a neuron drawn the wrong
    way round leaves a linear function.

    Defined in the chapter Beyond: biases, other graphs, open questions.

    Examples
    --------
    >>> from openblackbox.networks import ReLUNetwork
    >>> network = ReLUNetwork([[[1.0], [-2.0]], [[3.0, 5.0]]], [[0.0, 1.0], [7.0]])
    >>> twin = network_from_jumps(jump_blocks(network, [-1.0], [1.0]))
    >>> twin.weights[0].ravel().tolist(), twin.biases[1].round(6).tolist()
    ([1.0, -1.0], [7.0])
    """
    if len(jumps.unresolved):
        raise ValueError(f"jumps: intervals that are unresolved: {len(jumps.unresolved)}")
    left, sizes, right = np.linalg.svd(jumps.blocks, full_matrices=False)
    if (sizes[:, 1:] > tolerance * sizes[:, :1]).any():
        raise ValueError("jumps: a block is not of rank one, more than one neuron jumps there")
    signs = np.where(right[:, 0] @ jumps.direction < 0, -1, 1)[:, None]
    rows = signs * right[:, 0]
    columns = signs * left[:, :, 0] * sizes[:, :1]
    kinks = jumps.start + jumps.positions[:, None] * jumps.direction
    biases = -(rows * kinks).sum(axis=1)
    linear, constant = jumps.jacobian, jumps.value - jumps.jacobian @ jumps.start
    # A neuron that is on before its kink was drawn the wrong way round: it left -v w in A.
    system = jumps.blocks.reshape(len(rows), linear.size).T
    turned = np.linalg.lstsq(system, -linear.ravel(), rcond=None)[0].round() != 0
    rest = linear + np.tensordot(turned.astype(float), jumps.blocks, axes=1)
    if np.abs(rest).max(initial=0) <= tolerance * np.abs(linear).max(initial=0):
        constant = constant + columns[turned].T @ biases[turned]
        flip = np.where(turned, -1, 1)
        rows, biases = flip[:, None] * rows, flip * biases
    else:
        left, sizes, right = np.linalg.svd(linear, full_matrices=False)
        rank = int((sizes > tolerance * sizes.max(initial=0)).sum())
        carried, sent = right[:rank], left[:, :rank] * sizes[:rank]
        rows = np.concatenate([rows, carried, -carried])
        columns = np.concatenate([columns, sent.T, -sent.T])
        biases = np.append(biases, np.zeros(2 * rank))
    if not len(rows):  # a constant: a layer cannot be empty
        rows, columns, biases = np.zeros((1, linear.shape[1])), np.zeros((1, len(linear))), [0.0]
    return ReLUNetwork([rows, columns.T], [biases, constant])


@dataclass(frozen=True)
class _Point:
    """Value and derivatives at start + t direction."""

    t: float
    value: np.ndarray
    jacobian: np.ndarray
    slope: np.ndarray


class _Line:
    """A segment to ask about, point by point."""

    def __init__(self, ask, start, direction, tolerance):
        self.ask, self.start, self.direction, self.tolerance = ask, start, direction, tolerance
        self.size = np.abs(start) + np.abs(direction)
        self.known = {}

    def at(self, t):
        """Ask about a point, once."""
        if t not in self.known:
            x = self.start + t * self.direction
            jacobian = np.asarray(self.ask.jacobian(x))
            self.known[t] = _Point(t, np.asarray(self.ask(x)), jacobian, jacobian @ self.direction)
        return self.known[t]

    def affine(self, left, right):
        """Tell whether one affine function fits both points."""
        scale = max(np.abs(left.jacobian).max(), np.abs(right.jacobian).max())
        if np.abs(right.jacobian - left.jacobian).max() > self.tolerance * scale:
            return False
        error = right.value - left.value - left.slope * (right.t - left.t)
        return bool((np.abs(error) <= self.tolerance * self._sizes(left, right)).all())

    def kink(self, left, right):
        """Return where the two affine functions meet, if f follows them there."""
        bend = right.slope - left.slope
        if not bend.any():
            return None
        gap = (left.value - left.slope * left.t) - (right.value - right.slope * right.t)
        t = float(bend @ gap / (bend @ bend))
        margin = (right.t - left.t) / 2**12
        if not left.t + margin < t < right.t - margin:
            return None
        # Several kinks close to each other cut the corner.
        corner = self.ask(self.start + t * self.direction)
        error = corner - left.value - left.slope * (t - left.t)
        if (np.abs(error) > self.tolerance * self._sizes(left, right)).any():
            return None
        before, after = self.at(t - margin), self.at(t + margin)
        return t if self.affine(left, before) and self.affine(after, right) else None

    def _sizes(self, left, right):
        """Return the size of the terms of the values."""
        return np.abs(left.jacobian) @ self.size + np.abs(left.value) + np.abs(right.value)
