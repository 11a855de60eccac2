"""The reference pages and the files at the root: bibliography, glossary, citation, links, commands.

Each gate is first shown the fault it must catch, then the repository.
"""

import itertools
import json
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml
from pybtex.database import BibliographyDataError, parse_string

from book_tools import BOOK, ROOT
from book_tools.handout import main as handout
from book_tools.handout import without_solutions

FENCE = re.compile(r"^(```+|~~~+).*?^\1\s*$", re.DOTALL | re.MULTILINE)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


# --- citations

FIELDS = {
    "article": {"author", "title", "journal", "year"},
    "inproceedings": {"author", "title", "booktitle", "year"},
    "book": {"author", "title", "publisher", "year"},
    "phdthesis": {"author", "title", "school", "year"},
    "misc": {"author", "title", "year", "note"},
}


def bibliography_problems(text):
    """Check that the entries parse, have distinct keys and have what their type needs."""
    try:
        entries = parse_string(text, "bibtex").entries
    except BibliographyDataError as error:
        return [str(error)]
    problems = []
    for key, entry in entries.items():
        if entry.type == "misc" and "key" in entry.fields:  # neither signed nor dated
            if not {"title", "note"} <= {*entry.fields} or entry.persons or "year" in entry.fields:
                problems.append(f"{key}: expected title and note, without author or year")
            continue
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*-\d{4}[a-z]?", key):
            problems.append(f"{key}: a key is the first author and the year")
        given = {*entry.fields, *(role for role, people in entry.persons.items() if people)}
        if entry.type not in FIELDS:
            problems.append(f"{key}: unknown type {entry.type}")
        elif missing := FIELDS[entry.type] - given:
            problems.append(f"{key}: missing {', '.join(sorted(missing))}")
        if not key.rstrip("abcdefghijklmnopqrstuvwxyz").endswith(entry.fields.get("year", "?")):
            problems.append(f"{key}: the year is {entry.fields.get('year')}")
    return problems


def citation_problems(pages, bibliography):
    """Check that every citation of every page has an entry."""
    known = set(parse_string(bibliography, "bibtex").entries)
    problems = []
    for name, text in pages.items():
        for keys in re.findall(r"\{cite(?::\w+)?\}`([^`]*)`", text):
            problems += [
                f"{name}: no entry {key.strip()}"
                for key in keys.split(",")
                if key.strip() not in known
            ]
    return problems


ENTRY = "@misc{a-2020, author = {B, A}, title = {T}, year = {2020}, note = {arXiv}}\n"


def test_sound_citations_are_accepted():
    assert bibliography_problems(ENTRY) == []
    assert bibliography_problems("@misc{notes, key = {T}, title = {T}, note = {N}}") == []
    assert citation_problems({"page": "{cite}`a-2020` {cite:p}`a-2020`"}, ENTRY) == []


@pytest.mark.parametrize(
    "text, problem",
    [
        (ENTRY + ENTRY, "a-2020"),
        (ENTRY.replace("{B, A}", "{}"), "a-2020: missing author"),
        (ENTRY.replace(", note = {arXiv}", ""), "a-2020: missing note"),
        (ENTRY.replace("a-2020", "A2020"), "A2020: a key is the first author and the year"),
        (ENTRY.replace("{2020}", "{2021}"), "a-2020: the year is 2021"),
        (ENTRY.replace("@misc", "@online"), "a-2020: unknown type online"),
        (
            ENTRY.replace("title =", "key = {T}, title ="),
            "a-2020: expected title and note, without author or year",
        ),
        (
            "@misc{notes, key = {T}, title = {T}}",
            "notes: expected title and note, without author or year",
        ),
    ],
)
def test_a_bad_entry_is_caught(text, problem):
    assert problem in bibliography_problems(text)[0]


@pytest.mark.parametrize("text", ["{cite}`b-2021`", "{cite}`a-2020,b-2021`", "{cite:t}`b-2021`"])
def test_a_citation_without_entry_is_caught(text):
    assert citation_problems({"page": text}, ENTRY) == ["page: no entry b-2021"]


