import base64
import csv
import html
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.display import Rich, figure_data, rounded, slider_figure, table, use_style
from openblackbox.figures import STYLE
from PIL import Image

# --- rounding ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, digits, expected",
    [
        (2 / 3, 4, "0.6667"),
        (2 / 3, 1, "0.7"),
        (123456.0, 4, "123500.0"),
        (9999.96, 4, "10000.0"),
        (-0.00012345678, 3, "-0.000123"),
        (1e-12, 4, "0.0"),
        (1.0004e-12, 4, "1e-12"),
        (np.array([0.5, 1.0004e-12, 1e-12]), 4, "[0.5, 1e-12, 0.0]"),
        (-1e-13, 4, "0.0"),
        (-0.0, 4, "0.0"),
        (12345678, 2, "12345678"),
        (True, 1, "True"),
        (None, 4, "None"),
        ("text", 4, "'text'"),
        (float("nan"), 4, "nan"),
        (float("-inf"), 4, "-inf"),
        (np.float64(0.1), 4, "0.1"),
        (np.float32(0.1), 4, "0.1"),
        (np.int8(7), 4, "7"),
        (np.bool_(False), 4, "False"),
        (1 + 1e-9j, 4, "(1+0j)"),
        (1.23456 - 0.000456j, 3, "(1.23+0j)"),
        (np.complex64(3.14159 + 2j), 3, "(3.14+2j)"),
        (1e-13 + 1e-14j, 4, "0j"),
        (np.array([1 / 3, -1e-16]), 2, "[0.33, 0.0]"),
        (np.array([[1, 2], [3, 4]]), 4, "[[1, 2],\n [3, 4]]"),
        (np.array([1e6, 1e-7]), 4, "[1000000.0, 0.0]"),
        (np.array([1e6, 1e-5]), 4, "[1000000.0, 1e-05]"),
        (np.array([np.inf, 1e-5]), 4, "[inf, 1e-05]"),
        (np.array(2 / 3), 4, "0.6667"),
        ([2 / 3, (1, 2 / 3)], 2, "[0.67, (1, 0.67)]"),
        ({"a": np.ones(2)}, 4, "{'a': [1.0, 1.0]}"),
        (range(3), 4, "[0, 1, 2]"),
        (torch.tensor([2 / 3], dtype=torch.float64, requires_grad=True), 4, "[0.6667]"),
    ],
)
def test_rounded_prints_the_same_everywhere(value, digits, expected):
    assert repr(rounded(value, digits)) == expected


def test_a_stack_of_matrices_prints_one_row_a_line():
    assert repr(rounded(np.arange(8).reshape(2, 2, 2))) == "[[[0, 1], [2, 3]],\n [[4, 5], [6, 7]]]"


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.floats(1e-11, 1e300), st.integers(1, 4), st.booleans())
def test_rounded_is_the_nearest_number_of_that_many_digits(size, digits, negative):
    x = -size if negative else size
    result = rounded(x, digits)
    assert type(result) is float
    assert result == float(f"{x:.{digits - 1}e}")  # the formatter of the C library
    assert rounded(result, digits) == result


def test_digits_by_default_are_four_and_never_more():
    assert rounded(0.123456) == 0.1235
    for digits in (0, 5, -1, 2.0, True, "3"):
        with pytest.raises(ValueError, match=r"digits must be .* 1 to 4, got"):
            rounded(1.0, digits)


def test_tiny_is_a_threshold_in_the_unit_interval():
    assert rounded([0.0501, -0.05], tiny=0.05) == [0.0501, 0.0]
    assert rounded(1e-300, tiny=0) == 1e-300
    for tiny in (-1e-9, 1.0, float("nan"), "a", None):
        with pytest.raises(ValueError, match=r"tiny must be in \[0, 1\)"):
            rounded(1.0, tiny=tiny)


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, np.datetime64("2020-01-01")])
def test_what_cannot_be_rounded_is_named(value):
    with pytest.raises(TypeError, match=r"value must be made of .*, got \w+"):
        rounded(value)


def test_very_large_complex_parts():
    assert rounded(complex(1.23456e308, -1.5e308), 2) == complex(1.2e308, -1.5e308)
    assert repr(rounded(complex(np.inf, 0.12345))) == "(inf+0.1235j)"


