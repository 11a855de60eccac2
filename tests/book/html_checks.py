"""Checks of the built pages that need no browser: each returns its problems, in words."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from bs4 import BeautifulSoup
from bs4.element import Comment, NavigableString, Tag

# Pages that Sphinx makes without an author: their text is not the book's.
GENERATED = {"genindex.html", "search.html", "py-modindex.html", "prf-prf.html"}

# Identifiers that sphinx-proof and sphinx-exercise give to every box. Nothing links to them, and
# book.js removes them.
REPEATED = {"proof", "proof-content", "exercise-content", "solution-content"}

# Elements that make a browser fetch something, with the attributes that name it.
FETCHING = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "input": ("src",),
}
FETCHING_LINKS = {"stylesheet", "preload", "icon", "shortcut", "manifest", "modulepreload"}


@dataclass(frozen=True)
class Page:
    """A parsed page and its address in the site."""

    name: str
    soup: BeautifulSoup

    @property
    def content(self) -> Tag:
        """Return what an author wrote: the article, or the body of a page without one."""
        return self.soup.find("article") or self.soup.body or self.soup


@cache
def _parsed(path: Path, stamp: int) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def read_pages(site: Path) -> list[Page]:
    """Parse every page of a site once; pages that only redirect are left out."""
    pages = []
    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site).as_posix()
        if name.startswith("_"):
            continue
        soup = _parsed(path, path.stat().st_mtime_ns)
        if not soup.find("meta", attrs={"http-equiv": "Refresh"}):
            pages.append(Page(name, soup))
    return pages


def chapters(site: Path) -> list[Page]:
    """Return the pages somebody wrote."""
    return [page for page in read_pages(site) if page.name not in GENERATED]


def external_problems(site: Path) -> list[str]:
    """Find what a browser would fetch from elsewhere: scripts, style sheets, images, fonts."""
    problems = []
    for page in read_pages(site):
        for tag in page.soup.find_all([*FETCHING, "link"]):
            names = FETCHING.get(tag.name, ())
            if tag.name == "link" and FETCHING_LINKS & set(tag.get("rel", [])):
                names = ("href",)
            problems += [
                f"{page.name}: <{tag.name} {name}> fetches {tag[name][:80]}"
                for name in names
                if re.match(r"\s*(https?:)?//", tag.get(name, ""))
            ]
        sheets = " ".join(tag.get_text() for tag in page.soup.find_all("style"))
        sheets += " ".join(tag["style"] for tag in page.soup.find_all(style=True))
        problems += [f"{page.name}: a style fetches {url}" for url in _fetched_by_css(sheets)]
    for sheet in sorted(site.rglob("*.css")):
        text = sheet.read_text(encoding="utf-8", errors="replace")
        name = sheet.relative_to(site).as_posix()
        problems += [f"{name}: fetches {url}" for url in _fetched_by_css(text)]
    return problems


def _fetched_by_css(text: str) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    pattern = r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)"
    return re.findall(pattern, text)


def link_problems(site: Path) -> list[str]:
    """Follow every address inside the site, with its fragment, to a file and an identifier."""
    site = site.resolve()
    pages = {site / page.name: page for page in read_pages(site)}
    anchors = {path: _anchors(page.soup) for path, page in pages.items()}
    problems = []
    for path, page in pages.items():
        for tag, address in _addresses(page.soup):
            problem = _address_problem(address, path, site, anchors)
            if problem:
                problems.append(f"{page.name}: <{tag}> {address[:100]}: {problem}")
    for path in sorted(site.rglob("*.html")):  # the redirections
        soup = _parsed(path, path.stat().st_mtime_ns)
        refresh = soup.find("meta", attrs={"http-equiv": "Refresh"})
        if refresh:
            target = path.parent / re.sub(r".*url=", "", refresh["content"], flags=re.I).strip(
                "'\""
            )
            if not target.resolve().is_file():
                problems.append(f"{path.relative_to(site)}: redirects to a missing {target.name}")
    return list(dict.fromkeys(problems))


def _anchors(soup: BeautifulSoup) -> set[str]:
    found = {tag["id"] for tag in soup.find_all(id=True)}
    return found | {tag["name"] for tag in soup.find_all("a", attrs={"name": True})}


def _addresses(soup: BeautifulSoup):
    for name, attribute in (("a", "href"), ("img", "src"), ("script", "src"), ("link", "href")):
        for tag in soup.find_all(name, attrs={attribute: True}):
            yield name, tag[attribute]


def _address_problem(address, path, site, anchors) -> str | None:
    parts = urlsplit(address)
    if parts.scheme in ("http", "https", "mailto", "data", "javascript") or parts.netloc:
        return None
    if parts.scheme:
        return f"the scheme {parts.scheme} means nothing to a reader"
    target = path if not parts.path else (path.parent / unquote(parts.path)).resolve()
    if not target.is_relative_to(site):
        return "leads out of the site"
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return "no such file"
    # "#" alone is a link that a script of the theme handles.
    if parts.fragment and target in anchors and unquote(parts.fragment) not in anchors[target]:
        return "no such place in the page"
    return None


def alt_problems(site: Path) -> list[str]:
    """Find pictures without a text for those who do not see them."""
    return [
        f"{page.name}: no alternative text for {image.get('src', '')[:60]}"
        for page in read_pages(site)
        for image in page.content.find_all("img")
        if not image.get("alt", "").strip() or re.fullmatch(r"\S+\.(png|svg|jpe?g)", image["alt"])
    ]


def identifier_problems(site: Path) -> list[str]:
    """Find identifiers that two elements of a page share: links would reach the first only."""
    problems = []
    for page in chapters(site):
        counts = Counter(tag["id"] for tag in page.content.find_all(id=True))
        problems += [
            f"{page.name}: {count} elements have the identifier {name}"
            for name, count in counts.items()
            if count > 1 and name not in REPEATED
        ]
    return problems


def _texts(content: Tag, skipped: tuple[str, ...]) -> list[str]:
    """Return the texts of an element outside code, formulas and scripts."""
    found = []
    for text in content.find_all(string=True):
        if isinstance(text, Comment) or not isinstance(text, NavigableString):
            continue
        parents = list(text.parents)
        if any(parent.name in skipped or "math" in parent.get("class", []) for parent in parents):
            continue
        if text.strip():
            found.append(str(text))
    return found


LITERAL = ("script", "style", "pre", "code", "template", "textarea", "title")


def raw_text_problems(site: Path) -> list[str]:
    """Find markup that reached the page as text: formulas, roles, directives, open references."""
    patterns = {
        "an open formula": r"\$|\\\(|\\\[|\\begin\{|\\(?:frac|sum|mathbb|times|le|ge|ne)\b",
        "a role or a directive": r"\{(?:prf:)?(?:ref|numref|eq|cite|doc|math|term)[^}]*\}`|:{3,}",
        "an unresolved reference": r"\?\?|%s\b|\{number\}|\{name\}",
    }
    return [
        f"{page.name}: {what} in the text: {text.strip()[:80]!r}"
        for page in chapters(site)
        for text in _texts(page.content, LITERAL)
        for what, pattern in patterns.items()
        if re.search(pattern, text)
    ]


NUMBER = re.compile(r"\d+(?:\.\d+)*")


def number_problems(site: Path) -> list[str]:
    """Check that what is numbered has a number of its own, and that references show it."""
    problems, numbers = [], {}
    for page in chapters(site):
        for box in page.content.select("figure[id], .admonition.proof[id], .exercise[id]"):
            if _is_argument(box):
                continue
            caption = box.select_one(".caption-number")
            label = " ".join(caption.get_text().split()) if caption else ""
            if not NUMBER.search(label):
                problems.append(f"{page.name}: {box['id']} has no number")
            elif label in numbers:
                problems.append(f"{page.name}: {label} is also {numbers[label]}")
            else:
                numbers[label] = f"{page.name}#{box['id']}"
        for equation in page.content.select(".eqno"):
            label = "equation " + equation.get_text().strip().rstrip("#").strip()
            if label in numbers:
                problems.append(f"{page.name}: {label} is also {numbers[label]}")
            numbers[label] = page.name
        for heading in page.content.select(".section-number"):
            label = "section " + heading.get_text().strip()
            if label in numbers:
                problems.append(f"{page.name}: {label} is also {numbers[label]}")
            numbers[label] = page.name
    return problems + _reference_problems(site, numbers)


def _is_argument(box: Tag) -> bool:
    """Tell a proof, which has no number, from a statement: the statement's kind is a class too."""
    classes = set(box.get("class", []))
    return "proof" in classes and not classes - {"proof", "dropdown", "admonition"}


