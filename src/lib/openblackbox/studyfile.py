"""The file of a study: lines that are whole or absent, values that are stored without loss."""

from __future__ import annotations

import ast
import csv
import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np


def plain(value, what: str):
    """Return a value as one of Python's own, or raise a TypeError that names it."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(
        f"{what} must be a number, a boolean, a string or None, got {type(value).__name__}"
    )


def to_text(value) -> str:
    """Write a plain value so that ``from_text`` gives it back, type and last bit included."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    # A string is written as it is unless it would be read as something else, or breaks the line.
    safe = value.isprintable() and from_text(value) == value and type(from_text(value)) is str
    return value if safe else repr(value)


def from_text(text: str):
    """Read what ``to_text`` wrote."""
    if text in ("", "True", "False"):
        return {"": None, "True": True, "False": False}[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    if text[0] in "'\"":
        try:
            return ast.literal_eval(text)
        except (SyntaxError, ValueError):
            pass
    return text


def _line(row: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(row)
    return buffer.getvalue()


def _parse(text: str, path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    rows = list(csv.reader(io.StringIO(text, newline="")))
    if not rows:
        raise ValueError(f"{path}: expected a header, got an empty file")
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise ValueError(
                f"{path}: line {number} has {len(row)} fields, the header {len(rows[0])}"
            )
    return tuple(rows[0]), rows[1:]


def read_rows(path: Path) -> tuple[tuple[str, ...], list[list[str]]]:
    """Return header and rows of a finished file, as text."""
    text = path.read_text(encoding="utf-8")
    if text and not text.endswith("\n"):
        raise ValueError(f"{path}: the last line is unfinished")
    return _parse(text, path)


def write_rows(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
            stream.writelines([_line(header), *map(_line, rows)])
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)


class Journal:
    """The finished rows of a study, and the place where further ones are added.

    Parameters
    ----------
    path : path-like
        The file of the finished study. While the study runs, rows are in ``path`` + ``.partial``.
    header : sequence of str
        The names that the columns must have.
    """

    def __init__(self, path, header: Sequence[str]):
        """Open the partial file for this run alone, and read what is there."""
        self.path, self.header = Path(path), tuple(header)
        self.partial = self.path.with_name(self.path.name + ".partial")
        self.rows: list[list[str]] = []
        self.empty = True
        if not self.path.parent.is_dir():
            raise ValueError(f"path must be in an existing folder, got {self.path}")
        if self.path.is_dir():
            raise ValueError(f"path must be a file, got the folder {self.path}")
        self.stored: list[list[str]] = []
        self._open()
        try:
            # Read under the lock: a run that ends just now has stored its rows before it lets go.
            if self.path.exists():
                self.stored = self._checked(*read_rows(self.path), self.path)
            self.rows = [*self.stored, *self._recover()]
        except BaseException:
            self.empty = os.fstat(self.stream.fileno()).st_size == 0
            self.__exit__()
            raise

    def _open(self) -> None:
        """Open the partial file and lock it; again if another run removed it in between."""
        while True:
            self.stream = self.partial.open("a+b")
            try:
                self._lock()
                if os.path.samestat(os.fstat(self.stream.fileno()), self.partial.stat()):
                    return
            except FileNotFoundError:
                pass
            except BaseException:
                self.stream.close()
                raise
            self.stream.close()

    def _lock(self) -> None:
        """Refuse a second writer. The lock of a killed run is released by the system."""
        try:
            import fcntl
        except ImportError:  # Windows: two runs at a time are the user's care
            return
        try:
            fcntl.flock(self.stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RuntimeError(f"{self.partial}: another run is writing it") from None

    def _recover(self) -> list[list[str]]:
        """Drop the unfinished last line that a killed run has left; return the finished rows."""
        self.stream.seek(0)
        content = self.stream.read()
        whole = content[: content.rfind(b"\n") + 1]
        self.stream.truncate(len(whole))
        if whole:
            rows = self._checked(*_parse(whole.decode(), self.partial), self.partial)
            self.empty = not rows
            return rows
        self._write(self.header)
        return []

    def _checked(self, header, rows, path) -> list[list[str]]:
        if header != self.header:
            raise ValueError(
                f"{path}: expected the columns {list(self.header)}, got {list(header)}; "
                "it belongs to another study or to an older version of this one"
            )
        return rows

    def _write(self, row: Sequence[str]) -> None:
        self.stream.write(_line(row).encode())
        self.stream.flush()
        os.fsync(self.stream.fileno())

    def append(self, row: Sequence[str]) -> None:
        """Add one row; it is on the disk when this returns."""
        self._write(row)
        self.empty = False

    def finish(self, rows: list[list[str]]) -> None:
        """Store all rows in the final file; the partial one is no longer needed."""
        if rows != self.stored:
            write_rows(self.path, self.header, rows)
        self.empty = True

    def __enter__(self):
        """Return the journal."""
        return self

    def __exit__(self, *_):
        """Close the partial file; remove it if it holds nothing that is not stored."""
        if self.empty and os.name == "posix":  # still locked: the next run's file is not touched
            self.partial.unlink(missing_ok=True)
        self.stream.close()
        if self.empty and os.name != "posix":  # elsewhere an open file cannot be removed
            self.partial.unlink(missing_ok=True)
