"""Run the benchmarks and write their tables: `make bench`.

A benchmark is a module `tests/benchmarks/bench_<subject>.py` with a function `measure()` that
yields rows (dictionaries with the same keys). Its table goes to `<subject>.md` beside it. Speeds
are given as times and as ratios against a peer or a physical limit measured in the same run.
The module may name further packages whose versions are told (`PACKAGES`), and a table of
`book/data` that a chapter reads (`DATA`). If it raises `ImportError`, nothing is written.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from openblackbox.rounding import rounded
from openblackbox.studyfile import to_text, write_rows

from book_tools import ROOT
from book_tools.files import write_whole
from book_tools.machine import sentence, version

BENCHMARKS = ROOT / "tests" / "benchmarks"
TABLES = ROOT / "book" / "data"


def median_seconds(function: Callable[[], object], *, repeats: int = 7) -> float:
    """Time a call: the median of several, after one that is not counted."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


def peak_of_arrays(function: Callable[[], object]) -> int:
    """Return the peak of what was allocated while a function ran, in bytes."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def table(rows: list[dict]) -> str:
    """Format rows with the same keys as a Markdown table, three digits to a number."""
    if not rows or any(row.keys() != rows[0].keys() for row in rows):
        raise ValueError("rows: expected at least one, all with the same keys")

    def show(value):
        if value is None:
            return ""
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join(show(value) for value in row.values()) + " |" for row in rows]
    return "\n".join(lines)


def write_data(name: str, rows: list[dict], measured: str) -> None:
    """Write the table of a chapter, three digits to a number, where it was measured in each row."""
    texts = [[to_text(rounded(value, 3, tiny=0)) for value in row.values()] for row in rows]
    header = [*rows[0], "measured"]
    write_rows(TABLES / name, header, [[*text, to_text(measured)] for text in texts])


def run(path: Path) -> Path:
    """Measure one benchmark module and write its table whole."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = list(module.measure())
    packages = ("numpy", "scipy", *getattr(module, "PACKAGES", ()))
    subject = path.stem.removeprefix("bench_")
    title, _, about = (module.__doc__ or subject).strip().partition("\n")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    measured = f"{sentence()} {versions}."
    closing = f"{measured} Written by `make bench`."
    text = "\n\n".join([f"# {title}\n{about}".rstrip(), table(rows), closing]) + "\n"
    target = path.with_name(f"{subject}.md")
    write_whole(target, text)
    if hasattr(module, "DATA"):
        write_data(module.DATA, rows, measured)
    return target


def main(arguments: list[str] | None = None) -> int:
    """Run all benchmarks, or the ones whose subjects are named."""
    parser = argparse.ArgumentParser(prog="book_tools.bench", description=__doc__)
    known = {path.stem.removeprefix("bench_"): path for path in BENCHMARKS.glob("bench_*.py")}
    parser.add_argument("subjects", nargs="*", help=f"of {', '.join(sorted(known))}; default all")
    subjects = parser.parse_args(arguments).subjects or sorted(known)
    unknown = [subject for subject in subjects if subject not in known]
    if unknown:
        parser.error(f"expected subjects of {sorted(known)}, got {unknown}")
    for subject in subjects:
        try:
            target = run(known[subject])
        except ImportError as error:
            print(f"{subject}: not measured, its table is left as it is. {error}", flush=True)
            continue
        print(target.read_text(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
