"""The one-way pipeline: each gate passes on a sound notebook and catches the fault it is for."""

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from book_tools import BOOK, ROOT
from book_tools.chapters import chapter_sources, is_chapter, read_source, same_cells
from book_tools.update import ChapterError, execute, store
from book_tools.update import main as update_main

SOURCES = chapter_sources()


# --- the book itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_notebook_holds_the_cells_of_its_source(source):
    executed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert same_cells(read_source(source), executed) == []


def test_there_are_chapters_and_no_notebook_without_source():
    assert len(SOURCES) >= 3
    notebooks = {path for path in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert notebooks == {source.with_suffix(".ipynb") for source in SOURCES}


def test_every_page_and_chapter_is_in_the_table_of_contents():
    import yaml

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())

    def files(node):
        if isinstance(node, dict):
            yield from (node[key] for key in ("root", "file") if key in node)
            for value in node.values():
                yield from files(value)
        elif isinstance(node, list):
            for value in node:
                yield from files(value)

    listed = {str(Path(name).with_suffix("")) for name in files(toc)}
    pages = {str(path.relative_to(ROOT).with_suffix("")) for path in BOOK.rglob("*.md")}
    assert listed == pages


# --- same cells: the faults --------------------------------------------------------------------

CHAPTER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
# Title

```{code-cell} ipython3
:tags: [hide-input]

print(1 + 1)
```
"""


@pytest.fixture
def chapter(tmp_path):
    source = tmp_path / "chapter.md"
    source.write_text(CHAPTER)
    return source


def test_page_without_cells_is_no_chapter(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A page\n\nThe word jupytext: alone makes no chapter.\n")
    assert not is_chapter(page)


@pytest.mark.parametrize(
    "old, new, what",
    [
        ("1 + 1", "1 + 2", "source"),
        ("# Title", "# Another", "source"),
        ("hide-input", "hide-cell", "metadata"),
        ("# Title\n", "# Title\n\n```{code-cell} ipython3\npass\n```\n", "cells"),
    ],
)
def test_edited_source_is_told_from_its_notebook(chapter, old, new, what):
    executed = read_source(chapter)
    assert same_cells(read_source(chapter), executed) == []
    chapter.write_text(CHAPTER.replace(old, new))
    problems = same_cells(read_source(chapter), executed)
    assert problems
    assert any(what in problem for problem in problems)


# --- update: whole or not at all ---------------------------------------------------------------


def test_update_refuses_a_chapter_without_anatomy_and_keeps_the_stored_notebook(chapter, capsys):
    target = chapter.with_suffix(".ipynb")
    target.write_text("what was there")
    assert update_main([str(chapter)]) == 1
    assert "missing **Question.**" in capsys.readouterr().err
    assert target.read_text() == "what was there"
    assert sorted(path.name for path in chapter.parent.iterdir()) == ["chapter.ipynb", "chapter.md"]


@pytest.mark.parametrize(
    "code, message",
    [
        ("raise RuntimeError('this cell fails')", "this cell fails"),
        ("import warnings; warnings.warn('noise')", "writes to stderr"),
    ],
)
def test_update_refuses_failing_and_noisy_cells(chapter, monkeypatch, code, message):
    monkeypatch.setattr("book_tools.update.chapter_problems", lambda notebook: [])
    chapter.write_text(CHAPTER.replace("print(1 + 1)", code))
    with pytest.raises(ChapterError, match=message):
        execute(chapter)


def test_update_is_deterministic_and_says_when_nothing_changed(chapter, monkeypatch):
    monkeypatch.setattr("book_tools.update.chapter_problems", lambda notebook: [])
    target = chapter.with_suffix(".ipynb")
    assert store(execute(chapter), target)
    first = target.read_bytes()
    assert b"execution_count" in first
    assert not store(execute(chapter), target)
    assert target.read_bytes() == first


def test_update_names_what_is_no_chapter(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("# A page\n")
    with pytest.raises(SystemExit):
        update_main([str(page), str(tmp_path / "absent.md")])
    message = capsys.readouterr().err
    assert "page.md" in message
    assert "absent.md" in message


# --- nbval with book/conftest.py: every fault is red -------------------------------------------

FIGURE_CODE = """\
import base64
from IPython.display import Image, display
for figure in [{figures}]:
    display(Image(data=base64.b64decode(figure)))