# --- tables -----------------------------------------------------------------------------------


def test_table_is_accessible_and_plain():
    shown = table(
        {"width": [2, 16], "ratio <r>": np.array([2 / 3, 2.0]), "ok": [True, None]},
        caption="Ratios & widths.",
        digits=3,
    )
    assert repr(shown).splitlines() == [
        "Ratios & widths.",
        "width  ratio <r>  ok",
        "2      0.667      yes",
        "16     2",
    ]
    page = shown._repr_html_()
    assert re.search(r"<caption[^>]*>Ratios &amp; widths.</caption>", page)
    assert page.count('<th scope="col">') == 3
    assert page.count('<th scope="row">') == 2
    assert '<th scope="col">ratio &lt;r&gt;</th>' in page
    assert "<td>0.667</td><td>yes</td>" in page
    assert 'role="group" aria-label="Ratios &amp; widths." tabindex="0"' in page
    assert "overflow-x:auto" in page


def test_table_keeps_points_that_carry_digits():
    assert repr(table({"x": [10.0, -2.0, 0.5, "1.0.0"]}, caption="c")).split() == [
        *["c", "x"],
        *["10", "-2", "0.5", "1.0.0"],
    ]


def test_what_counts_as_noise_is_the_same_everywhere():
    assert repr(table({"x": [1.0004e-12, 1e-12]}, caption="c")).split() == ["c", "x", "1e-12", "0"]
    assert _file(figure_data("x", {"x": [1.0004e-12, 1e-12]})) == [["x"], ["1e-12"], ["0.0"]]


def test_bad_tables():
    with pytest.raises(ValueError, match=r"equal lengths, got {'a': 1, 'b': 2}"):
        table({"a": [1], "b": [1, 2]}, caption="c")
    with pytest.raises(ValueError, match="caption must be a sentence"):
        table({"a": [1]}, caption=" ")
    with pytest.raises(TypeError, match="columns must be a non-empty mapping"):
        table([[1, 2]], caption="c")
    with pytest.raises(TypeError, match="columns must be a non-empty mapping"):
        table({}, caption="c")
    with pytest.raises(TypeError, match="names in columns must be non-empty strings, got 1"):
        table({1: [1]}, caption="c")
    with pytest.raises(TypeError, match="column 'a' must be a sequence, got str"):
        table({"a": "text"}, caption="c")
    with pytest.raises(ValueError, match=r"column 'a' must be one-dimensional, got shape \(1, 1\)"):
        table({"a": np.ones((1, 1))}, caption="c")
    with pytest.raises(ValueError, match="digits"):
        table({"a": [1]}, caption="c", digits=5)
    with pytest.raises(ValueError, match=r"'a' must be one-dimensional, got an entry \[1, 2\]"):
        table({"a": [[1, 2]]}, caption="c")
    with pytest.raises(ValueError, match="columns must hold at least one row, got none"):
        table({"a": []}, caption="c")


# --- the data of a figure ---------------------------------------------------------------------


def _file(link: Rich) -> list[list[str]]:
    encoded = re.search(r'href="data:text/csv;base64,([^"]+)"', link.html)[1]
    return list(csv.reader(io.StringIO(base64.b64decode(encoded).decode())))


def test_figure_data_holds_the_rounded_numbers():
    link = figure_data("a-curve2", {"x": np.array([0.0, 1 / 3]), "name, unit": ["a,b"], "n": (7,)})
    assert _file(link) == [["x", "name, unit", "n"], ["0.0", "a,b", "7"], ["0.3333", "", ""]]
    assert repr(link) == "Data of this figure (CSV, 2 rows)"
    assert '<a download="a-curve2.csv" href="data:' in link.html
    assert ">Data of this figure (CSV, 2 rows)</a>" in link.html
    assert repr(figure_data("one", {"x": [1]})) == "Data of this figure (CSV, 1 row)"
    assert _file(figure_data("t", {"x": [0.12345, 1e-3]}, digits=2, tiny=0.01))[1:] == [
        ["0.12"],
        ["0.0"],
    ]


