"""Measure the chapters and write the status page: `make status`.

The page says with what the book was checked and what each chapter costs. Its times are a table made
by this command, on the machine it names; no test compares them.
"""

from __future__ import annotations

import resource
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from book_tools import BOOK, ROOT
from book_tools.anatomy import DIRECTIVE, STATEMENTS, figure_options, prose
from book_tools.chapters import chapter_sources, read_source, title_of
from book_tools.files import write_whole
from book_tools.machine import sentence, version
from book_tools.update import execute

PAGE = BOOK / "reference" / "status.md"
PACKAGES = (
    "numpy",
    "scipy",
    "pot",
    "torch",
    "matplotlib",
    "scikit-learn",
    "jupyter-book",
    "sphinx",
    "myst-nb",
    "jupytext",
    "nbval",
    "pytest",
)


@dataclass(frozen=True)
class ChapterStatus:
    """What a chapter holds and what it costs."""

    source: Path
    title: str
    cells: int
    figures: int
    statements: int
    exercises: int
    cpu_seconds: float
    wall_seconds: float


def contents(source: Path) -> dict:
    """Count what a chapter holds."""
    notebook = read_source(source)
    text = prose(notebook)
    names = [match["name"] for match in DIRECTIVE.finditer(text)]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {
        "title": title_of(text),
        "cells": len(code),
        "figures": sum(bool(figure_options(cell)) for cell in code),
        "statements": sum(name in STATEMENTS for name in names),
        "exercises": names.count("exercise"),
    }


def measure(source: Path) -> ChapterStatus:
    """Execute a chapter in a fresh kernel; count CPU time of the kernel, its start included."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    execute(source)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return ChapterStatus(source=source, cpu_seconds=cpu, wall_seconds=wall, **contents(source))


def page(chapters: list[ChapterStatus]) -> str:
    """Write the page as MyST text."""
    rows = [
        f"| [{entry.title}](../{entry.source.relative_to(BOOK).with_suffix('.ipynb')}) "
        f"| {entry.cells} | {entry.figures} | {entry.statements} | {entry.exercises} "
        f"| {entry.cpu_seconds:.1f} | {entry.wall_seconds:.1f} |"
        for entry in chapters
    ]
    versions = [f"| {name} | {version(name)} |" for name in PACKAGES]
    total = sum(entry.cpu_seconds for entry in chapters)
    return "\n".join(
        [
            "# Status",
            "",
            "This page is written by `make status`. It says what the book holds, with what it was",
            "checked, and what its chapters cost to run.",
            "",
            "## Chapters",
            "",
            "CPU time counts the kernel's start and its imports. The budget of a chapter is 30 s.",
            "",
            "| chapter | cells | figures | theorems | exercises | CPU (s) | wall (s) |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *rows,
            f"| **all** | {sum(e.cells for e in chapters)} | {sum(e.figures for e in chapters)} "
            f"| {sum(e.statements for e in chapters)} | {sum(e.exercises for e in chapters)} "
            f"| {total:.1f} | {sum(e.wall_seconds for e in chapters):.1f} |",
            "",
            sentence(),
            "",
            "## Versions",
            "",
            "The full list is `requirements.lock`.",
            "",
            "| package | version |",
            "|---|---|",
            *versions,
            "",
        ]
    )


def main() -> int:
    """Measure every chapter, one after the other, and write the page."""
    chapters = []
    for source in chapter_sources():
        chapters.append(measure(source))
        print(f"{source.relative_to(ROOT)}: {chapters[-1].cpu_seconds:.1f} s of CPU", flush=True)
    write_whole(PAGE, page(chapters))
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