"""


def _png(*, shift=0, size=(120, 160), level=0, dot=255):
    canvas = np.full((*size, 3), 255, dtype=np.uint8)
    canvas[:, 20 + shift : 22 + shift] = level
    canvas[40, 50:53] = dot
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


def _figure_source(*figures):
    return FIGURE_CODE.format(figures=", ".join(repr(figure) for figure in figures))


def _notebook(source, *, outputs=(), tags=(), count=1):
    cell = nbformat.v4.new_code_cell(source, execution_count=count, outputs=list(outputs))
    cell.metadata["tags"] = list(tags)
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    return notebook


def _stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


def _shown(png):
    data = {"image/png": png, "text/plain": "<IPython.core.display.Image object>"}
    return nbformat.v4.new_output("display_data", data=data)


def _slider(*frames, alt="a line", extra=""):
    """Return the source of a cell that shows a slider, and its output."""
    images = "".join(f'<img alt="{alt}" src="data:image/png;base64,{frame}">' for frame in frames)
    number = hashlib.sha256("".join(frames).encode()).hexdigest()[:12]
    page = f'<div class="slider-figure" id="slider-{number}">{images}</div>'
    source = f"from IPython.display import HTML\n{extra}HTML({page!r})"
    return source, nbformat.v4.new_output(
        "execute_result",
        data={"text/html": page, "text/plain": "<IPython.core.display.HTML object>"},
        execution_count=1,
    )


def _slider_notebook(got, want, **options):
    return _notebook(
        _slider(got, BASE, **options)[0],
        outputs=[_slider(want, BASE)[1]],
        tags=["nbval-ignore-output"],
    )


def _jpeg(level):
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), level, dtype=np.uint8)).save(buffer, format="jpeg")
    return base64.b64encode(buffer.getvalue()).decode()


BASE = _png()
SOUND = {
    "sound_text": _notebook("print(2)", outputs=[_stream("2\n")]),
    "sound_figure": _notebook(_figure_source(BASE), outputs=[_shown(BASE)]),
    "sound_antialiasing": _notebook(_figure_source(_png(level=3)), outputs=[_shown(BASE)]),
    "sound_slider": _slider_notebook(_png(level=3), BASE),
    "sound_library": _notebook("import answer\nprint(answer.value())", outputs=[_stream("42\n")]),
    "sound_exception": _notebook(
        "1 / 0",
        tags=["raises-exception"],
        outputs=[
            nbformat.v4.new_output(
                "error", ename="ZeroDivisionError", evalue="division by zero", traceback=[]
            )
        ],
    ),
}
FAULTS = {
    "never_run": _notebook("print(2)", count=None),
    "failing_cell": _notebook("raise RuntimeError('boom')"),
    "failed_assertion": _notebook("assert 1 == 2"),
    "changed_text": _notebook("print(2)", outputs=[_stream("3\n")]),
    "changed_last_digit": _notebook("print(0.3334)", outputs=[_stream("0.3333\n")]),
    "changed_figure": _notebook(_figure_source(_png(shift=2)), outputs=[_shown(BASE)]),
    "figure_changed_in_one_place": _notebook(_figure_source(_png(dot=225)), outputs=[_shown(BASE)]),
    "figure_in_another_form": _notebook(
        "import base64\nfrom IPython.display import Image, display\n"
        f"display(Image(data=base64.b64decode({_jpeg(0)!r}), format='jpeg'))",
        outputs=[
            nbformat.v4.new_output(
                "display_data",
                data={"image/jpeg": _jpeg(9), "text/plain": "<IPython.core.display.Image object>"},
            )
        ],
    ),
    "changed_slider_frame": _slider_notebook(_png(shift=2), BASE),
    "changed_slider_words": _slider_notebook(BASE, BASE, alt="another line"),
    "text_beside_a_slider": _slider_notebook(BASE, BASE, extra="print(1)\n"),
    "ignored_text": _notebook("print(2)", outputs=[_stream("3\n")], tags=["nbval-ignore-output"]),
    "text_ignored_by_comment": _notebook(
        "# NBVAL_IGNORE_OUTPUT\nprint(2)", outputs=[_stream("3\n")]
    ),
    "exception_announced_by_tag": _notebook("pass", tags=["nbval-raises-exception"]),
    "exception_announced_by_comment": _notebook("# NBVAL_RAISES_EXCEPTION\npass"),
    "resized_figure": _notebook(_figure_source(_png(size=(121, 160))), outputs=[_shown(BASE)]),
    "added_figure": _notebook(_figure_source(BASE, BASE), outputs=[_shown(BASE)]),
    "missing_figure": _notebook(_figure_source(), outputs=[_shown(BASE)]),
    "changed_figure_ignored_output": _notebook(
        _figure_source(_png(shift=2)), outputs=[_shown(BASE)], tags=["nbval-ignore-output"]
    ),
    "silent_exception": _notebook("pass", tags=["raises-exception"]),
    "skipped_by_tag": _notebook("1 / 0", tags=["nbval-skip"]),
    "skipped_by_comment": _notebook("# NBVAL_SKIP\n1 / 0"),
    "warning": _notebook("import warnings; warnings.warn('noise')", tags=["nbval-ignore-output"]),
    "stored_warning": _notebook(
        "pass", outputs=[_stream("noise", "stderr")], tags=["nbval-ignore-output"]
    ),
}


def _run_nbval(folder):
    shutil.copy(BOOK / "conftest.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "src")])}
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-rA", "-q"]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", "--color=no", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment)
    passed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("PASSED")}
    failed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("FAILED")}

    def names(entries):
        return {entry.split("::")[0].removesuffix(".ipynb") for entry in entries}

    return names(passed), names(failed), done.stdout


@pytest.fixture(scope="module")
def nbval_outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebooks")
    (folder / "answer.py").write_text("def value():\n    return 42\n")
    for name, notebook in {**SOUND, **FAULTS}.items():
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return _run_nbval(folder)


@pytest.mark.parametrize("name", SOUND)
def test_sound_notebook_passes(nbval_outcome, name):
    passed, failed, output = nbval_outcome
    assert name in passed, output
    assert name not in failed


@pytest.mark.parametrize("name", FAULTS)
def test_faulty_notebook_fails(nbval_outcome, name):
    passed, failed, output = nbval_outcome
    assert name in failed, output
    assert name not in passed


def test_changed_library_with_unchanged_cells_fails(tmp_path):
    nbformat.write(SOUND["sound_library"], tmp_path / "chapter.ipynb")
    (tmp_path / "answer.py").write_text("def value():\n    return 42.042\n")
    _, failed, _ = _run_nbval(tmp_path)
    assert failed == {"chapter"}
