"""The status page is about the chapters that exist and the versions that are pinned."""

import re

import pytest

from book_tools import BOOK, ROOT
from book_tools.chapters import chapter_sources
from book_tools.status import PACKAGES, PAGE, ChapterStatus, contents, page


def listed_chapters(text):
    return re.findall(r"\]\(\.\./([\w/-]+)\.ipynb\)", text)


def listed_versions(text):
    rows = text.split("## Versions")[1]
    return dict(re.findall(r"^\| ([\w-]+) \| (\d[\d.a-z]*) \|$", rows, re.M))


def test_page_lists_the_chapters_and_the_pinned_versions():
    text = PAGE.read_text()
    sources = [str(path.relative_to(BOOK).with_suffix("")) for path in chapter_sources()]
    assert listed_chapters(text) == sources
    lock = (ROOT / "requirements.lock").read_text().lower()
    versions = listed_versions(text)
    assert set(versions) == set(PACKAGES)
    for name, version in versions.items():
        assert f"{name}=={version}\n" in lock


def listed_contents(text):
    rows = re.findall(r"^\| \[(.+)\]\(.*\) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|", text, re.M)
    return [(title, *map(int, counts)) for title, *counts in rows]


def test_page_counts_what_the_chapters_hold():
    held = [tuple(contents(source).values()) for source in chapter_sources()]
    assert listed_contents(PAGE.read_text()) == held


def test_every_chapter_keeps_its_budget():
    cpu = re.findall(r"^\| \[.*\| ([\d.]+) \| [\d.]+ \|$", PAGE.read_text(), re.M)
    assert len(cpu) == len(chapter_sources())
    assert max(map(float, cpu)) <= 30


def test_page_is_written_from_what_was_measured():
    entry = ChapterStatus(
        source=BOOK / "part" / "subject.md",
        title="A subject",
        cells=7,
        figures=3,
        statements=2,
        exercises=4,
        cpu_seconds=12.345,
        wall_seconds=6.789,
    )
    text = page([entry, entry])
    assert "| [A subject](../part/subject.ipynb) | 7 | 3 | 2 | 4 | 12.3 | 6.8 |" in text
    assert "| **all** | 14 | 6 | 4 | 8 | 24.7 | 13.6 |" in text
    assert listed_chapters(text) == ["part/subject"] * 2
    assert listed_contents(text) == [("A subject", 7, 3, 2, 4)] * 2
    assert set(listed_versions(text)) == set(PACKAGES)


@pytest.mark.parametrize("fault", ["a chapter less", "another version"])
def test_a_stale_page_is_caught(fault):
    text = PAGE.read_text()
    if fault == "a chapter less":
        stale = re.sub(r"^\| \[.*\n", "", text, count=1, flags=re.M)
        assert listed_chapters(stale) != listed_chapters(text)
    else:
        stale = text.replace("| numpy | ", "| numpy | 0.")
        assert listed_versions(stale)["numpy"] != listed_versions(text)["numpy"]
