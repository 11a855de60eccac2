"""The claims ledger: every claim has its test, every verdict stands in its chapter.

Each gate is first shown the fault it must catch, then the repository.
"""

import copy

import pytest
import yaml

from book_tools import ledger
from book_tools.claims import CLAIMS, VERDICTS, Ledger, LedgerError, ledger_problems, load
from book_tools.ledger_gates import (
    collect_marks,
    gate_chapters,
    gate_tests,
    labels_in,
    marks_in,
    read_chapters,
    source_rows,
)

DATA = {
    "sources": {
        "XX": {
            "title": "Titre",
            "english": "Title",
            "authors": "A and B",
            "event": "a talk",
            "cite": "a-2020",
            "copy": "A copy.",
        }
    },
    "claims": [
        {
            "id": "XX-01",
            "title": "One",
            "source": "XX",
            "place": "first slide",
            "statement": "$a = b$.",
            "verdict": "proved",
            "chapter": "book/part/chapter#thm-one",
        },
        {
            "id": "XX-02",
            "title": "Two",
            "source": "XX",
            "place": "second slide",
            "statement": "$a = |b|$.",
            "verdict": "corrected",
            "corrected": "$|a| = |b|$.",
            "transcription": True,
            "chapter": "book/part/chapter#chapter-source",
        },
        {
            "id": "XX-03",
            "title": "Three",
            "source": "XX",
            "place": "third slide",
            "statement": "Known.",
            "verdict": "cited",
            "cite": ["a-2020"],
            "note": "As in the slide.",
            "chapter": "book/part/chapter#chapter-source",
        },
    ],
}

TESTS = """
import pytest

@pytest.mark.claim("XX-01", "XX-02")
def test_one():
    assert True

class TestTwo:
    @pytest.mark.claim("XX-02", counterexample=True)
    def test_two(self):
        with pytest.raises(ValueError):
            raise ValueError
"""

CHAPTER = r"""
# The chapter

````{prf:theorem} One
:class: wide
:label: thm-one
Text.
````

(chapter-source)=
## What the source says

| claim | statement | verdict | where |
|---|:-:|---|---|
| [XX-01](#claim-xx-01) | $a = b$ | proved | {prf:ref}`thm-one` |
| [XX-02](#claim-xx-02) | $a = |b|$ | **corrected**, transcription | above |
| [XX-03](#claim-xx-03) | known \| said | cited | {cite}`a-2020` |

## Limits

| [XX-99](other) | no | row | here |
"""


def small_ledger(**changes):
    """A ledger of three claims, with changes to the first."""
    data = copy.deepcopy(DATA)
    data["claims"][0].update(changes)
    return Ledger(data["sources"], {claim["id"]: claim for claim in data["claims"]})


MARKS = marks_in(TESTS, "tests/test_x.py")
CHAPTERS = {"book/part/chapter": CHAPTER}


# --- the file


def test_a_sound_ledger_has_no_problem():
    assert ledger_problems(DATA) == []


@pytest.mark.parametrize(
    "changes, problem",
    [
        ({"verdict": "true"}, "XX-01: verdict must be one of proved, verified"),
        ({"verdict": "corrected"}, "XX-01: corrected is for corrected and refuted claims"),
        ({"verdict": "refuted"}, "XX-01: corrected is for corrected and refuted claims"),
        ({"corrected": "$a$"}, "XX-01: corrected is for corrected and refuted claims"),
        ({"verdict": "cited"}, "XX-01: cite must be a list of keys"),
        ({"cite": "a-2020"}, "XX-01: cite must be a list of keys"),
        ({"statement": " "}, "XX-01: statement must be a text, got ' '"),
        ({"title": 7}, "XX-01: title must be a text, got 7"),
        ({"note": "$a"}, "XX-01: note has an odd number of $"),
        ({"source": "YY"}, "XX-01: unknown source 'YY'"),
        ({"id": "YY-01"}, "YY-01: id does not begin with its source XX"),
        ({"id": "XX-1"}, "XX-1: id must be two capitals, a hyphen and two digits"),
        ({"id": "XX-02"}, "XX-02: 2 claims have this id"),
        ({"id": "XX-09"}, "the claims are not sorted by id"),
        ({"transcription": False}, "XX-01: transcription is true or absent"),
        ({"chapter": "chapter.md"}, "XX-01: chapter must read book/<part>/<chapter>#<label>"),
        ({"proof": "none"}, "XX-01: unknown proof"),
    ],
)
def test_a_fault_in_a_claim_is_named(changes, problem):
    data = copy.deepcopy(DATA)
    data["claims"][0].update(changes)
    assert any(found.startswith(problem) for found in ledger_problems(data))


