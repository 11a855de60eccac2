"""The anatomy of a chapter, checked on its source before it is executed.

Every check takes the notebook read from the source and returns problems in words, so that an author
sees all of them at once.
"""

from __future__ import annotations

import io
import re
import statistics

from nbformat import NotebookNode
from PIL import Image

from book_tools.pictures import stored_figures

SECTIONS = (
    "What the source says",
    "Limits and open questions",
    "Exercises",
    "Summary",
    "Further reading",
)
PART_PAGE = (
    "What you will learn",
    "What you need",
    "How long it takes",
    "The chapters",
    "What you take away",
)
LONGEST_CELL = 25
MEDIAN_CELL = 8
WIDEST_LINE = 88  # characters of shown code: more scroll in a window of 1440 pixels
FEWEST_EXERCISES = 4
INK = 200  # of 255: what is darker is drawn, what is lighter is paper
STATEMENTS = {"prf:theorem", "prf:proposition", "prf:lemma", "prf:corollary"}
DIRECTIVE = re.compile(r"^(?P<fence>`{3,}|:{3,})\{(?P<name>[\w:-]+)\}[ ]*(?P<title>.*)$", re.M)


def prose(notebook: NotebookNode) -> str:
    """Join the text cells."""
    return "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def tags(cell: NotebookNode) -> list[str]:
    """List the tags of a cell."""
    return cell.metadata.get("tags", [])


def figure_options(cell: NotebookNode) -> dict:
    """Return the figure options of a cell, empty when its outputs are no figure."""
    return cell.metadata.get("mystnb", {}).get("figure", {})


def _count_lines(cell: NotebookNode) -> int:
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def frame_problems(notebook: NotebookNode) -> list[str]:
    """Check title, question, goals, prerequisites, reading time and the closing sections."""
    text = prose(notebook)
    problems = []
    titles = re.findall(r"^# (.+)$", text, re.M)
    if len(titles) != 1:
        problems.append(f"expected one title, got {len(titles)}")
    for part in ("**Question.**", "**Prerequisites.**", "**Reading time.**"):
        if part not in text:
            problems.append(f"missing {part}")
    goals = re.search(r"^(:{3,})\{admonition\}[^\n]*\n:class: goals\n(.*?)^\1$", text, re.M | re.S)
    if not goals:
        problems.append("missing the admonition of class goals")
    elif len(re.findall(r"^[-*] ", goals[2], re.M)) != 3:
        problems.append("the goals are three bullets")
    found = re.findall(r"^## (.+)$", text, re.M)
    problems += [f"missing section '{name}'" for name in SECTIONS if name not in found]
    summary = re.search(r"^## Summary\n?(.*?)(?=^## |\Z)", text, re.M | re.S)
    if summary and len(re.findall(r"^[-*] ", summary[1], re.M)) != 3:
        problems.append("the summary is three bullets")
    reading = re.search(r"^## Further reading\n?(.*?)(?=^## |\Z)", text, re.M | re.S)
    if reading and "{cite" not in reading[1]:
        problems.append("further reading cites nothing")
    return problems


def cell_problems(notebook: NotebookNode) -> list[str]:
    """Check that cells are cells, short, and define no algorithm."""
    problems = []
    in_exercises = False
    lengths = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            if "{code-cell}" in cell.source:
                problems.append(f"cell {number}: a code-cell inside a directive is never run")
            for heading in re.findall(r"^## (.+)$", cell.source, re.M):
                in_exercises = heading == "Exercises"
            continue
        length = _count_lines(cell)
        if length > LONGEST_CELL:
            problems.append(f"cell {number}: {length} lines, at most {LONGEST_CELL}")
        if figure_options(cell) or "remove-input" in tags(cell):
            continue
        lengths.append(length)
        widest = max(map(len, cell.source.splitlines()), default=0)
        if widest > WIDEST_LINE and "hide-input" not in tags(cell):
            problems.append(f"cell {number}: a line of {widest} characters, at most {WIDEST_LINE}")
        if not in_exercises and re.search(r"^\s*(def|class) ", cell.source, re.M):
            problems.append(f"cell {number}: defines code that belongs to the library")
    if lengths and statistics.median(lengths) > MEDIAN_CELL:
        problems.append(
            f"median of {statistics.median(lengths)} lines a cell, at most {MEDIAN_CELL}"
        )
    if not any("assert" in cell.source for cell in notebook.cells if cell.cell_type == "code"):
        problems.append("no cell asserts anything")
    return problems


def check_problems(notebook: NotebookNode) -> list[str]:
    """Check that no cell asks nbval to look away: only the output of a slider is ignored."""
    problems = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        ignored = "nbval-ignore-output" in tags(cell)
        if ignored and "slider_figure(" not in cell.source:
            problems.append(f"cell {number}: only a slider's output may be ignored")
        if {"nbval-skip", "nbval-check-output"} & {*tags(cell)}:
            problems.append(f"cell {number}: every cell is run and compared; drop its nbval tag")
        if re.search(r"^\s*#+\s*(NBVAL|PYTEST_VALIDATE)_", cell.source, re.M):
            problems.append(f"cell {number}: a comment tells nbval what to check; drop it")
    return problems