def test_figure_data_changes_with_every_digit_that_is_kept():
    assert figure_data("x", {"x": [0.5678]}).html != figure_data("x", {"x": [0.5678 * 1.001]}).html


@pytest.mark.parametrize("name", ["", "A", "a.csv", "a b", "a/b", "-a", None])
def test_figure_data_needs_a_name_for_a_file(name):
    with pytest.raises(ValueError, match="name must be lower-case words joined by hyphens"):
        figure_data(name, {"x": [1]})


def test_figure_data_needs_columns():
    with pytest.raises(TypeError, match="columns must be a non-empty mapping"):
        figure_data("x", {})
    with pytest.raises(ValueError, match="columns must hold at least one row, got none"):
        figure_data("x", {"a": [], "b": ()})
    with pytest.raises(ValueError, match="'b' must be one-dimensional, got an entry"):
        figure_data("x", {"a": [1], "b": [np.ones(2)]})


# --- style ------------------------------------------------------------------------------------


@pytest.fixture
def pyplot():
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    with matplotlib.rc_context():
        # Whatever ran before in this process: use_style changes the parameters for good.
        matplotlib.rcdefaults()
        matplotlib.use("agg")
        yield pyplot
    pyplot.close("all")


def _png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, metadata={"Software": None})
    with Image.open(buffer) as image:
        return buffer.getvalue(), image.info, np.asarray(image.convert("RGBA"), dtype=int)


def test_style_is_opaque_white_at_660_by_408_pixels(pyplot):
    pyplot.rcParams["axes.facecolor"] = "red"  # a personal setting must have no effect
    pyplot.rcParams["lines.linestyle"] = ":"
    use_style()
    figure, ax = pyplot.subplots()
    ax.plot([0, 1], [0, 1])
    first, info, pixels = _png(figure)
    assert pixels.shape == (408, 660, 4)
    assert (pixels[..., 3] == 255).all()
    assert (pixels[0] == 255).all()
    assert (pixels[:3] == 255).all()
    assert set(info) <= {"dpi"}
    assert _png(figure)[0] == first
    assert pyplot.rcParams["lines.linestyle"] == "-"
    numbers = {key: value for key, value in STYLE.items() if not isinstance(value, (str, bool))}
    assert numbers == {
        "figure.figsize": (5.5, 3.4),
        "figure.dpi": 120,
        "savefig.dpi": 120,
        "font.size": 11,
        "axes.titlesize": 11,
        "legend.fontsize": 10,
        "lines.linewidth": 2,
        "lines.markersize": 6,
    }
    assert all(np.array_equal(pyplot.rcParams[key], numbers[key]) for key in numbers)


def _luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_colours_are_those_of_okabe_and_ito_and_visible_on_white(pyplot):
    use_style()
    colours = pyplot.rcParams["axes.prop_cycle"].by_key()["color"]
    assert colours == [
        "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
    ]  # fmt: skip
    assert min(1.05 / (_luminance(c) + 0.05) for c in colours) > 2


def _run(code):
    """Run Python code in a fresh process; return the lines it prints."""
    library = str(Path(__file__).parents[1] / "src" / "lib")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": library},
    )
    return done.stdout.splitlines()


def test_style_in_a_notebook_drops_metadata_and_cropping():
    code = (
        "from IPython.testing.globalipapp import start_ipython\n"
        "shell = start_ipython()\n"
        "from openblackbox.display import use_style\n"
        "use_style()\n"
        "from matplotlib_inline.config import InlineBackend\n"
        "print(InlineBackend.instance(parent=shell).print_figure_kwargs)\n"
    )
    assert _run(code)[-1] == ("{'bbox_inches': None, 'metadata': {'Software': None}}")


def test_matplotlib_is_imported_only_when_it_is_used():
    code = (
        "import sys\n"
        "for name in ('matplotlib', 'IPython', 'torch', 'tqdm', 'distributed'):\n"
        "    sys.modules[name] = None\n"
        "from openblackbox.display import rounded, slider_figure, use_style\n"
        "import openblackbox.drawing, openblackbox.study\n"
        "for f in (use_style, lambda: slider_figure([1], ['a'], ['a'], label='a')):\n"
        "    try:\n"
        "        f()\n"
        "    except ImportError as error:\n"
        "        print(error)\n"
    )
    assert _run(code) == [
        "use_style needs matplotlib: pip install matplotlib",
        "slider_figure needs matplotlib: pip install matplotlib",
    ]


