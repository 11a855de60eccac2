"""Execute the chapters and store them beside their sources: `make update [CHAPTERS=...]`.

A notebook is written whole or not at all: a cell that fails, or that writes to stderr, leaves the
stored notebook as it was.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from book_tools import ROOT
from book_tools.anatomy import chapter_problems, cut_pictures, output_problems
from book_tools.chapters import chapter_sources, is_chapter, read_source
from book_tools.files import write_whole

CELL_TIMEOUT = 300


class ChapterError(Exception):
    """A chapter cannot be stored: its anatomy is wrong, a cell failed or was noisy."""


def _refuse(source: Path, problems: list[str]) -> None:
    if problems:
        raise ChapterError(f"{source}:\n" + "\n".join(f"  {problem}" for problem in problems))


def execute(source: Path) -> nbformat.NotebookNode:
    """Run a chapter from its source in a fresh kernel, in the folder of the source."""
    notebook = read_source(source)
    _refuse(source, chapter_problems(notebook))
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,  # one output however the kernel cuts what it prints
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(source.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise ChapterError(f"{source}: a cell failed\n{error}") from error
    # The version of Python that ran it is no part of the expected output.
    notebook.metadata["language_info"] = {"name": "python"}
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise ChapterError(f"{source}: cell {number} writes to stderr:\n{output['text']}")
    _refuse(source, output_problems(notebook) + cut_pictures(notebook))
    return notebook


def store(notebook: nbformat.NotebookNode, target: Path) -> bool:
    """Write the notebook whole or not at all; tell whether the stored text changed."""
    return write_whole(target, nbformat.writes(notebook, version=4) + "\n")


def update(source: Path) -> str:
    """Execute one chapter and store it; return a line that says what happened."""
    changed = store(execute(source), source.with_suffix(".ipynb"))
    shown = source.resolve()
    shown = shown.relative_to(ROOT) if shown.is_relative_to(ROOT) else shown
    return f"{shown.with_suffix('.ipynb')}: {'updated' if changed else 'unchanged'}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="book_tools.update", description=__doc__)
    parser.add_argument("chapters", nargs="*", type=Path, help="sources; default: every chapter")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args(arguments)
    sources = options.chapters or chapter_sources()
    wrong = [
        str(path)
        for path in sources
        if path.suffix != ".md" or not path.is_file() or not is_chapter(path)
    ]
    if wrong:
        parser.error(f"expected chapters' .md sources, got {', '.join(wrong)}")
    failed = 0
    with ThreadPoolExecutor(options.jobs) as pool:
        for future in [pool.submit(update, source) for source in sources]:
            try:
                print(future.result(), flush=True)
            except ChapterError as error:
                failed += 1
                print(error, file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
