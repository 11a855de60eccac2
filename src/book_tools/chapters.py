"""What a chapter is: a MyST source with cells, and the notebook executed from it."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext
import nbformat

from book_tools import BOOK

FRONT_MATTER = re.compile(r"\A---\n(?P<yaml>.*?)\n---\n", re.DOTALL)


def is_chapter(source: Path) -> bool:
    """Tell a chapter (its front matter names jupytext) from a page without code."""
    match = FRONT_MATTER.match(source.read_text(encoding="utf-8"))
    return bool(match) and "jupytext:" in match["yaml"]


def chapter_sources(book: Path = BOOK) -> list[Path]:
    """List the MyST sources that carry cells, sorted by path."""
    return [path for path in sorted(book.rglob("*.md")) if is_chapter(path)]


def read_source(source: Path) -> nbformat.NotebookNode:
    """Read a MyST source as a notebook without outputs, with cell ids that depend on it alone."""
    notebook = jupytext.read(source, fmt="md:myst")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def title_of(chapter: str) -> str:
    """Return the first heading of a chapter's text."""
    match = re.search(r"^# (.+)$", chapter, re.MULTILINE)
    return match[1].strip() if match else ""


def same_cells(source: nbformat.NotebookNode, executed: nbformat.NotebookNode) -> list[str]:
    """Compare type, text and metadata of all cells; return what differs, in words."""
    problems = []
    if len(source.cells) != len(executed.cells):
        problems.append(
            f"the source has {len(source.cells)} cells, the notebook {len(executed.cells)}"
        )
    for number, (want, got) in enumerate(zip(source.cells, executed.cells, strict=False)):
        for key in ("cell_type", "source", "metadata", "id"):
            if want.get(key) != got.get(key):
                problems.append(f"cell {number}: {key} differs from the source")
    return problems
