"""The anatomy of chapters: the book's pass, and every fault is caught."""

import base64
import io

import nbformat
import pytest
from PIL import Image

from book_tools import BOOK, anatomy
from book_tools.chapters import chapter_sources, read_source

SOUND = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
(chapter-x)=
# Title

**Question.** What?

:::{admonition} In this chapter you will
:class: goals
- one
- two
- three
:::

**Prerequisites.** None. **Reading time.** about 5 minutes.

```{code-cell} ipython3
assert 1 + 1 == 2
```

## A section

```{prf:theorem} Two
:label: thm-two

One and one are two.
```

```{prf:proof}
:class: dropdown
By counting.
```

```{prf:lemma} Of others
:label: lem-others

Proved in {cite}`someone`.
```

```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  figure:
    caption: A figure.
    name: fig-x
  image:
    alt: A figure with a line.
---
plt.show()
```

```{code-cell} ipython3
:tags: [remove-input]

figure_data("x", {"a": [1]})
```

```{code-cell} ipython3
---
tags: [hide-input, nbval-ignore-output]
mystnb:
  figure:
    caption: A slider.
    name: fig-slider
---
slider_figure([], [], [])
```

## What the source says

## Limits and open questions

## Exercises

```{exercise} A
:label: ex-a
What?
```

```{solution-start} ex-a
:class: dropdown
```
Words.

```{code-cell} ipython3
def solution():
    return 1
```
```{solution-end}
```

```{exercise} B
:label: ex-b
What?
```

```{solution-start} ex-b
:class: dropdown
```
```{code-cell} ipython3
2
```
```{solution-end}
```

```{exercise} C
:label: ex-c
What?
```

```{solution-start} ex-c
:class: dropdown
```
```{code-cell} ipython3
3
```
```{solution-end}
```

```{exercise} D
:label: ex-d
What?
```

```{solution-start} ex-d
:class: dropdown
```
Words only.
```{solution-end}
```

## Summary
- one
- two
- three