@pytest.mark.parametrize("name", sorted(DATA["claims"][0]))
def test_a_missing_field_is_named(name):
    data = copy.deepcopy(DATA)
    del data["claims"][0][name]
    assert any(f"missing {name}" in problem for problem in ledger_problems(data))


@pytest.mark.parametrize(
    "data, problem",
    [
        (None, "expected the two keys"),
        ({"claims": []}, "expected the two keys"),
        ({"sources": [], "claims": []}, "expected sources to be a mapping"),
        ({"sources": {"XX": {}}, "claims": []}, "source XX: expected the fields"),
        ({"sources": {}, "claims": ["XX-01"]}, "claim number 1: expected a mapping"),
    ],
)
def test_a_file_of_another_shape_is_refused(data, problem):
    assert problem in ledger_problems(data)[0]


def test_load_lists_all_problems_at_once(tmp_path):
    data = copy.deepcopy(DATA)
    data["claims"][0]["verdict"] = "maybe"
    del data["claims"][2]["place"]
    path = tmp_path / "claims.yml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(LedgerError, match=r"(?s)claims\.yml.*XX-01: verdict.*XX-03: missing place"):
        load(path)
    path.write_text("claims: [", encoding="utf-8")
    with pytest.raises(LedgerError, match="not YAML"):
        load(path)


# --- the tests


def test_marks_are_found_by_reading():
    assert [(mark.test, mark.claims, mark.counterexample) for mark in MARKS] == [
        ("tests/test_x.py::test_one", ("XX-01", "XX-02"), False),
        ("tests/test_x.py::TestTwo::test_two", ("XX-02",), True),
    ]
    assert gate_tests(small_ledger(), MARKS) == []


@pytest.mark.parametrize(
    "before, after, problem",
    [
        ('"XX-01", "XX-02"', '"XX-02"', "XX-01 is proved and no test is marked with it"),
        (", counterexample=True", "", "XX-02 is corrected and no test runs its counterexample"),
        ("claim(", "clam(", "XX-02 is corrected and no test is marked with it"),
        ('"XX-01", ', '"XX-07", "XX-01", ', "test_one: XX-07 is no claim of the ledger"),
        ('"XX-02")', '"XX-02", counterexample=True)', "XX-01 is proved, it has no counterexample"),
        ("assert True", "pass", "test_one: claim() marks a test that asserts nothing"),
        ("def test_one", "def one", "one: claim() marks a function or class that is not a test"),
        ("def test_one", "@pytest.mark.xfail\ndef test_one", "may be skipped or may fail"),
        ("def test_one", "@pytest.mark.skipif(1, reason='')\ndef test_one", "may be skipped"),
        ('"XX-01", "XX-02"', "NAME", "takes the ids of claims as literal strings"),
        ("counterexample=True", "counter=True", "the one option of claim() is counterexample"),
        (
            "class TestTwo",
            'pytestmark = pytest.mark.claim("XX-01")\nclass TestTwo',
            "must decorate",
        ),
    ],
)
def test_a_claim_without_its_test_is_caught(before, after, problem):
    assert before in TESTS
    marks = marks_in(TESTS.replace(before, after), "tests/test_x.py")
    assert any(problem in found for found in gate_tests(small_ledger(), marks))


@pytest.mark.parametrize("verdict", ["cited", "open"])
def test_a_claim_that_is_cited_or_open_needs_no_test(verdict):
    marks = marks_in(TESTS.replace('"XX-01", ', ""), "tests/test_x.py")
    assert gate_tests(small_ledger(verdict=verdict), marks) == []


