"""What nbval leaves open when it compares a notebook with its stored outputs.

nbval compares texts, tables and errors, but not figures; it passes a notebook that was never run, a
cell that is skipped, and a cell announced as failing that does not fail. Here these are failures.
The file lives in `book/` so that `pytest --nbval book/x.ipynb` loads it.
"""

import base64
import io

import numpy as np
import pytest
from nbval.plugin import IPyNbCell

# Root mean square difference of two figures, in grey levels of 255. Two runs on one machine give
# the same bytes; another BLAS kernel moves single anti-aliased pixels, some hundredths of a level.
# A curve moved by its own width is above one level.
FIGURE_TOLERANCE = 0.5


def stored_figures(outputs):
    """Decode the PNG figures of a list of outputs, in order."""
    return [
        base64.b64decode(output["data"]["image/png"])
        for output in outputs
        if "image/png" in output.get("data", {})
    ]


def pixels(png):
    """Read a PNG as an array of RGBA levels."""
    from PIL import Image

    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGBA"), dtype=float)


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
        rms = float(np.sqrt(np.mean((a - b) ** 2)))
        if rms > FIGURE_TOLERANCE:
            return f"figure {number}: RMS difference {rms:.2f} exceeds {FIGURE_TOLERANCE}"
    return None


def cell_problem(cell, outputs):
    """Say in words what nbval would let pass in an executed cell, or return None."""
    tags = cell.metadata.get("tags", [])
    if "nbval-skip" in tags or "NBVAL_SKIP" in cell.source:
        return "a skipped cell is not checked: run it, or show it as text"
    if cell.execution_count is None:
        return "the stored notebook was never run: make update"
    failed = [output for output in outputs if output.get("output_type") == "error"]
    if "raises-exception" in tags and not failed:
        return "the cell is announced to raise an exception and does not"
    noise = [output for output in outputs if output.get("name") == "stderr"]
    noise += [output for output in cell.outputs if output.get("name") == "stderr"]
    if noise:
        return "the cell writes to stderr: " + noise[0]["text"]
    return figure_problem(stored_figures(cell.outputs), stored_figures(outputs))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Check, after nbval's own comparison, what it does not look at."""
    if not isinstance(item, IPyNbCell):
        return (yield)
    if "nbval-skip" in item.cell.metadata.get("tags", []) or "NBVAL_SKIP" in item.cell.source:
        item.options["skip"] = False
    result = yield
    problem = cell_problem(item.cell, item.test_outputs or [])
    if problem:
        item.raise_cell_error(problem)
    return result