def _reference_problems(site: Path, numbers: dict[str, str]) -> list[str]:
    """Compare the text of each reference with the number of the box it leads to."""
    labels = {place: label for label, place in numbers.items() if "#" in place}
    problems = []
    for page in chapters(site):
        for link in page.content.select("a.reference.internal[href*='#']"):
            parts = urlsplit(link["href"])
            target = (Path("/") / page.name).parent / unquote(parts.path) if parts.path else None
            name = _normal(target) if target else page.name
            label = labels.get(f"{name}#{unquote(parts.fragment)}")
            text = " ".join(link.get_text().split())
            if label and link.select_one(".std-numref, .std-ref") is None and not text:
                problems.append(f"{page.name}: an empty reference to {label}")
            numbered = link.select_one(".std-numref") is not None
            kind = label.split()[0] if label else ""
            if label and (numbered or text.startswith(kind)) and text != label:
                problems.append(f"{page.name}: the reference {text!r} leads to {label}")
            if numbered and not NUMBER.search(text):
                problems.append(f"{page.name}: the reference {text!r} has no number")
        for link in page.content.select("a[href*='#equation-']:not(.headerlink)"):
            if not NUMBER.search(link.get_text()):
                problems.append(f"{page.name}: the reference {link['href']} has no number")
    return problems


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def data_problems(site: Path) -> list[str]:
    """Decode the data that figures offer: each is a CSV with a header and at least one row."""
    problems = []
    for page in read_pages(site):
        for link in page.soup.select("a[href^='data:']"):
            problem = _csv_problem(link["href"])
            if not problem and not link.get("download", "").endswith(".csv"):
                problem = "the link names no file to download to"
            if problem:
                problems.append(f"{page.name}: {link.get('download', link.get_text())}: {problem}")
    return problems


