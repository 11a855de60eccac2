"""What nbval leaves open when it compares a notebook with its stored outputs.

nbval compares texts, tables and errors, but not figures; it passes a notebook that was never run, a
cell that is skipped, a cell whose output is ignored, and a cell announced as failing that does not
fail. Here these are failures, with one exception: the output of a slider is ignored by nbval, and
its frames and its words are compared here.
The file lives in `book/` so that `pytest --nbval book/x.ipynb` loads it.
"""

import io
import re

import numpy as np
import pytest
from nbval.plugin import IPyNbCell

from book_tools.pictures import FRAME, slider_pages, stored_figures

# Root mean square differences of two figures, in grey levels of 255: of the whole, and of the worst
# block of 16 x 16 pixels. Two runs give the same bytes, also with the other BLAS kernels of
# `make portability`; the tolerances leave room for single anti-aliased pixels. One point of a curve
# moved by 0.1 % of the axis, a third of a pixel, makes a block differ by 3; another digit, by 50.
FIGURE_TOLERANCE = 0.5
BLOCK_TOLERANCE = 2.0
BLOCK = 16

# The identifier of a slider is a hash of its frames.
IDENTIFIER = re.compile(r"slider-[0-9a-f]{12}")


def slider_words(outputs):
    """Return the sliders without their frames: labels, alternative texts, sizes."""
    return [IDENTIFIER.sub("", FRAME.sub("", page)) for page in slider_pages(outputs)]


def pixels(png):
    """Read a PNG as an array of RGBA levels."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGBA"), dtype=float)


def differences(a, b):
    """Return the RMS differences of two images of one size: of the whole, of the worst block."""
    square = ((a - b) ** 2).mean(axis=2)
    rows, columns = (-(-n // BLOCK) for n in square.shape)
    padded = np.zeros((rows * BLOCK, columns * BLOCK))
    padded[: square.shape[0], : square.shape[1]] = square
    blocks = padded.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    return float(np.sqrt(square.mean())), float(np.sqrt(blocks.max()))


def figure_problem(reference, fresh):
    """Say in words how two lists of PNG figures differ, or return None."""
    if len(reference) != len(fresh):
        return f"{len(reference)} figures are stored, the cell draws {len(fresh)}"
    for number, (want, got) in enumerate(zip(reference, fresh, strict=True)):
        if want == got:
            continue
        a, b = pixels(want), pixels(got)
        if a.shape != b.shape:
            return f"figure {number}: stored size {a.shape[:2]}, drawn size {b.shape[:2]}"
        whole, worst = differences(a, b)
        if whole > FIGURE_TOLERANCE:
            return f"figure {number}: RMS difference {whole:.2f} exceeds {FIGURE_TOLERANCE}"
        if worst > BLOCK_TOLERANCE:
            return f"figure {number}: in one place RMS {worst:.2f} exceeds {BLOCK_TOLERANCE}"
    return None


def ignored_problem(reference, fresh):
    """Say in words what else than a slider has an output that nbval ignores, or return None."""
    for outputs in (reference, fresh):
        if not outputs or len(slider_pages(outputs)) != len(outputs):
            return "only the output of a slider may be ignored"
    if slider_words(reference) != slider_words(fresh):
        return "the words or the sizes of the slider differ from what is stored"
    return None


def cell_problem(cell, outputs, options):
    """Say in words what nbval would let pass in an executed cell, or return None.

    `options` are nbval's, read from tags and from comments: skip, check, check_exception.
    """
    if options.get("skip"):
        return "a skipped cell is not checked: run it, or show it as text"
    if cell.execution_count is None:
        return "the stored notebook was never run: make update"
    failed = [output for output in outputs if output.get("output_type") == "error"]
    if options.get("check_exception") and not failed:
        return "the cell is announced to raise an exception and does not"
    noise = [output for output in outputs if output.get("name") == "stderr"]
    noise += [output for output in cell.outputs if output.get("name") == "stderr"]
    if noise:
        return "the cell writes to stderr: " + noise[0]["text"]
    kinds = {kind for output in [*cell.outputs, *outputs] for kind in output.get("data", {})}
    other = sorted(kind for kind in kinds if re.match("image/(?!png$)", kind))
    if other:
        return f"figures are compared as PNG, got {', '.join(other)}"
    if not options.get("check", True):
        problem = ignored_problem(cell.outputs, outputs)
        if problem:
            return problem
    return figure_problem(stored_figures(cell.outputs), stored_figures(outputs))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Check, after nbval's own comparison, what it does not look at."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    options = dict(item.options)
    if not item.parent.compare_outputs:  # pytest --nbval-lax compares no text
        options["check"] = True
    item.options["skip"] = False
    result = yield
    problem = cell_problem(item.cell, item.test_outputs or [], options)
    if problem:
        item.raise_cell_error(problem)
    return result
