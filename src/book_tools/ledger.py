"""The page of the claims ledger, derived from `book/claims.yml`, the marked tests and the chapters.

`python -m book_tools.ledger` writes the page; `--check` writes nothing and fails when it is stale.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from book_tools import BOOK, ROOT
from book_tools.chapters import title_of
from book_tools.claims import VERDICTS, Ledger, LedgerError, load
from book_tools.files import write_whole
from book_tools.ledger_gates import Mark, collect_marks, labels_in, read_chapters

PAGE = BOOK / "reference" / "claims.md"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _home_link(claim: Mapping, chapters: Mapping[str, str]) -> str:
    home, _, label = claim["chapter"].partition("#")
    text = chapters.get(home, "")
    kind = labels_in(text).get(label)
    title = title_of(text) or home
    if kind is None:
        return f"{title} (in preparation)"
    if kind.startswith("prf:"):
        return f"{title}, {{prf:ref}}`{label}`"
    return f"[{title}](#{label})"


def _claim_section(claim: Mapping, marks: Iterable[Mark], chapters: Mapping[str, str]) -> str:
    name = claim["id"]
    verdict = f"**{claim['verdict']}**"
    if "transcription" in claim:
        verdict += ", transcription"
    lines = [
        f"(claim-{name.lower()})=",
        f"### {name}: {claim['title']}",
        "",
        f"Verdict: {verdict}. Place: {_one_line(claim['place'])}.",
        "",
        f"> {_one_line(claim['statement'])}",
    ]
    if "corrected" in claim:
        lines += ["", f"Corrected: {_one_line(claim['corrected'])}"]
    if "note" in claim:
        lines += ["", f"Note: {_one_line(claim['note'])}"]
    if "cite" in claim:
        lines += ["", f"References: {', '.join(f'{{cite}}`{key}`' for key in claim['cite'])}."]
    lines += ["", f"Chapter: {_home_link(claim, chapters)}."]
    for label, wanted in (("Tests", False), ("Counterexample", True)):
        names = [m.test for m in marks if name in m.claims and m.counterexample is wanted]
        if names:
            lines += ["", f"{label}:", "", *(f"- `{test}`" for test in sorted(set(names)))]
    return "\n".join(lines)


def page(ledger: Ledger, marks: Iterable[Mark], chapters: Mapping[str, str]) -> str:
    """Write the ledger's page."""
    marks = list(marks)
    counts = Counter(claim["verdict"] for claim in ledger.claims.values())
    blocks = [
        "<!-- Derived from book/claims.yml and from the marked tests by `make ledger`. "
        "Do not edit. -->",
        "(claims-ledger)=",
        "# Claims ledger",
        "This book starts from talks and notes of others. This page lists statements of these "
        "sources, as printed, and what became of each when it was proved, run or looked up. "
        "Each verdict other than *cited* and *open* is executable: the tests named here settle "
        "it, and `make test` runs them.",
        f"The ledger holds {len(ledger.claims)} claims.",
        "\n".join(
            [
                "| verdict | claims | meaning |",
                "|---|---|---|",
                *(f"| {v} | {counts[v]} | {meaning} |" for v, meaning in VERDICTS.items()),
            ]
        ),
        "The word *transcription* beside a verdict says that a misprint may come from our copy of "
        "the source and not from the source.",
        "## All claims",
        # The script fills this with a form; without it the page is the plain, full list.
        ":::{div} ledger-filter\n:::",
        "\n".join(
            [
                "| claim | about | verdict |",
                "|---|---|---|",
                *(
                    f"| [{name}](#claim-{name.lower()}) | {claim['title']} | {claim['verdict']}"
                    f"{', transcription' if 'transcription' in claim else ''} |"
                    for name, claim in ledger.claims.items()
                ),
            ]
        ),
    ]
    for key, source in ledger.sources.items():
        blocks += [
            f"(claims-{key.lower()})=\n## Source {key}",
            f"{_one_line(source['authors'])}, *{source['title']}* ({source['english']}), "
            f"{source['event']} {{cite}}`{source['cite']}`.",
            _one_line(source["copy"]),
        ]
        blocks += [
            _claim_section(claim, marks, chapters)
            for claim in ledger.claims.values()
            if claim["source"] == key
        ]
    blocks.append(
        '<link rel="stylesheet" href="../../_static/ledger.css">\n'
        '<script src="../../_static/ledger.js" defer></script>'
    )
    return "\n\n".join(blocks) + "\n"


def current_page() -> str:
    """Derive the page from the files of this repository."""
    return page(load(), collect_marks(), read_chapters())


def stale(text: str, path: Path = PAGE) -> list[str]:
    """Tell whether the stored page differs from the derived text."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return []
    return [f"{path.name} is stale: run `make ledger` and commit the page"]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="book_tools.ledger", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when stale")
    options = parser.parse_args(arguments)
    try:
        text = current_page()
    except LedgerError as error:
        print(error, file=sys.stderr)
        return 1
    if options.check:
        problems = stale(text)
        print("\n".join(problems) or "the ledger's page is current")
        return 1 if problems else 0
    changed = write_whole(PAGE, text)
    print(f"{PAGE.relative_to(ROOT)}: {'updated' if changed else 'unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
