r"""Drawings of layered networks: the graph, level by level, and the supports as panels.

The order of layers is first layer first: ``supports[l]`` has shape (n_{l+1}, n_l), and its entry
(i, j) is the edge from neuron j of level l to neuron i of level l + 1. Level 0 holds the inputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from openblackbox.optional import needed_by
from openblackbox.oracles import as_arrays

__all__ = ["draw_network", "draw_supports", "edge_list"]

EDGE = "#999999"
NODE = "#0072B2"
HIGHLIGHTS = ("#D55E00", "#009E73", "#CC79A7", "#E69F00")
LINE_STYLES = ("-", "--", "-.", ":")


def _checked(supports) -> list[np.ndarray]:
    arrays = as_arrays("supports", supports)
    if not arrays:
        raise ValueError("supports must hold at least one layer, got none")
    for layer, array in enumerate(arrays):
        if array.ndim != 2 or 0 in array.shape:
            raise ValueError(f"supports[{layer}] must be a matrix, got shape {array.shape}")
        if array.dtype.kind not in "fiubc" or not np.isfinite(array).all():
            raise ValueError(f"supports[{layer}] must hold finite numbers or booleans")
        if layer and array.shape[1] != arrays[layer - 1].shape[0]:
            raise ValueError(
                f"supports[{layer}] must have {arrays[layer - 1].shape[0]} columns, "
                f"got {array.shape[1]}"
            )
    return [array != 0 for array in arrays]


def edge_list(supports) -> dict[str, list[int]]:
    """List the edges of a layered network, as columns for a table or the data of a figure.

    Parameters
    ----------
    supports : sequence of arrays
        The supports, or the weights, first layer first.

    Returns
    -------
    dict from str to list of int
        Columns ``level`` (of the start of the edge), ``start`` and ``end``, sorted.

    Raises
    ------
    ValueError
        If the shapes are not those of the layers of a network.

    Notes
    -----
    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> from openblackbox.drawing import edge_list
    >>> edge_list([[[1, 0], [1, 1]]])
    {'level': [0, 0, 0], 'start': [0, 0, 1], 'end': [0, 1, 1]}
    """
    edges = [
        (level, int(start), int(end))
        for level, support in enumerate(_checked(supports))
        for start, end in np.argwhere(support.T)
    ]
    return {
        name: [edge[position] for edge in edges]
        for position, name in enumerate(("level", "start", "end"))
    }


def _heights(width: int) -> np.ndarray:
    """Place neurons one unit apart, number 0 on top, the middle of the level at height 0."""
    return (width - 1) / 2 - np.arange(width)


def draw_network(
    supports,
    *,
    ax=None,
    highlight: Sequence = (),
    active: Sequence | None = None,
    level_names: Sequence[str] | None = None,
    numbers: bool = True,
):
    """Draw a layered network as a graph: levels from left to right, neuron 0 on top.

    Parameters
    ----------
    supports : sequence of L arrays
        The supports, or the weights, first layer first.
    ax : matplotlib axes, optional
        Where to draw; by default the current axes.
    highlight : sequence of paths
        Paths to draw thick, each in its own colour and line style. A path is a sequence of vertices
        (level, neuron): ``enumerate(path, start_level)`` makes one of the neurons met.
    active : sequence of L - 1 boolean arrays, optional
        For each hidden level, which neurons are active: inactive ones are drawn hollow, and their
        edges dotted.
    level_names : sequence of L + 1 str, optional
        Written above the levels; by default their numbers.
    numbers : bool
        Write the number of each neuron into its disc.

    Returns
    -------
    matplotlib axes
        The axes that were drawn on.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or a highlighted path uses an edge that is
        not in the supports.
    ImportError
        If matplotlib is not installed.

    Notes
    -----
    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from openblackbox.drawing import draw_network
    >>> figure, ax = pyplot.subplots()
    >>> drawn = draw_network([[[1], [1]], [[1, 1]]], ax=ax, highlight=[enumerate([0, 1, 0])])
    >>> len(drawn.lines)  # 4 edges, and 2 more that are highlighted
    6
    >>> pyplot.close(figure)
    """
    with needed_by("draw_network", "matplotlib"):
        from matplotlib import pyplot
    supports = _checked(supports)
    widths = [supports[0].shape[1], *(len(support) for support in supports)]
    on = _activity(active, widths)
    names = [str(level) for level in range(len(widths))] if level_names is None else level_names
    names = _texts("level_names", names, len(widths))
    ax = pyplot.gca() if ax is None else ax
    heights = [_heights(width) for width in widths]
    for level, start, end in zip(*edge_list(supports).values(), strict=True):
        live = on[level][start] and on[level + 1][end]
        ax.plot(
            [level, level + 1],
            [heights[level][start], heights[level + 1][end]],
            color=EDGE,
            linewidth=1.2 if live else 0.8,
            linestyle="-" if live else ":",
            zorder=1,
        )
    for number, path in enumerate(highlight):
        _draw_path(ax, _vertices(path), supports, heights, number)
    for level, width in enumerate(widths):
        ax.scatter(
            [level] * width,
            heights[level],
            s=190,
            zorder=3,
            edgecolors=NODE,
            linewidths=1.5,
            c=[NODE if live else "white" for live in on[level]],
        )
        if numbers:
            for neuron, live in enumerate(on[level]):
                ax.text(
                    level,
                    heights[level][neuron],
                    str(neuron),
                    color="white" if live else NODE,
                    fontsize=9,
                    ha="center",
                    va="center_baseline",
                    zorder=4,
                )
        ax.text(level, max(widths) / 2 + 0.25, names[level], ha="center", va="bottom")
    ax.set_xlim(-0.4, len(supports) + 0.4)
    ax.set_ylim(-max(widths) / 2 - 0.1, max(widths) / 2 + 0.9)
    ax.set_axis_off()
    return ax


def _texts(name, texts, length) -> list[str]:
    """Return a sequence of strings of a given length as a list, or raise."""
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise TypeError(f"{name} must be a sequence of strings, got {texts!r}")
    if len(texts) != length:
        raise ValueError(f"{name} must have {length} entries, got {len(texts)}")
    return list(texts)


def _activity(active, widths) -> list[np.ndarray]:
    on = [np.ones(width, dtype=bool) for width in widths]
    if active is not None:
        active = as_arrays("active", active)
        if len(active) != len(widths) - 2:
            raise ValueError(f"active must have {len(widths) - 2} entries, got {len(active)}")
        for level, mask in enumerate(active, start=1):
            if mask.shape != (widths[level],) or mask.dtype.kind not in "biu":
                raise ValueError(
                    f"active[{level - 1}] must have shape ({widths[level]},) and hold booleans, "
                    f"got {mask.dtype} of shape {mask.shape}"
                )
            on[level] = mask.astype(bool)
    return on


def _vertices(path) -> list[tuple[int, int]]:
    """Return a highlighted path as pairs of integers, at least two, or raise."""
    vertices = list(path) if hasattr(path, "__iter__") else []
    if len(vertices) < 2 or any(
        np.shape(vertex) != (2,) or np.asarray(vertex).dtype.kind not in "iu" for vertex in vertices
    ):
        shown = vertices or path
        raise ValueError(
            f"highlight must hold paths of two vertices (level, neuron) or more, got {shown!r}"
        )
    return vertices


def _draw_path(ax, path, supports, heights, number) -> None:
    for (level, start), (next_level, end) in itertools.pairwise(path):
        inside = 0 <= level < len(supports) and next_level == level + 1
        if inside:
            rows, columns = supports[level].shape
            inside = 0 <= start < columns and 0 <= end < rows and supports[level][end, start]
        if not inside:
            raise ValueError(
                "highlight must use edges of the supports, got an edge from neuron "
                f"{start} of level {level} to neuron {end} of level {next_level}"
            )
        ax.plot(
            [level, next_level],
            [heights[level][start], heights[next_level][end]],
            color=HIGHLIGHTS[number % len(HIGHLIGHTS)],
            linestyle=LINE_STYLES[number % len(LINE_STYLES)],
            linewidth=3.5,
            zorder=2,
        )


def draw_supports(supports, *, axes=None, names: Sequence[str] | None = None):
    r"""Draw supports as panels, in the order in which the product is written: last layer first.

    Parameters
    ----------
    supports : sequence of L arrays
        The supports, or the weights, first layer first.
    axes : sequence of L matplotlib axes, optional
        Where to draw, from left to right; by default a new row of panels.
    names : sequence of L str, optional
        Titles, first layer first; by default :math:`S_1, \dots, S_L`.

    Returns
    -------
    list of matplotlib axes
        The panels, from left to right.

    Raises
    ------
    ValueError
        If shapes or lengths do not fit.
    ImportError
        If matplotlib is not installed.

    Notes
    -----
    Defined in the chapter Multitree perceptrons.

    Examples
    --------
    >>> from matplotlib import pyplot
    >>> from openblackbox.drawing import draw_supports
    >>> panels = draw_supports([[[1, 0], [1, 1]], [[1, 1]]])
    >>> [panel.get_title() for panel in panels]
    ['$S_{2}$', '$S_{1}$']
    >>> pyplot.close()
    """
    with needed_by("draw_supports", "matplotlib"):
        from matplotlib import pyplot
    supports = _checked(supports)
    n_layers = len(supports)
    if names is None:
        names = [f"$S_{{{layer}}}$" for layer in range(1, n_layers + 1)]
    if axes is None:
        widths = [support.shape[1] for support in supports[::-1]]
        _, axes = pyplot.subplots(1, n_layers, squeeze=False, width_ratios=widths)
    names = _texts("names", names, n_layers)
    panels = list(np.asarray(axes, dtype=object).ravel())
    if len(panels) != n_layers:
        raise ValueError(f"axes must have {n_layers} entries, got {len(panels)}")
    for panel, support, name in zip(panels, supports[::-1], names[::-1], strict=True):
        rows, columns = support.shape
        colours = np.where(support[..., None], (0, 114, 178), (255, 255, 255)).astype(np.uint8)
        panel.imshow(colours, interpolation="nearest", aspect="equal")
        panel.set_xticks(np.arange(columns + 1) - 0.5, labels=[])
        panel.set_yticks(np.arange(rows + 1) - 0.5, labels=[])
        panel.grid(color="#DDDDDD", linewidth=0.6)
        panel.tick_params(length=0)
        panel.set_axisbelow(False)
        for spine in panel.spines.values():
            spine.set_visible(True)
        panel.set_title(name)
    return panels
