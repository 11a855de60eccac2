r"""What a chapter shows: rounded numbers, tables, the data of a figure, one figure style.

Every number that is printed goes through ``rounded``, every table through ``table``, and every
figure is drawn in one fixed style and comes with its data. The rounding and the figures live in
modules of their own and are offered here, so that a chapter imports from one place.
"""

from __future__ import annotations

import base64
import csv
import html
import io
import re
from collections.abc import Mapping, Sequence

import numpy as np

from openblackbox.figures import slider_figure, use_style
from openblackbox.rich import Rich
from openblackbox.rounding import MAX_DIGITS, rounded

__all__ = ["Rich", "figure_data", "rounded", "slider_figure", "table", "use_style"]


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _columns(columns, what: str) -> dict[str, list]:
    if not isinstance(columns, Mapping) or not columns:
        raise TypeError(
            f"{what} must be a non-empty mapping from names to columns, got {columns!r}"
        )
    result = {}
    for name, values in columns.items():
        if not isinstance(name, str) or not name.strip():
            raise TypeError(f"the names in {what} must be non-empty strings, got {name!r}")
        if hasattr(values, "detach"):
            values = values.detach().cpu().numpy()
        if isinstance(values, np.ndarray) and values.ndim != 1:
            raise ValueError(f"column {name!r} must be one-dimensional, got shape {values.shape}")
        if isinstance(values, (str, bytes)) or not isinstance(values, (Sequence, np.ndarray)):
            raise TypeError(f"column {name!r} must be a sequence, got {type(values).__name__}")
        result[name] = values if isinstance(values, np.ndarray) else list(values)
        nested = [entry for entry in result[name] if np.ndim(entry) > 0]
        if nested:
            raise ValueError(f"column {name!r} must be one-dimensional, got an entry {nested[0]!r}")
    if not any(len(values) for values in result.values()):
        raise ValueError(f"{what} must hold at least one row, got none")
    return result


def table(columns, *, caption: str, digits: int = MAX_DIGITS, tiny: float = 1e-12) -> Rich:
    """Make a table that is rounded, has a caption, and can be read by a screen reader.

    Parameters
    ----------
    columns : mapping from str to sequence
        The columns by name, of equal lengths. The first column names the rows.
    caption : str
        What the table shows, in a sentence.
    digits, tiny
        As in ``rounded``.

    Returns
    -------
    Rich
        The table in HTML (caption, column and row headers with their scope) and in plain text.
        True and False are shown as yes and no, None as an empty cell.

    Raises
    ------
    ValueError
        If the columns have different lengths or no row, or the caption is empty.
    TypeError
        If ``columns`` is not a mapping from names to sequences.

    Notes
    -----
    Defined in the chapter How to run the book.

    Examples
    --------
    >>> from openblackbox.display import table
    >>> table({"width": [2, 4], "ratio": [1 / 3, 2]}, caption="Ratios by width.")
    Ratios by width.
    width  ratio
    2      0.3333
    4      2
    """
    if not isinstance(caption, str) or not caption.strip():
        raise ValueError(f"caption must be a sentence, got {caption!r}")
    rows = _columns(columns, "columns")
    lengths = {name: len(values) for name, values in rows.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"columns must have equal lengths, got {lengths}")
    cells = {
        name: [_cell(entry) for entry in rounded(values, digits, tiny=tiny)]
        for name, values in rows.items()
    }
    cells = {name: _without_point(entries) for name, entries in cells.items()}
    names, body = list(cells), list(zip(*cells.values(), strict=True))

    def escaped(tag, text):
        return f"<{tag}>{html.escape(text)}</{tag.split()[0]}>"

    head = "".join(escaped('th scope="col"', name) for name in names)
    lines = "".join(
        "<tr>" + escaped('th scope="row"', row[0])
        + "".join(escaped("td", cell) for cell in row[1:]) + "</tr>\n"
        for row in body
    )  # fmt: skip
    # The group is focusable, so that a table wider than a telephone scrolls by keyboard.
    label = html.escape(caption, quote=True)
    page = (
        f'<div role="group" aria-label="{label}" tabindex="0" style="overflow-x:auto">\n'
        f'<table class="table">\n<caption style="caption-side:top">{html.escape(caption)}</caption>'
        f"\n<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}</tbody>\n</table>\n</div>"
    )
    widths = [max(map(len, column)) for column in zip(names, *body, strict=True)]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [names, *body]
    ]
    return Rich(page, "\n".join([caption, *text]))


def _without_point(entries: list[str]) -> list[str]:
    """Write 2.0 as 2: a trailing zero after the point would claim a digit that was not kept."""
    return [re.sub(r"^(-?\d+)\.0$", r"\1", entry) for entry in entries]


def figure_data(name: str, columns, *, digits: int = MAX_DIGITS, tiny: float = 1e-12) -> Rich:
    """Offer the numbers that a figure shows, as a CSV file inside the page.

    Parameters
    ----------
    name : str
        Name of the file without its suffix: lower-case letters, digits and hyphens.
    columns : mapping from str to sequence
        The columns by name. They may have different lengths: a short column is filled with empty
        cells at its end, so several curves with their own abscissae fit in one file.
    digits, tiny
        As in ``rounded``.

    Returns
    -------
    Rich
        A link that downloads the file without any server. Let it be the last value of a cell of
        its own, right after the figure's: myst-nb makes one figure of every rich output of a cell
        that has a caption.

    Raises
    ------
    ValueError
        If ``name`` has another form, a column is not one-dimensional, or there is no row.
    TypeError
        If ``columns`` is not a mapping from names to sequences.

    Notes
    -----
    The link holds the file itself (a data address), so a check of the stored output is a check of
    every number of the figure. Defined in the chapter How to run the book.

    Examples
    --------
    >>> from openblackbox.display import figure_data
    >>> figure_data("squares", {"x": [1, 2, 3], "square": [1, 4]})
    Data of this figure (CSV, 3 rows)
    """
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name):
        raise ValueError(f"name must be lower-case words joined by hyphens, got {name!r}")
    cells = {
        key: ["" if entry is None else str(entry) for entry in rounded(values, digits, tiny=tiny)]
        for key, values in _columns(columns, "columns").items()
    }
    n_rows = max(map(len, cells.values()))
    padded = [column + [""] * (n_rows - len(column)) for column in cells.values()]
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([list(cells), *zip(*padded, strict=True)])
    encoded = base64.b64encode(file.getvalue().encode()).decode()
    text = f"Data of this figure (CSV, {n_rows} row{'s' if n_rows != 1 else ''})"
    link = f'<a download="{name}.csv" href="data:text/csv;base64,{encoded}">{text}</a>'
    return Rich(f'<p class="figure-data">{link}</p>', text)