def test_the_bibliography_is_sound():
    assert bibliography_problems(read("book/references.bib")) == []


def book_pages(book):
    """Read every page of the book, by its path: two parts have pages of the same name."""
    return {
        str(page.relative_to(book)): page.read_text(encoding="utf-8")
        for page in sorted(book.rglob("*.md"))
    }


def test_pages_of_the_same_name_are_all_read(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "index.md").write_text("{cite}`b-2021`")
    (tmp_path / "part" / "index.md").write_text("{cite}`a-2020`")
    assert citation_problems(book_pages(tmp_path), ENTRY) == ["index.md: no entry b-2021"]


def test_every_citation_resolves():
    pages = book_pages(BOOK)
    claims = yaml.safe_load(read("book/claims.yml"))
    keys = [key for claim in claims["claims"] for key in claim.get("cite", [])]
    keys += [source["cite"] for source in claims["sources"].values()]
    pages["claims.yml"] = " ".join(f"{{cite}}`{key}`" for key in keys)
    assert citation_problems(pages, read("book/references.bib")) == []


# --- the glossary


def glossary_problems(text, least=60):
    """Check number, order, uniqueness and form of the terms."""
    found = re.search(r"^```\{glossary\}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    if not found:
        return ["no glossary"]
    problems, terms = [], []
    for block in found[1].strip().split("\n\n"):
        entry = re.fullmatch(r"(\S[^\n]*)\n  French: \*([^*\n]+)\*\. (\S[^\n]*\.)", block)
        if entry:
            terms.append(entry[1])
        else:
            problems.append(f"not a term, its French and one line: {block!r}")
    folded = [term.casefold() for term in terms]
    if len(terms) < least:
        problems.append(f"{len(terms)} terms, at least {least} expected")
    problems += [f"{term} stands twice" for term in sorted(set(folded)) if folded.count(term) > 1]
    problems += [
        f"{after} stands after {before}"
        for before, after in itertools.pairwise(terms)
        if after.casefold() < before.casefold()
    ]
    return problems


GLOSSARY = """# Glossary

```{glossary}
path
  French: *chemin*. A walk.

ReLU
  French: *ReLU*. The activation.
```
"""


def test_a_sound_glossary_is_accepted():
    assert glossary_problems(GLOSSARY, least=2) == []


@pytest.mark.parametrize(
    "before, after, problem",
    [
        ("ReLU\n", "layer\n", "layer stands after path"),
        ("ReLU\n", "Path\n", "path stands twice"),
        ("French: *ReLU*. ", "", "not a term, its French and one line"),
        ("A walk.", "A walk", "not a term, its French and one line"),
        ("A walk.", "A walk.\n  On a graph.", "not a term, its French and one line"),
        ("{glossary}", "{dictionary}", "no glossary"),
        ("\n\nReLU\n  French: *ReLU*. The activation.", "", "1 terms, at least 2 expected"),
    ],
)
def test_a_fault_in_the_glossary_is_caught(before, after, problem):
    assert before in GLOSSARY
    assert problem in glossary_problems(GLOSSARY.replace(before, after), least=2)[0]


def test_the_glossary_is_sound():
    assert glossary_problems(read("book/reference/glossary.md")) == []


# --- CITATION.cff: what version 1.2.0 of the format requires of the fields used here

TEXT = {"type": "string", "minLength": 1}
PERSON = {
    "type": "object",
    "properties": {"family-names": TEXT, "given-names": TEXT, "orcid": TEXT, "affiliation": TEXT},
    "required": ["family-names"],
    "additionalProperties": False,
}
ENTITY = {
    "type": "object",
    "properties": {"name": TEXT, "website": TEXT},
    "required": ["name"],
    "additionalProperties": False,
}
AUTHORS = {"type": "array", "minItems": 1, "items": {"oneOf": [PERSON, ENTITY]}}
LICENSE = {"enum": ["BSD-3-Clause", "CC-BY-4.0"]}
CFF = {
    "type": "object",
    "properties": {
        "cff-version": {"const": "1.2.0"},
        "message": TEXT,
        "title": TEXT,
        "type": {"enum": ["software", "dataset"]},
        "authors": AUTHORS,
        "version": {"type": ["string", "number"]},
        "date-released": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "license": {"type": "array", "minItems": 1, "uniqueItems": True, "items": LICENSE},
        "abstract": TEXT,
        "keywords": {"type": "array", "minItems": 1, "uniqueItems": True, "items": TEXT},
        "references": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {
                    "type": {"enum": ["article", "conference-paper", "generic", "slides"]},
                    "title": TEXT,
                    "authors": AUTHORS,
                    "year": {"type": "integer"},
                },
                "required": ["type", "title", "authors"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["cff-version", "message", "title", "authors"],
    "additionalProperties": False,
}


def cff_problems(text):
    """Check the text of a CITATION.cff."""
    validator = jsonschema.Draft202012Validator(CFF)
    return [error.message for error in validator.iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize(
    "pattern, after",
    [
        (r"^title: .*\n", ""),
        (r"^message: .*\n", ""),
        (r"1\.2\.0", "1.3.0"),
        (r"^  - name: .*\n", "  - surname: Nobody\n"),
        (r"^authors:\n.*\n", "authors: []\n"),
        (r"BSD-3-Clause", "BSD"),
        (r"type: software", "type: book"),
        (r"^keywords:", "topics:"),
        (r"^    year: 2025", "    year: last year"),
    ],
)
def test_a_fault_in_the_citation_is_caught(pattern, after):
    text, count = re.subn(pattern, after, read("CITATION.cff"), count=1, flags=re.MULTILINE)
    assert count == 1
    assert cff_problems(text)


def test_the_citation_is_valid():
    assert cff_problems(read("CITATION.cff")) == []
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert yaml.safe_load(read("CITATION.cff"))["version"] == version


# --- links, commands, examples, licences

ROOT_PAGES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"]


def link_problems(text, root):
    """Check that the relative links of a page at the root lead to files."""
    links = re.findall(r"\]\(([^)\s#]+)[^)]*\)", FENCE.sub("", text))
    return [f"no file {link}" for link in links if "://" not in link and not (root / link).exists()]


def command_problems(text, makefile):
    """Check that every `make target` that a page names exists."""
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    inline = re.findall(r"`make ([a-z]+)[^`\n]*`", text)
    blocks = [m[0] for m in FENCE.finditer(text)]
    named = inline + [name for b in blocks for name in re.findall(r"^make ([a-z]+)", b, re.M)]
    named += [name for b in blocks for name in re.findall(r"&& make ([a-z]+)", b)]
    named += [
        name
        for span in re.findall(r"`(make [^`\n]*)`", text)
        for name in re.findall(r"&& make ([a-z]+)", span)
    ]
    return [f"no target {name}" for name in sorted(set(named) - targets)]


def changelog_problems(text):
    """Check the form of Keep a Changelog."""
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    form = r"\[\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}"
    problems = [
        f"bad version {v}" for v in versions if v != "[Unreleased]" and not re.fullmatch(form, v)
    ]
    if versions[:1] != ["[Unreleased]"]:
        problems.append("no [Unreleased] at the top")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    found = re.findall(r"^### (.+)$", text, re.MULTILINE)
    return problems + [f"bad kind of change {kind}" for kind in found if kind not in kinds]


def test_faults_in_root_pages_are_caught(tmp_path):
    (tmp_path / "here.md").touch()
    text = "[a](here.md#part) [b](https://x.org) ![c](gone.png)\n```\n[d](not-a-link)\n```\n"
    assert link_problems(text, tmp_path) == ["no file gone.png"]
    text = "`make fly`, `make test && make sing`\n```\nmake test\nrm x && make dance A=1\n```\n"
    assert command_problems(text, "test: x\n\techo\n") == [
        "no target dance",
        "no target fly",
        "no target sing",
    ]
    assert changelog_problems("## [Unreleased]\n### Added\n## [1.0.0] - 2030-01-01\n") == []
    assert changelog_problems("## 1.0\n### New\n") == [
        "bad version 1.0",
        "no [Unreleased] at the top",
        "bad kind of change New",
    ]


@pytest.mark.parametrize("page", ROOT_PAGES)
def test_the_links_of_root_pages_lead_somewhere(page):
    assert link_problems(read(page), ROOT) == []


@pytest.mark.parametrize("page", [*ROOT_PAGES, "book/reference/how-to-run.md", "book/index.md"])
def test_the_targets_named_exist(page):
    assert command_problems(read(page), read("Makefile")) == []


def test_the_changelog_is_in_form():
    assert changelog_problems(read("CHANGELOG.md")) == []


def test_the_example_of_the_readme_runs():
    code = re.search(r"^```python\n(.*?)^```", read("README.md"), re.DOTALL | re.MULTILINE)[1]
    exec(compile(code, "README.md", "exec"), {})


def test_the_wheel_named_is_the_one_built():
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wheel = f"{project['name']}-{project['version']}-py3-none-any.whl"
    page = read("book/reference/how-to-run.md")
    assert f'pip install "{project["name"]}[book] @ ADDRESS/downloads/{wheel}"' in page
    assert set(re.findall(r"[\w.-]+\.whl", page)) == {wheel}


def test_the_preface_leads_to_every_chapter():
    toc = yaml.safe_load(read("_toc.yml"))
    preface = read("book/index.md")
    for part in toc["parts"]:
        for entry in part["chapters"]:
            for section in entry.get("sections", []):
                name = Path(section["file"]).stem
                assert f"(#chapter-{name})" in preface, name


def test_the_licences_are_whole():
    text = read("LICENSE-text")
    assert re.findall(r"^Section (\d) --", text, re.MULTILINE) == list("12345678")
    assert "Creative Commons Attribution 4.0 International Public License" in text
    assert read("LICENSE").startswith("BSD 3-Clause License\n")
    assert tomllib.loads(read("pyproject.toml"))["project"]["license"] == "BSD-3-Clause"


# --- chapters without their solutions

CHAPTER = """# A chapter

```{exercise} One
:label: ex-one
Ask.
```

```{solution-start} ex-one
:class: dropdown
```
Answer.
```{code-cell} ipython3
assert 6 * 7 == 42
```
```{solution-end}
```

## Next

```{code-cell} ipython3
1 + 1
```
"""


def test_a_handout_has_the_exercises_and_no_solution(tmp_path, capsys):
    text = without_solutions(CHAPTER)
    assert "Ask." in text
    assert "## Next" in text
    assert "Answer" not in text
    assert "42" not in text
    source = tmp_path / "chapter.md"
    source.write_text(CHAPTER, encoding="utf-8")
    assert handout([str(source), "--to", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'out' / 'chapter.ipynb'}\n"
    cells = json.loads((tmp_path / "out" / "chapter.ipynb").read_text(encoding="utf-8"))["cells"]
    written = "\n".join("".join(cell["source"]) for cell in cells)
    assert "1 + 1" in written
    assert "42" not in written  # the names of cells are random, and may hold any digits


def test_a_handout_refuses_a_solution_it_cannot_remove(tmp_path, capsys):
    source = tmp_path / "chapter.md"
    source.write_text(CHAPTER.replace("{solution-end}", "{solution-stop}"), encoding="utf-8")
    assert handout([str(source), "--to", str(tmp_path)]) == 1
    assert "not of the form" in capsys.readouterr().err
    with pytest.raises(ValueError, match="not of the form"):
        without_solutions("```{solution} ex-one\nAnswer.\n```\n")
