"""A reader who downloads one notebook runs it outside the repository after one pip line."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile

import nbformat
import pytest

from book_tools import BOOK, HTML, ROOT
from book_tools.chapters import chapter_sources

WHEELS = HTML / "downloads"


@pytest.fixture(scope="module")
def wheel():
    found = sorted(WHEELS.glob("openblackbox-*.whl"))
    assert len(found) == 1, "the pages carry one wheel: make book"
    return found[0]


def test_wheel_holds_the_library_and_its_tables(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    library = ROOT / "src" / "lib"
    modules = [str(path.relative_to(library)) for path in library.rglob("openblackbox/**/*.py")]
    assert [module for module in modules if module not in names] == []
    tables = {path.name for path in (BOOK / "data").glob("*.csv")}
    assert {name.rsplit("/", 1)[1] for name in names if name.endswith(".csv")} == tables


def test_pages_carry_the_executed_notebooks():
    for source in chapter_sources():
        name = source.relative_to(ROOT).with_suffix(".ipynb")
        published = HTML / "_sources" / name
        assert published.read_bytes() == (ROOT / name).read_bytes()


@pytest.fixture(scope="module")
def elsewhere(wheel, tmp_path_factory):
    """Install the wheel in an environment that sees the other packages, but not the repository."""
    folder = tmp_path_factory.mktemp("elsewhere")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
        + ["--disable-pip-version-check", str(wheel)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    # What the pip line would download besides: taken from the environment of the tests.
    paths = {"base": str(folder / "env"), "platbase": str(folder / "env")}
    site = sysconfig.get_path("purelib", vars=paths)
    with open(os.path.join(site, "packages.pth"), "w") as stream:
        stream.write(sysconfig.get_path("purelib") + "\n")
    return folder, python


def run_notebook(notebook, folder, python):
    """Run the code cells of a notebook in one process of another environment."""
    code = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    script = folder / "notebook.py"
    script.write_text("import matplotlib\nmatplotlib.use('agg')\n" + code)
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONPATH", "VIRTUAL_ENV"} and not name.startswith("PYTEST")
    }
    return subprocess.run(
        [str(python), "-I", str(script)],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
    )


def test_the_installed_library_is_not_the_repository(elsewhere):
    folder, python = elsewhere
    code = "import openblackbox, json; print(json.dumps(openblackbox.__file__))"
    done = subprocess.run(
        [str(python), "-I", "-c", code], capture_output=True, text=True, cwd=folder
    )
    assert json.loads(done.stdout).startswith(str(folder)), done.stderr


@pytest.mark.parametrize("source", chapter_sources(), ids=lambda path: path.stem)
def test_downloaded_notebook_runs_elsewhere(source, elsewhere):
    folder, python = elsewhere
    published = HTML / "_sources" / source.relative_to(ROOT).with_suffix(".ipynb")
    done = run_notebook(nbformat.read(published, as_version=4), folder, python)
    assert done.returncode == 0, done.stderr


def test_a_notebook_that_needs_the_repository_fails_elsewhere(elsewhere):
    folder, python = elsewhere
    cell = nbformat.v4.new_code_cell("open('../data/shallow-queries.csv')")
    done = run_notebook(nbformat.v4.new_notebook(cells=[cell]), folder, python)
    assert "FileNotFoundError" in done.stderr