def figure_problems(notebook: NotebookNode) -> list[str]:
    """Check that every figure has a name, a caption, an alt text and its data."""
    problems = []
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    names = []
    for number, cell in enumerate(code):
        options = figure_options(cell)
        where = f"code cell {number}"
        if not options:
            if "plt.show()" in cell.source or "slider_figure(" in cell.source:
                problems.append(f"{where}: draws a figure without mystnb.figure metadata")
            continue
        names.append(options.get("name"))
        for key in ("name", "caption"):
            if not options.get(key):
                problems.append(f"{where}: the figure has no {key}")
        if "slider_figure(" in cell.source:
            if "nbval-ignore-output" not in tags(cell):
                problems.append(f"{where}: tag the slider nbval-ignore-output")
            continue
        if not cell.metadata["mystnb"].get("image", {}).get("alt"):
            problems.append(f"{where}: the figure has no alt text")
        after = code[number + 1] if number + 1 < len(code) else None
        if after is None or "figure_data(" not in after.source or "remove-input" not in tags(after):
            problems.append(
                f"{where}: the next cell offers no data (figure_data, tag remove-input)"
            )
    if len(set(names)) != len(names):
        problems.append("two figures have the same name")
    return problems


def output_problems(executed: NotebookNode) -> list[str]:
    """Check the outputs of an executed notebook: figures are figures, one to a cell."""
    problems = []
    for number, cell in enumerate(executed.cells):
        shown = [out for out in cell.get("outputs", []) if "data" in out]
        drawn = [out for out in shown if any(kind.startswith("image/") for kind in out["data"])]
        if drawn and not figure_options(cell):
            problems.append(f"cell {number}: shows a figure without number, caption and alt text")
        if figure_options(cell) and len(shown) != 1:
            problems.append(f"cell {number}: a figure cell shows one output, got {len(shown)}")
    return problems


def cut_pictures(executed: NotebookNode) -> list[str]:
    """Check that no picture, also of a slider, has ink on its edge: something would be cut off."""
    problems = []
    for number, cell in enumerate(executed.cells):
        for k, picture in enumerate(stored_figures(cell.get("outputs", []))):
            with Image.open(io.BytesIO(picture)) as image:
                grey = image.convert("L")
            width, height = grey.size
            grey.paste(255, (1, 1, width - 1, height - 1))
            if grey.getextrema()[0] < INK:
                problems.append(f"cell {number}: picture {k + 1} is cut off at its edge")
    return problems


def statement_problems(notebook: NotebookNode) -> list[str]:
    """Check that every statement has a label and is followed by a proof, or cites where it is."""
    problems = []
    text = prose(notebook)
    open_statement = None
    for match in DIRECTIVE.finditer(text):
        name = match["name"]
        if name in STATEMENTS:
            if open_statement:
                problems.append(f"'{open_statement}' has no proof")
            body = text[match.end() : text.find("\n" + match["fence"], match.end())]
            if not match["title"].strip():
                problems.append(f"a {name} has no name")
            if ":label:" not in body:
                problems.append(f"'{match['title']}' has no label")
            open_statement = None if "{cite" in body else match["title"].strip() or name
        elif name == "prf:proof":
            body = text[match.end() : match.end() + 80]
            if ":class: dropdown" not in body:
                problems.append(f"the proof after '{open_statement}' is not folded")
            open_statement = None
    if open_statement:
        problems.append(f"'{open_statement}' has no proof")
    return problems


def exercise_problems(notebook: NotebookNode) -> list[str]:
    """Check that there are exercises enough, that each has a solution, and that solutions run."""
    problems = []
    exercises, solutions, executed = [], [], set()
    current = None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            if current:
                executed.add(current)
            continue
        lines = cell.source.splitlines()
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            match = DIRECTIVE.match(line)
            if not match:
                continue
            if match["name"] == "exercise":
                label = re.match(r":label: (\S+)", following)
                exercises.append(label[1] if label else "")
                if not label:
                    problems.append(f"exercise '{match['title']}' has no label")
            elif match["name"] == "solution-start":
                current = match["title"].strip()
                solutions.append(current)
                if ":class: dropdown" not in cell.source.split(line, 1)[1][:60]:
                    problems.append(f"the solution of {current} is not folded")
            elif match["name"] == "solution-end":
                current = None
    if len(exercises) < FEWEST_EXERCISES:
        problems.append(f"{len(exercises)} exercises, at least {FEWEST_EXERCISES}")
    for label in sorted({*exercises} ^ {*solutions}):
        missing = "solution" if label in exercises else "exercise"
        problems.append(f"{label} has no {missing}")
    if len(executed) < FEWEST_EXERCISES - 1:
        problems.append(f"{len(executed)} solutions run code, at least {FEWEST_EXERCISES - 1}")
    return problems


def part_problems(text: str, chapters: list[str]) -> list[str]:
    """Check that the page of a part says what a reader asks first, and names its chapters."""
    problems = [f"missing **{name}**" for name in PART_PAGE if f"**{name}" not in text]
    problems += [f"does not name {name}" for name in chapters if name not in text]
    return problems


def chapter_problems(notebook: NotebookNode) -> list[str]:
    """Run every check on the notebook of a source."""
    checks = (
        frame_problems,
        cell_problems,
        check_problems,
        figure_problems,
        statement_problems,
        exercise_problems,
    )
    return [problem for check in checks for problem in check(notebook)]