def test_marks_are_collected_from_all_test_modules(tmp_path):
    for name in ("tests/part/test_a.py", "tests/test_b.py", "tests/helper.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TESTS, encoding="utf-8")
    tests = [mark.test for mark in collect_marks(tmp_path / "tests", tmp_path)]
    assert tests == [
        "tests/part/test_a.py::test_one",
        "tests/part/test_a.py::TestTwo::test_two",
        "tests/test_b.py::test_one",
        "tests/test_b.py::TestTwo::test_two",
    ]


# --- the chapters


def test_the_table_of_a_chapter_is_read():
    assert [row[2] for row in source_rows(CHAPTER)] == [
        "proved",
        "**corrected**, transcription",
        "cited",
    ]
    assert source_rows(CHAPTER)[1][1] == "$a = |b|$"
    assert source_rows("# No such section\n| a | b |\n") == []
    assert labels_in(CHAPTER) == {"thm-one": "prf:theorem", "chapter-source": "target"}


def test_a_sound_chapter_has_no_problem():
    assert gate_chapters(small_ledger(), CHAPTERS) == []


@pytest.mark.parametrize(
    "before, after, problem",
    [
        ("| proved |", "| verified |", "XX-01 is proved in the ledger, here 'verified'"),
        (", transcription", "", "XX-02: the word transcription must match the ledger"),
        ("| cited |", "| cited, transcription |", "XX-03: the word transcription must match"),
        ("| [XX-03](#claim-xx-03) | known", "| XX-03 | known", "expected a row"),
        ("#claim-xx-03", "#claim-xx-02", "expected a row"),
        ("[XX-03](#claim-xx-03)", "[XX-08](#claim-xx-08)", "XX-08 is no claim of the ledger"),
        ("[XX-03](#claim-xx-03)", "[XX-02](#claim-xx-02)", "does not list it"),
        (":label: thm-one", ":label: thm-two", "XX-01: book/part/chapter has no label thm-one"),
        ("(chapter-source)=\n", "", "XX-02: book/part/chapter has no label chapter-source"),
        ("## What the source says", "## Sources", "XX-01: book/part/chapter does not list it"),
        ("\nText.", "\nSee [](#claim-xx-31).", "links to XX-31, which is no claim"),
    ],
)
def test_a_chapter_that_disagrees_is_caught(before, after, problem):
    assert before in CHAPTER
    chapters = {"book/part/chapter": CHAPTER.replace(before, after)}
    assert any(problem in found for found in gate_chapters(small_ledger(), chapters))


def test_a_claim_without_a_chapter_is_caught():
    problems = gate_chapters(small_ledger(), {})
    assert len(problems) == 3
    assert problems[0] == "XX-01: there is no chapter book/part/chapter"


# --- the page


def test_the_page_shows_every_claim_with_its_tests():
    text = ledger.page(small_ledger(), MARKS, CHAPTERS)
    assert "| proved | 1 |" in text
    assert "| corrected | 1 |" in text
    assert "| [XX-02](#claim-xx-02) | Two | corrected, transcription |" in text
    assert "(claim-xx-01)=\n### XX-01: One" in text
    assert "> $a = |b|$." in text
    assert "Corrected: $|a| = |b|$." in text
    assert "Note: As in the slide." in text
    assert "References: {cite}`a-2020`." in text
    assert "Chapter: The chapter, {prf:ref}`thm-one`." in text
    assert "Chapter: [The chapter](#chapter-source)." in text
    assert "Counterexample:\n\n- `tests/test_x.py::TestTwo::test_two`" in text
    assert "Tests:\n\n- `tests/test_x.py::test_one`" in text
    # A chapter that is still being written is named, not linked.
    assert "Chapter: book/part/chapter (in preparation)." in ledger.page(small_ledger(), [], {})


def test_a_stale_page_is_caught(tmp_path):
    path = tmp_path / "claims.md"
    assert ledger.stale("text", path)
    path.write_text("text", encoding="utf-8")
    assert ledger.stale("text", path) == []
    assert ledger.stale("changed text", path)


def test_the_command_writes_and_checks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(ledger, "ROOT", tmp_path)
    monkeypatch.setattr(ledger, "PAGE", tmp_path / "reference" / "claims.md")
    monkeypatch.setattr(ledger.stale, "__defaults__", (ledger.PAGE,))
    monkeypatch.setattr(ledger, "current_page", lambda: "the page\n")
    assert ledger.main(["--check"]) == 1
    assert ledger.main([]) == 0
    assert ledger.PAGE.read_text(encoding="utf-8") == "the page\n"
    assert ledger.main([]) == 0
    assert ledger.main(["--check"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "claims.md is stale: run `make ledger` and commit the page",
        "reference/claims.md: updated",
        "reference/claims.md: unchanged",
        "the ledger's page is current",
    ]

    def broken():
        raise LedgerError(CLAIMS, ["XX-01: missing place"])

    monkeypatch.setattr(ledger, "current_page", broken)
    assert ledger.main([]) == 1
    assert "XX-01: missing place" in capsys.readouterr().err


# --- the repository


def test_the_ledger_is_valid():
    sources, claims = load().sources, load().claims
    numbers = {
        source: [int(name[3:]) for name in claims if name[:2] == source] for source in sources
    }
    # Each source begins at 1; a number left out belongs to a chapter that is not written yet.
    assert {found[0] for found in numbers.values()} == {1}
    assert set(numbers["SL"]) >= {*range(1, 20), 25}
    assert {claim["verdict"] for claim in claims.values()} <= set(VERDICTS)


def test_claims_and_tests_name_each_other():
    assert gate_tests(load(), collect_marks()) == []


def test_ledger_and_chapters_agree():
    assert gate_chapters(load(), read_chapters()) == []


def test_the_page_of_the_ledger_is_current():
    assert ledger.stale(ledger.current_page()) == []
