"""The gates of the claims ledger: claims, tests and chapters name each other and agree.

A gate takes what it checks as arguments and returns the problems it finds, as a list of sentences:
each gate is tested on the fault it must catch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from book_tools import BOOK, ROOT
from book_tools.claims import DISPROVED, UNTESTED, Ledger

TESTS = ROOT / "tests"
SOURCE_SECTION = "## What the source says"


@dataclass(frozen=True)
class Mark:
    """A test that names claims: where it is and whether it runs their counterexample."""

    test: str
    claims: tuple[str, ...]
    counterexample: bool = False
    problems: tuple[str, ...] = ()


def _is_claim_mark(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "claim"
        and isinstance(node.func.value, ast.Attribute)
        and node.func.value.attr == "mark"
    )


def _checks_something(test: ast.AST) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name == "raises" or name.startswith(("assert_", "check_")):
                return True
    return False


def _is_skipped(test: ast.AST) -> bool:
    marks = [
        node.attr
        for decorator in test.decorator_list
        for node in ast.walk(decorator)
        if isinstance(node, ast.Attribute)
    ]
    return bool({"skip", "skipif", "xfail"} & set(marks))


def _read_mark(call: ast.Call, test: str, node: ast.AST) -> Mark:
    problems = []
    names = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    if not names or len(names) != len(call.args) or not all(isinstance(n, str) for n in names):
        problems.append(f"{test}: claim() takes the ids of claims as literal strings")
        names = [name for name in names if isinstance(name, str)]
    options = {keyword.arg: keyword.value for keyword in call.keywords}
    flag = options.pop("counterexample", ast.Constant(False))
    if options or not isinstance(flag, ast.Constant) or not isinstance(flag.value, bool):
        problems.append(f"{test}: the one option of claim() is counterexample=True")
    if not node.name.lower().startswith("test"):
        problems.append(f"{test}: claim() marks a function or class that is not a test")
    if not _checks_something(node):
        problems.append(f"{test}: claim() marks a test that asserts nothing")
    if _is_skipped(node):
        problems.append(f"{test}: claim() marks a test that may be skipped or may fail")
    counterexample = bool(getattr(flag, "value", False))
    return Mark(test, tuple(names), counterexample, tuple(problems))


def marks_in(source: str, path: str) -> list[Mark]:
    """Find the claims that the tests of one module name, by reading the module, not running it."""
    tree = ast.parse(source, path)
    marks, decorators = [], set()

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                name = f"{prefix}::{child.name}"
                for decorator in child.decorator_list:
                    if _is_claim_mark(decorator):
                        decorators.add(id(decorator))
                        marks.append(_read_mark(decorator, name, child))
            visit(child, name)

    visit(tree, path)
    stray = [
        f"{path}, line {node.lineno}: claim() must decorate a test"
        for node in ast.walk(tree)
        if _is_claim_mark(node) and id(node) not in decorators
    ]
    return [*marks, Mark(path, (), problems=tuple(stray))] if stray else marks


def collect_marks(tests: Path = TESTS, root: Path = ROOT) -> list[Mark]:
    """Find the claims that the tests name, in all modules below a folder."""
    marks = []
    for path in sorted(tests.rglob("test_*.py")):
        shown = path.relative_to(root).as_posix()
        marks += marks_in(path.read_text(encoding="utf-8"), shown)
    return marks


def labels_in(chapter: str) -> dict[str, str]:
    """Map each label of a chapter to its kind: `target` for `(label)=`, else the directive."""
    labels = dict.fromkeys(re.findall(r"^\(([\w-]+)\)=\s*$", chapter, re.MULTILINE), "target")
    for match in re.finditer(
        r"^[`:]{3,}\{(?P<kind>[\w:-]+)\}[^\n]*\n(?:(?::[^\n]*)?\n)*?:label: (?P<label>[\w-]+)\s*$",
        chapter,
        re.MULTILINE,
    ):
        labels[match["label"]] = match["kind"]
    return labels


def source_rows(chapter: str) -> list[list[str]]:
    """Return the rows, as lists of cells, of the table of "What the source says"."""
    _, _, rest = chapter.partition(f"\n{SOURCE_SECTION}")
    section = re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    # A bar inside $...$ or escaped is no cell boundary.
    rows = []
    for line in section.splitlines():
        if line.strip().startswith("|"):
            hidden = re.sub(r"\$[^$]*\$", lambda m: m[0].replace("|", "\0"), line.strip())
            hidden = hidden.replace(r"\|", "\0")
            rows.append([c.strip().replace("\0", "|") for c in hidden.strip("|").split("|")])
    return [row for row in rows if not all(set(cell) <= set("-: ") for cell in row)][1:]


def read_chapters(book: Path = BOOK) -> dict[str, str]:
    """Read the sources of the parts, by name without suffix: `book/<part>/<chapter>`."""
    root = book.parent
    return {
        path.relative_to(root).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(book.glob("*/*.md"))
        if path.parent.name != "reference"
    }


def gate_tests(ledger: Ledger, marks: Iterable[Mark]) -> list[str]:
    """Check that claims and tests name each other."""
    marks = list(marks)
    problems = [problem for mark in marks for problem in mark.problems]
    tested = {name for mark in marks for name in mark.claims}
    countered = {name for mark in marks if mark.counterexample for name in mark.claims}
    for mark in marks:
        for name in mark.claims:
            if name not in ledger.claims:
                problems.append(f"{mark.test}: {name} is no claim of the ledger")
            elif mark.counterexample and ledger.claims[name]["verdict"] not in DISPROVED:
                problems.append(
                    f"{mark.test}: {name} is {ledger.claims[name]['verdict']}, "
                    "it has no counterexample"
                )
    for name, claim in ledger.claims.items():
        if claim["verdict"] not in UNTESTED and name not in tested:
            problems.append(f"{name} is {claim['verdict']} and no test is marked with it")
        if claim["verdict"] in DISPROVED and name not in countered:
            problems.append(
                f"{name} is {claim['verdict']} and no test runs its counterexample "
                f'(@pytest.mark.claim("{name}", counterexample=True))'
            )
    return problems


def gate_chapters(ledger: Ledger, chapters: Mapping[str, str]) -> list[str]:
    """Check that the ledger and the chapters' tables say the same, and that labels exist."""
    problems = []
    listed: dict[str, set[str]] = {}
    for chapter, text in chapters.items():
        listed[chapter] = set()
        for row in source_rows(text):
            found = re.fullmatch(r"\[([A-Z]{2}-\d{2})\]\(#claim-([a-z]{2}-\d{2})\)", row[0])
            if not found or found[1].lower() != found[2] or len(row) < 4:
                problems.append(
                    f"{chapter}: expected a row | [SL-09](#claim-sl-09) | statement | verdict | "
                    f"where |, got | {' | '.join(row)} |"
                )
                continue
            name = found[1]
            listed[chapter].add(name)
            if name not in ledger.claims:
                problems.append(f"{chapter}: {name} is no claim of the ledger")
                continue
            claim = ledger.claims[name]
            words = re.findall(r"\w+", row[2])
            if words[:1] != [claim["verdict"]]:
                problems.append(
                    f"{chapter}: {name} is {claim['verdict']} in the ledger, here {row[2]!r}"
                )
            if ("transcription" in words) != ("transcription" in claim):
                problems.append(f"{chapter}: {name}: the word transcription must match the ledger")
        for used in sorted(set(re.findall(r"#claim-([a-z]{2}-\d{2})\b", text))):
            if used.upper() not in ledger.claims:
                problems.append(f"{chapter}: links to {used.upper()}, which is no claim")
    for name, claim in ledger.claims.items():
        home, _, label = claim["chapter"].partition("#")
        if home not in chapters:
            problems.append(f"{name}: there is no chapter {home}")
            continue
        if name not in listed[home]:
            problems.append(f'{name}: {home} does not list it under "What the source says"')
        if label not in labels_in(chapters[home]):
            problems.append(f"{name}: {home} has no label {label}")
    return problems