# --- sliders ----------------------------------------------------------------------------------


def _frame(pyplot, height, size=(2, 1)):
    figure, ax = pyplot.subplots(figsize=size)
    ax.plot([0, 1], [0, height])
    ax.set_ylim(0, 3)
    return figure


def _slider(pyplot, **options):
    frames = [_frame(pyplot, 1), lambda: _frame(pyplot, 2)]
    return slider_figure(
        frames, ["low <1>", "high"], ['a "low" line', "a high line"], label="Height & co", **options
    )


def test_slider_is_whole_in_the_page(pyplot):
    use_style()
    page = _slider(pyplot).html
    assert re.findall(r'alt="([^"]*)"', page) == ["a &quot;low&quot; line", "a high line"]
    assert re.findall(r'width="(\d+)" height="(\d+)"', page) == [("240", "120")] * 2
    assert re.findall(r"<img [^>]*display:(\w+)", page) == ["block", "none"]
    images = [base64.b64decode(data) for data in re.findall(r"image/png;base64,([^\"]+)", page)]
    for image, height in zip(images, (1, 2), strict=True):
        with Image.open(io.BytesIO(image)) as frame:
            assert len(frame.getcolors()) <= 64
            shown = np.asarray(frame.convert("RGBA"), dtype=int)
        full = _png(_frame(pyplot, height))
        difference = np.abs(shown - full[2])  # in levels of 255
        assert difference.max() < 40
        assert difference.mean() < 0.5
        assert len(image) < len(full[0]) / 2
    slider = re.search(r"<input[^>]*>", page)[0]
    for attribute in ('type="range"', 'min="0"', 'max="1"', 'step="1"', 'value="0"'):
        assert attribute in slider
    assert 'aria-label="Height &amp; co"' in slider
    assert 'aria-valuetext="low &lt;1&gt;"' in slider
    identifier = re.search(r'id="(slider-[0-9a-f]{12})"', slider)[1]
    assert f'<label for="{identifier}">Height &amp; co</label>' in page
    assert f'<output for="{identifier}">low &lt;1&gt;</output>' in page
    stored = html.unescape(re.search(r'data-slider="([^"]*)"', page)[1])
    assert json.loads(stored) == ["low <1>", "high"]
    assert not re.search(r"(src|href)=\"(?!data:)", page)
    assert "background:#fff" in page
    assert "max-width:240px" in slider


def test_slider_is_the_same_each_time_and_has_its_own_identifier(pyplot):
    assert _slider(pyplot).html == _slider(pyplot).html
    one, two = (re.search(r'id="([^"]+)"', _slider(pyplot, name=n).html)[1] for n in "ab")
    assert one != two


def test_slider_closes_its_figures_and_has_a_text(pyplot):
    assert repr(_slider(pyplot)) == "Height & co (slider with 2 positions: low <1>; high)"
    assert pyplot.get_fignums() == []


def test_bad_sliders(pyplot):
    frame = _frame(pyplot, 1)
    with pytest.raises(ValueError, match="same length, at least 1, got 0, 0 and 0"):
        slider_figure([], [], [], label="a")
    with pytest.raises(ValueError, match="same length, at least 1, got 1, 2 and 1"):
        slider_figure([frame], ["a", "b"], ["a"], label="a")
    with pytest.raises(ValueError, match="alts must be made of non-empty strings, got ' '"):
        slider_figure([frame], ["a"], [" "], label="a")
    with pytest.raises(ValueError, match="label must be made of non-empty strings, got ''"):
        slider_figure([frame], ["a"], ["a"], label="")
    with pytest.raises(TypeError, match="functions that return one, got int"):
        slider_figure([lambda: 3], ["a"], ["a"], label="a")
    with pytest.raises(ValueError, match=r"one size in pixels, got \[\(200, 100\), \(200, 200\)\]"):
        slider_figure([frame, _frame(pyplot, 1, (2, 2))], ["a", "b"], ["a", "b"], label="a")
