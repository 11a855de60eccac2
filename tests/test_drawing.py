import numpy as np
import pytest
from openblackbox.drawing import draw_network, draw_supports, edge_list

SUPPORTS = [np.array([[1, 0, 1], [0, 2, 0]]), np.array([[True, True]])]


@pytest.fixture
def ax():
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    _, ax = pyplot.subplots()
    yield ax
    pyplot.close("all")


def _segments(ax, **style):
    return [
        tuple(map(tuple, line.get_xydata()))
        for line in ax.lines
        if all(getattr(line, f"get_{key}")() == value for key, value in style.items())
    ]


def test_edge_list_is_the_list_of_nonzero_entries():
    assert edge_list(SUPPORTS) == {
        "level": [0, 0, 0, 1, 1],
        "start": [0, 1, 2, 0, 1],
        "end": [0, 1, 0, 0, 0],
    }
    assert edge_list([np.zeros((2, 2))]) == {"level": [], "start": [], "end": []}


def test_each_edge_is_one_line_between_its_neurons(ax):
    assert draw_network(SUPPORTS, ax=ax) is ax
    assert _segments(ax, linestyle="-", linewidth=1.2) == [
        ((0, 1), (1, 0.5)),
        ((0, 0), (1, -0.5)),
        ((0, -1), (1, 0.5)),
        ((1, 0.5), (2, 0)),
        ((1, -0.5), (2, 0)),
    ]
    discs = [tuple(xy) for group in ax.collections for xy in group.get_offsets()]
    assert discs == [(0, 1), (0, 0), (0, -1), (1, 0.5), (1, -0.5), (2, 0)]
    texts = [text.get_text() for text in ax.texts]
    assert texts == ["0", "1", "2", "0", "0", "1", "1", "0", "2"]
    assert (ax.get_xlim(), ax.get_ylim()) == ((-0.4, 2.4), (-1.6, 2.4))


def test_sizes_of_what_is_drawn(ax):
    draw_network(SUPPORTS, ax=ax, active=[[False, True]])
    assert {float(size) for group in ax.collections for size in group.get_sizes()} == {190}
    assert {float(width) for group in ax.collections for width in group.get_linewidths()} == {1.5}
    assert {text.get_fontsize() for text in ax.texts} == {9, ax.texts[-1].get_fontsize()}
    assert [text.get_position() for text in ax.texts[:3]] == [(0, 1), (0, 0), (0, -1)]
    panel = draw_supports(SUPPORTS[1:], axes=[ax])[0]
    assert {line.get_linewidth() for line in panel.get_xgridlines()} == {0.6}


def test_names_and_no_numbers(ax):
    draw_network(SUPPORTS, ax=ax, level_names=["in", "hidden", "out"], numbers=False)
    assert [text.get_text() for text in ax.texts] == ["in", "hidden", "out"]
    assert [text.get_position() for text in ax.texts] == [(0, 1.75), (1, 1.75), (2, 1.75)]


def test_highlighted_paths_differ_in_colour_and_in_line_style(ax):
    draw_network(SUPPORTS, ax=ax, highlight=[enumerate([2, 0, 0]), [(1, 1), (2, 0)]])
    first = _segments(ax, color="#D55E00", linestyle="-", linewidth=3.5)
    assert first == [((0, -1), (1, 0.5)), ((1, 0.5), (2, 0))]
    assert _segments(ax, color="#009E73", linestyle="--") == [((1, -0.5), (2, 0))]


def test_inactive_neurons_are_hollow_and_their_edges_dotted(ax):
    draw_network(SUPPORTS, ax=ax, active=[[False, True]])
    assert _segments(ax, linestyle=":", linewidth=0.8) == [
        ((0, 1), (1, 0.5)),
        ((0, -1), (1, 0.5)),
        ((1, 0.5), (2, 0)),
    ]
    colours = ax.collections[1].get_facecolors()
    assert (colours[0] == 1).all()
    assert np.allclose(colours[1][:3] * 255, (0, 114, 178))


def test_the_current_axes_are_the_default(ax):
    assert draw_network(SUPPORTS) is ax


