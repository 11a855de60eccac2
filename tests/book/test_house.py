"""Rules of the whole repository: style, size of modules, parts, and what no file may say."""

import ast
import re
import subprocess
import sys

import pytest

from book_tools import ROOT

LIBRARY = ROOT / "src" / "lib" / "openblackbox"
PARTS = ("foundations", "multitree", "meanfield", "pruning", "talks")
LONGEST_MODULE = 320


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_ruff_has_nothing_to_say(command):
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, "."], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted(LIBRARY.rglob("*.py")), ids=lambda path: path.stem)
def test_modules_are_short(path):
    assert len(path.read_text().splitlines()) <= LONGEST_MODULE


def foreign_imports(part, code):
    """List the other parts that a module of a part imports."""
    found = []
    for node in ast.walk(ast.parse(code)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            match = re.match(r"openblackbox\.(\w+)", name)
            if match and match[1] in PARTS and match[1] != part:
                found.append(match[1])
    return found


def test_parts_do_not_import_each_other():
    for part in PARTS:
        for path in (LIBRARY / part).rglob("*.py"):
            assert foreign_imports(part, path.read_text()) == [], path
    for path in LIBRARY.glob("*.py"):
        assert foreign_imports("", path.read_text()) == [], path


def test_a_foreign_import_is_caught():
    code = "from openblackbox.multitree import supports\nimport openblackbox.networks"
    assert foreign_imports("meanfield", code) == ["multitree"]
    assert foreign_imports("multitree", code) == []


def private_words(text):
    """List the addresses and paths that a file of the project may not name."""
    return re.findall(r"/(?:work|root|opt)/\w+|file:///\w+|127\.0\.0\.1:\d+", text)


def _tracked():
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("not a git checkout")
    suffixes = {".md", ".py", ".ipynb", ".yml", ".toml", ".cff", ".lock", ".csv", ".bib", ""}
    return [
        ROOT / name
        for name in listed.stdout.splitlines()
        if (ROOT / name).suffix in suffixes and (ROOT / name).is_file()
    ]


def test_no_file_names_a_path_of_one_machine():
    for path in _tracked():
        assert private_words(path.read_text(encoding="utf-8")) == [], path


def test_a_private_path_is_caught():
    path = "/".join(["", "root", "x"])
    assert private_words(f"see {path}") == [path]
    assert private_words("see https://example.org/roots") == []


def test_the_pages_are_rebuilt_when_what_they_are_made_of_changes():
    database = subprocess.run(
        ["make", "--print-data-base", "--dry-run", "help"], capture_output=True, text=True, cwd=ROOT
    ).stdout
    rule = re.search(r"^_build/html/\.built:(.*)$", database, re.MULTILINE)
    assert rule, "no rule for the pages"
    made_of = set(rule[1].split())
    tables = {str(path.relative_to(ROOT)) for path in ROOT.glob("book/data/*.csv")}
    assert tables
    assert made_of >= tables | {
        *("_config.yml", "_toc.yml", "README.md", "LICENSE", "_build/sources"),
        *("book/claims.yml", "book/references.bib", "book/static/book.css", "book/index.md"),
        *("src/book_tools/sphinx_setup.py", "src/lib/openblackbox/networks.py"),
    }
