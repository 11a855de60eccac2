"""Chapters without their solutions, for a course.

`python -m book_tools.handout book/part/chapter.md ... --to FOLDER`

What is written is a notebook that was not executed; the chapters themselves stay as they are.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import jupytext
import nbformat

from book_tools.files import write_whole

SOLUTION = re.compile(
    r"^```\{solution-start\}.*?^```\{solution-end\}[^\n]*\n```[^\n]*\n", re.DOTALL | re.MULTILINE
)
GATE = re.compile(r"^[`:]{3,}\{solution", re.MULTILINE)


def without_solutions(source: str) -> str:
    """Return the text of a chapter without what stands between the gates of its solutions."""
    text = SOLUTION.sub("", source)
    if GATE.search(text):
        raise ValueError("a solution is not of the form {solution-start} ... {solution-end}")
    return re.sub(r"\n{3,}", "\n\n", text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="book_tools.handout", description=__doc__)
    parser.add_argument("chapters", nargs="+", type=Path, help="sources, as book/part/chapter.md")
    parser.add_argument("--to", type=Path, required=True, help="the folder to write to")
    options = parser.parse_args(arguments)
    for source in options.chapters:
        target = options.to / source.with_suffix(".ipynb").name
        try:
            text = without_solutions(source.read_text(encoding="utf-8"))
        except ValueError as error:
            print(f"{source}: {error}", file=sys.stderr)
            return 1
        write_whole(target, nbformat.writes(jupytext.reads(text, fmt="md:myst")) + "\n")
        print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