def test_panels_show_the_supports_last_layer_first(ax):
    panels = draw_supports(SUPPORTS)
    assert [panel.get_title() for panel in panels] == ["$S_{2}$", "$S_{1}$"]
    for panel, support in zip(panels, SUPPORTS[::-1], strict=True):
        image = panel.images[0].get_array()
        assert image.shape == (*support.shape, 3)
        assert (image[support != 0] == (0, 114, 178)).all()
        assert (image[support == 0] == 255).all()
        assert list(panel.get_xticks()) == [i - 0.5 for i in range(support.shape[1] + 1)]
        assert list(panel.get_yticks()) == [i - 0.5 for i in range(support.shape[0] + 1)]


def test_panels_on_given_axes(ax):
    assert draw_supports(SUPPORTS[:1], axes=[ax], names=["A"]) == [ax]
    assert ax.get_title() == "A"


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda ax: edge_list([]), "at least one layer, got none"),
        (lambda ax: edge_list([[1, 2]]), r"supports\[0\] must be a matrix, got shape \(2,\)"),
        (lambda ax: edge_list([[[1, 1]], [[1, 1]]]), r"supports\[1\] must have 1 columns, got 2"),
        (
            lambda ax: draw_network(SUPPORTS, ax=ax, highlight=[enumerate([0, 1])]),
            "an edge from neuron 0 of level 0 to neuron 1 of level 1",
        ),
        (lambda ax: draw_network(SUPPORTS, ax=ax, highlight=[[(0, 0), (2, 0)]]), "to .* level 2"),
        (lambda ax: draw_network(SUPPORTS, ax=ax, highlight=[[(2, 0), (3, 0)]]), "of level 3"),
        (lambda ax: draw_network(SUPPORTS, ax=ax, highlight=[[(0, 3), (1, 0)]]), "neuron 3"),
        (lambda ax: draw_network([np.ones((0, 2))], ax=ax), r"a matrix, got shape \(0, 2\)"),
        (lambda ax: draw_network([[[np.nan]]], ax=ax), r"supports\[0\] must hold finite numbers"),
        (lambda ax: draw_supports([[["a"]]]), r"supports\[0\] must hold finite numbers"),
        (lambda ax: edge_list([[[1, 0], [1]]]), r"supports\[0\]: expected an array, got "),
        (lambda ax: draw_network(SUPPORTS, ax=ax, highlight=[3]), "paths of two vertices .* got 3"),
        (lambda ax: draw_network(SUPPORTS, ax=ax, highlight=[[0, 0]]), "two vertices"),
        (lambda ax: draw_network(SUPPORTS, ax=ax, highlight=[[(0, 0)]]), "two vertices"),
        (
            lambda ax: draw_network(SUPPORTS, ax=ax, highlight=[[(0, 0.5), (1, 0)]]),
            r"two vertices \(level, neuron\) or more, got \[\(0, 0.5\)",
        ),
        (lambda ax: draw_network(SUPPORTS, ax=ax, active=[]), "active must have 1 entries, got 0"),
        (
            lambda ax: draw_network(SUPPORTS, ax=ax, active=[[True]]),
            r"active\[0\] must have shape \(2,\) and hold booleans, got bool of shape \(1,\)",
        ),
        (
            lambda ax: draw_network(SUPPORTS, ax=ax, active=[["on", "off"]]),
            "and hold booleans, got <U3",
        ),
        (
            lambda ax: draw_network(SUPPORTS, ax=ax, level_names=["a"]),
            "level_names must have 3 entries, got 1",
        ),
        (lambda ax: draw_supports(SUPPORTS, axes=[ax]), "axes must have 2 entries, got 1"),
        (lambda ax: draw_supports(SUPPORTS, names=["a"]), "names must have 2 entries, got 1"),
    ],
)
def test_bad_drawings(ax, call, message):
    with pytest.raises(ValueError, match=message):
        call(ax)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda ax: draw_network(None, ax=ax), "supports: expected a sequence of arrays, got None"),
        (lambda ax: draw_network(SUPPORTS, ax=ax, active=3), "active: expected a sequence"),
        (
            lambda ax: draw_network(SUPPORTS, ax=ax, level_names="abc"),
            "level_names must be a sequence of strings, got 'abc'",
        ),
        (lambda ax: draw_supports(SUPPORTS, names=3), "names must be a sequence of strings, got 3"),
    ],
)
def test_drawings_of_something_else(ax, call, message):
    with pytest.raises(TypeError, match=message):
        call(ax)
