"""The data of the claims ledger, `book/claims.yml`: what a claim is and how it is checked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from book_tools import BOOK

CLAIMS = BOOK / "claims.yml"

VERDICTS = {
    "proved": "a complete proof is in the book",
    "verified": "checked numerically in the book, not proved there",
    "corrected": "incomplete or wrong as printed; the corrected statement is in the book, "
    "with a counterexample that runs",
    "refuted": "wrong, with a counterexample that runs",
    "cited": "not reproduced here; a reference is given",
    "open": "not known",
}
UNTESTED = {"cited", "open"}
DISPROVED = {"corrected", "refuted"}

SOURCE_FIELDS = {"title", "english", "authors", "event", "cite", "copy"}
REQUIRED = {"id", "title", "source", "place", "statement", "verdict", "chapter"}
OPTIONAL = {"corrected", "note", "transcription", "cite"}
IDENTIFIER = re.compile(r"[A-Z]{2}-\d{2}")
HOME = re.compile(r"book/[\w/-]+#[\w-]+")


@dataclass(frozen=True)
class Ledger:
    """The sources by key and the claims by identifier, in the order of the file."""

    sources: dict[str, dict]
    claims: dict[str, dict]


class LedgerError(ValueError):
    """The ledger's file is not a ledger; the message lists all that is wrong."""

    def __init__(self, path: Path, problems: Iterable[str]):
        """Join the problems, one a line."""
        super().__init__("\n".join([f"{path}:", *(f"- {problem}" for problem in problems)]))


def ledger_problems(data: object) -> list[str]:
    """List what is wrong with the ledger's data, before anything is derived from it."""
    if not isinstance(data, Mapping) or set(data) != {"sources", "claims"}:
        return ["expected the two keys sources and claims"]
    sources, claims = data["sources"], data["claims"]
    if not isinstance(sources, Mapping) or not isinstance(claims, list):
        return ["expected sources to be a mapping and claims to be a list"]
    problems = []
    for key, source in sources.items():
        if not isinstance(source, Mapping) or set(source) != SOURCE_FIELDS:
            problems.append(f"source {key}: expected the fields {', '.join(sorted(SOURCE_FIELDS))}")
    seen: Counter[str] = Counter()
    for number, claim in enumerate(claims, 1):
        if not isinstance(claim, Mapping):
            problems.append(f"claim number {number}: expected a mapping")
            continue
        name = str(claim.get("id", f"number {number}"))
        seen[name] += 1
        problems += [f"{name}: {problem}" for problem in claim_problems(claim, sources)]
    problems += [f"{name}: {n} claims have this id" for name, n in seen.items() if n > 1]
    order = [str(claim.get("id")) for claim in claims if isinstance(claim, Mapping)]
    if order != sorted(order):
        problems.append("the claims are not sorted by id")
    return problems


def claim_problems(claim: Mapping, sources: Mapping) -> list[str]:
    """List what is wrong with one claim."""
    problems = []
    if missing := REQUIRED - set(claim):
        problems.append(f"missing {', '.join(sorted(missing))}")
    if unknown := set(claim) - REQUIRED - OPTIONAL:
        problems.append(f"unknown {', '.join(sorted(map(str, unknown)))}")
    texts = (REQUIRED | {"corrected", "note"}) & set(claim)
    for key in sorted(texts):
        if not isinstance(claim[key], str) or not claim[key].strip():
            problems.append(f"{key} must be a text, got {claim[key]!r}")
        elif claim[key].count("$") % 2:
            problems.append(f"{key} has an odd number of $")
    if not IDENTIFIER.fullmatch(str(claim.get("id", ""))):
        problems.append("id must be two capitals, a hyphen and two digits")
    if (source := claim.get("source")) not in sources:
        problems.append(f"unknown source {source!r}")
    elif not str(claim.get("id", "")).startswith(f"{source}-"):
        problems.append(f"id does not begin with its source {source}")
    verdict = claim.get("verdict")
    if verdict not in VERDICTS:
        problems.append(f"verdict must be one of {', '.join(VERDICTS)}, got {verdict!r}")
    if (verdict in DISPROVED) != ("corrected" in claim):
        problems.append("corrected is for corrected and refuted claims, and for all of them")
    if claim.get("transcription", True) is not True:
        problems.append("transcription is true or absent")
    if not isinstance(cite := claim.get("cite", []), list) or (verdict == "cited" and not cite):
        problems.append("cite must be a list of keys, and a cited claim needs one")
    if not HOME.fullmatch(str(claim.get("chapter", ""))):
        problems.append("chapter must read book/<part>/<chapter>#<label>")
    return problems


def load(path: Path = CLAIMS) -> Ledger:
    """Read the ledger; raise `LedgerError` with all its problems."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise LedgerError(path, [f"not YAML: {error}"]) from error
    if problems := ledger_problems(data):
        raise LedgerError(path, problems)
    return Ledger(dict(data["sources"]), {claim["id"]: claim for claim in data["claims"]})