def _csv_problem(address: str) -> str | None:
    head, _, body = address.partition(",")
    if not head.startswith("data:text/csv"):
        return f"{head} is not CSV"
    try:
        raw = base64.b64decode(body, validate=True) if "base64" in head else unquote_to_bytes(body)
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8")), strict=True))
    except (binascii.Error, UnicodeDecodeError, csv.Error) as error:
        return f"cannot be read: {error}"
    if len(rows) < 2 or not all(name.strip() for name in rows[0]):
        return "needs a header and a row"
    wrong = [number for number, row in enumerate(rows) if len(row) != len(rows[0])]
    return f"row {wrong[0]} has another length than the header" if wrong else None


def theorem_names(site: Path) -> list[tuple[str, str]]:
    """List the named theorems of the book: what a reader searches for, and the page it is on."""
    found = []
    for page in chapters(site):
        for box in page.content.select(".admonition.theorem[id]"):
            title = box.select_one(".admonition-title")
            name = re.search(r"\((.+)\)\s*$", " ".join(title.get_text().split())) if title else None
            if name:
                found.append((name[1], page.name))
    return found


def index_problems(site: Path) -> list[str]:
    """Check without a browser that the search index knows the words of the theorems' names."""
    index = site / "searchindex.js"
    if not index.is_file():
        return ["there is no searchindex.js"]
    text = index.read_text(encoding="utf-8")
    names = theorem_names(site)
    problems = [] if names else ["no named theorem in the book"]
    documents = re.search(r'"?docnames"?\s*:\s*\[(.*?)\]', text)
    listed = documents[1] if documents else ""
    for name, page in names:
        if f'"{page.removesuffix(".html")}"' not in listed:
            problems.append(f"{page} ({name}) is not in the search index")
    return problems


STATIC = (
    external_problems,
    link_problems,
    alt_problems,
    identifier_problems,
    raw_text_problems,
    number_problems,
    data_problems,
    index_problems,
)