## Further reading
{cite}`someone`.
"""

FAULTS = {
    "no title": ("# Title\n", "", "one title"),
    "no question": ("**Question.**", "", "Question"),
    "no reading time": ("**Reading time.**", "", "Reading time"),
    "no prerequisites": ("**Prerequisites.**", "", "Prerequisites"),
    "no goals": (":class: goals\n", "", "goals"),
    "two goals": ("- one\n- two\n- three\n:::", "- one\n- two\n:::", "three bullets"),
    "no source": ("## What the source says", "## Else", "What the source says"),
    "no limits": ("## Limits and open questions", "## Else", "Limits"),
    "no citation": ("## Further reading\n{cite}`someone`.", "## Further reading", "cites nothing"),
    "no summary": ("## Summary", "## Else", "Summary"),
    "long summary": ("## Summary\n", "## Summary\n- zero\n", "summary is three"),
    "nested cell": ("Words.\n", "`````{note}\n```{code-cell}\n1\n```\n`````\n", "never run"),
    "long cell": ("assert 1 + 1 == 2", "assert 1 + 1 == 2\n" * 26, "26 lines"),
    "algorithm": ("assert 1 + 1 == 2", "def f():\n    assert True", "belongs to the library"),
    "no assertion": ("assert 1 + 1 == 2", "1 + 1", "asserts"),
    "no caption": ("    caption: A figure.\n", "", "no caption"),
    "no name": ("    name: fig-x\n", "", "no name"),
    "no alt": ("    alt: A figure with a line.\n", "    width: 10\n", "no alt text"),
    "no figure": ("slider_figure(", "plt.show(); (", "ignored"),
    "same name": ("name: fig-slider", "name: fig-x", "same name"),
    "no data": ('figure_data("x", {"a": [1]})', "pass", "no data"),
    "visible data": (":tags: [remove-input]\n\n", "", "no data"),
    "ignored figure": ("tags: [hide-input]\n", "tags: [nbval-ignore-output]\n", "ignored"),
    "ignored text": (
        "```{code-cell} ipython3\nassert",
        "```{code-cell} ipython3\n:tags: [nbval-ignore-output]\n\nassert",
        "only a slider's output",
    ),
    "skipped cell": (
        "```{code-cell} ipython3\nassert",
        "```{code-cell} ipython3\n:tags: [nbval-skip]\n\nassert",
        "drop its nbval tag",
    ),
    "ignored by comment": ("assert 1 + 1", "# NBVAL_IGNORE_OUTPUT\nassert 1 + 1", "drop it"),
    "slider compared": (", nbval-ignore-output]", "]", "nbval-ignore-output"),
    "no proof": ("```{prf:proof}\n:class: dropdown\nBy counting.\n```", "", "'Two' has no proof"),
    "unfolded proof": (":class: dropdown\nBy counting", "By counting", "not folded"),
    "no label": (":label: thm-two\n", "", "no label"),
    "nameless theorem": ("{prf:theorem} Two", "{prf:theorem}", "no name"),
    "last without proof": ("Proved in {cite}`someone`.", "Sure.", "'Of others' has no proof"),
    "no solution": ("{solution-start} ex-b", "{solution-start} ex-a", "ex-b has no solution"),
    "wide line": ("1 + 1 == 2", f"1 + 1 == 2  # {'x' * 68}", "a line of 89 characters, at most 88"),
    "no exercise": ("```{exercise} D\n:label: ex-d\nWhat?\n```", "", "3 exercises"),
    "unfolded solution": ("ex-a\n:class: dropdown", "ex-a", "ex-a is not folded"),
    "idle solutions": ("```{code-cell} ipython3\n3\n```", "3", "2 solutions run code"),
}


def problems_of(text, tmp_path):
    source = tmp_path / "chapter.md"
    source.write_text(text)
    return anatomy.chapter_problems(read_source(source))


@pytest.mark.parametrize("source", chapter_sources(), ids=lambda path: path.stem)
def test_chapter_has_its_anatomy(source):
    assert anatomy.chapter_problems(read_source(source)) == []
    executed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    assert anatomy.output_problems(executed) == []
    assert anatomy.cut_pictures(executed) == []


def test_sound_chapter_has_no_problem(tmp_path):
    assert problems_of(SOUND, tmp_path) == []


def test_a_line_that_just_fits(tmp_path):
    assert problems_of(SOUND.replace("1 + 1 == 2", f"1 + 1 == 2  # {'x' * 67}"), tmp_path) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_caught(fault, tmp_path):
    old, new, message = FAULTS[fault]
    assert old in SOUND
    problems = problems_of(SOUND.replace(old, new, 1), tmp_path)
    assert any(message in problem for problem in problems), problems


def test_long_cells_on_the_whole_are_caught(tmp_path):
    text = SOUND
    for short in ("assert 1 + 1 == 2", "2\n```\n```{sol", "3\n```\n```{sol"):
        assert short in text
        text = text.replace(short, "assert True\n" * 9 + short, 1)
    assert any("median" in problem for problem in problems_of(text, tmp_path))


def _parts():
    return sorted({source.parent for source in chapter_sources()})


@pytest.mark.parametrize("part", _parts(), ids=lambda part: part.name)
def test_part_has_its_page(part):
    chapters = [path.stem for path in chapter_sources() if path.parent == part]
    assert anatomy.part_problems((part / "index.md").read_text(), chapters) == []


@pytest.mark.parametrize("missing", [*anatomy.PART_PAGE, "factorization"])
def test_an_incomplete_part_page_is_caught(missing):
    text = (BOOK / "multitree" / "index.md").read_text()
    problems = anatomy.part_problems(text.replace(missing, "Else"), ["factorization"])
    assert any(missing in problem for problem in problems)


def _shown(*kinds):
    return [nbformat.v4.new_output("display_data", data={kind: "x"}) for kind in kinds]


def test_output_faults_are_caught():
    figure = {"mystnb": {"figure": {"name": "fig-x", "caption": "c"}}}
    plain = nbformat.v4.new_code_cell("plot()", outputs=_shown("image/png"))
    vector = nbformat.v4.new_code_cell("plot()", outputs=_shown("image/svg+xml"))
    double = nbformat.v4.new_code_cell(
        "plot()", metadata=figure, outputs=_shown("image/png", "text/html")
    )
    sound = nbformat.v4.new_code_cell("plot()", metadata=figure, outputs=_shown("image/png"))
    notebook = nbformat.v4.new_notebook(cells=[sound])
    assert anatomy.output_problems(notebook) == []
    notebook = nbformat.v4.new_notebook(cells=[plain, double, vector])
    problems = anatomy.output_problems(notebook)
    assert len(problems) == 3
    assert "without number" in problems[0]
    assert "got 2" in problems[1]
    assert "without number" in problems[2]


@pytest.mark.parametrize("slider", [False, True])
@pytest.mark.parametrize(
    ("ink", "cut"),
    [((10, 5), False), ((1, 1), False), ((0, 5), True), ((39, 5), True), ((9, 0), True),
     ((9, 19), True)],
)  # fmt: skip
def test_a_picture_that_is_cut_off(ink, cut, slider):
    image, file = Image.new("RGB", (40, 20), "white"), io.BytesIO()
    image.putpixel(ink, (0, 0, 120))
    image.save(file, format="png")
    code = base64.b64encode(file.getvalue()).decode()
    data = (
        {"text/html": f'<div class="slider-figure"><img src="data:image/png;base64,{code}"></div>'}
        if slider
        else {"image/png": code}
    )
    cell = nbformat.v4.new_code_cell(
        "plot()", outputs=[nbformat.v4.new_output("display_data", data=data)]
    )
    problems = anatomy.cut_pictures(nbformat.v4.new_notebook(cells=[cell]))
    assert problems == (["cell 0: picture 1 is cut off at its edge"] if cut else [])
