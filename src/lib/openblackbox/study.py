r"""Studies: a pure function over a grid of parameters, computed once and kept as a CSV file.

What is too long for a chapter is a study. Its cells are mapped over any
``concurrent.futures.Executor``, so the same study runs on a laptop and on a cluster. From the
command line::

    python -m openblackbox.study package.module:STUDY --out book/data/name.csv
        [--executor sequential|processes|dask] [--workers N] [--quiet]
"""

from __future__ import annotations

import inspect
import itertools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openblackbox.studyfile import Journal, from_text, plain, read_rows, to_text

__all__ = ["Study", "StudyError", "read_study"]


class StudyError(RuntimeError):
    """Some cells of a study failed; the others are kept and will not be computed again.

    Attributes
    ----------
    failures : list of tuple
        Pairs (cell, exception) in the order of the grid.
    """

    def __init__(self, name: str, failures: list, total: int):
        """Compose the message from the first failures."""
        self.failures = failures
        shown = "; ".join(f"{cell}: {error!r}" for cell, error in failures[:3])
        more = f"; and {len(failures) - 3} more" if len(failures) > 3 else ""
        super().__init__(f"{len(failures)} of {total} cells of {name!r} failed: {shown}{more}")


@dataclass(frozen=True)
class Study:
    r"""A pure function :math:`f` and a grid :math:`P_1 \times \dots \times P_k` of its arguments.

    Parameters
    ----------
    name : str
        What the progress bar and the error messages call it.
    function : callable
        Called as ``function(**cell)``; returns a mapping from each name in ``columns`` to a number,
        a boolean, a string or None. It is pure: its random numbers come from a ``seed`` in the
        grid. For other processes it must be a function of an importable module.
    grid : mapping from str to sequence
        The values of each argument. The last one varies fastest.
    columns : sequence of str
        The names of the results.

    Raises
    ------
    TypeError
        If an argument has another type, or ``function`` does not take the parameters of the grid.
    ValueError
        If the grid or ``columns`` is empty or has a repeated name or value.

    Notes
    -----
    Defined in the chapter How to run the book.

    Examples
    --------
    >>> from openblackbox.study import Study
    >>> def power(base, exponent):
    ...     return {"value": base**exponent}
    >>> study = Study("powers", power, {"base": [2, 3], "exponent": [1, 2]}, ["value"])
    >>> study.run()
    {'base': [2, 2, 3, 3], 'exponent': [1, 2, 1, 2], 'value': [2, 4, 3, 9]}
    """

    name: str
    function: Callable[..., Mapping]
    grid: Mapping[str, Sequence]
    columns: Sequence[str]

    def __post_init__(self):
        """Check the arguments and turn the grid into plain Python values."""
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"name must be a non-empty string, got {self.name!r}")
        if not callable(self.function):
            raise TypeError(f"function must be callable, got {self.function!r}")
        if not isinstance(self.grid, Mapping) or not self.grid:
            raise ValueError(f"grid must be a non-empty mapping, got {self.grid!r}")
        if (
            isinstance(self.columns, str)
            or not isinstance(self.columns, Sequence)
            or not [*self.columns]
        ):
            raise ValueError(f"columns must be a non-empty sequence, got {self.columns!r}")
        grid = {}
        for key, values in self.grid.items():
            if isinstance(values, str) or not hasattr(values, "__iter__"):
                raise TypeError(f"grid[{key!r}] must be a sequence of values, got {values!r}")
            grid[key] = tuple(plain(value, f"grid[{key!r}]") for value in values)
            if len({to_text(value) for value in grid[key]}) != len(grid[key]) or not grid[key]:
                raise ValueError(f"grid[{key!r}] must hold distinct values, got {values!r}")
        names = [*grid, *self.columns]
        if not all(isinstance(name, str) and name.isidentifier() for name in names):
            raise TypeError(f"names of parameters and columns must be identifiers, got {names}")
        if len(set(names)) != len(names):
            raise ValueError(f"names of parameters and columns must be distinct, got {names}")
        try:
            inspect.signature(self.function).bind(**dict.fromkeys(grid))
        except TypeError as error:
            raise TypeError(f"function must take the parameters {list(grid)}: {error}") from None
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "columns", tuple(self.columns))

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the parameters, then of the results."""
        return (*self.grid, *self.columns)

    def cells(self) -> list[dict]:
        """Return the arguments of every call, in the order of the grid."""
        return [
            dict(zip(self.grid, values, strict=True))
            for values in itertools.product(*self.grid.values())
        ]

    def run(self, path=None, *, executor: Executor | None = None, progress: bool | None = None):
        """Compute the cells that are not in the file yet, and return all of them.

        Parameters
        ----------
        path : path-like, optional
            Where the results are kept. Without it nothing is stored.
        executor : concurrent.futures.Executor, optional
            Where the cells are computed: by default in this process, one after the other. A process
            pool and ``dask.distributed.Client(...).get_executor()`` also serve.
        progress : bool, optional
            Show a progress bar on stderr. By default only on a terminal, if tqdm is installed.

        Returns
        -------
        dict from str to list
            The columns: parameters, then results, in the order of the grid.

        Raises
        ------
        StudyError
            If cells failed, after all others were computed and kept.
        TypeError
            If ``path`` is no path or ``executor`` no executor.
        ValueError
            If the file at ``path`` belongs to another study: other columns or other cells.
        RuntimeError
            If another run is writing the same results.

        Notes
        -----
        A finished cell is one line appended to ``path`` + ``.partial`` and flushed to the disk. A
        run that is killed while it writes leaves an unfinished last line, which the next run drops:
        a line counts whole or not at all. When all cells are there, they are sorted, written to
        a temporary file, and moved to ``path`` in one step.
        """
        if not (executor is None or hasattr(executor, "submit")):
            raise TypeError(f"executor must be a concurrent.futures.Executor, got {executor!r}")
        if not (path is None or isinstance(path, (str, os.PathLike))):
            raise TypeError(f"path must be a path, got {path!r}")
        cells = self.cells()
        keys = [self._key(cell) for cell in cells]
        if path is None:
            done = {}
            self._compute(cells, keys, done, None, executor, progress)
        else:
            with Journal(path, self.header) as journal:
                done = {tuple(row[: len(self.grid)]): row for row in journal.rows}
                foreign = set(done) - set(keys)
                if foreign:
                    raise ValueError(
                        f"{path}: {len(foreign)} rows are not cells of the grid of {self.name!r}, "
                        f"such as {dict(zip(self.grid, min(foreign), strict=True))}"
                    )
                self._compute(cells, keys, done, journal, executor, progress)
                journal.finish([done[key] for key in keys])
        return _to_columns(self.header, [done[key] for key in keys])

    def _key(self, cell: dict) -> tuple[str, ...]:
        return tuple(to_text(value) for value in cell.values())

    def _compute(self, cells, keys, done, journal, executor, progress) -> None:
        """Add the missing rows to ``done`` and to the journal."""
        missing = [number for number, key in enumerate(keys) if key not in done]
        failures = {}

        def finish(number, result):
            try:
                row = [*keys[number], *self._result(result())]
            except Exception as error:  # one failing cell must not lose the others
                failures[number] = error
                return
            if journal is not None:
                journal.append(row)
            done[keys[number]] = row

        with _progress_bar(self.name, len(cells), len(cells) - len(missing), progress) as step:
            if executor is None:
                for number in missing:
                    finish(number, lambda cell=cells[number]: self.function(**cell))
                    step()
            else:
                futures = {executor.submit(self.function, **cells[n]): n for n in missing}
                try:
                    for future in as_completed(futures):
                        finish(futures[future], future.result)
                        step()
                except BaseException:  # such as an interruption: do not start what is queued
                    for future in futures:
                        future.cancel()
                    raise
        if failures:
            pairs = [(cells[number], failures[number]) for number in sorted(failures)]
            raise StudyError(self.name, pairs, len(cells)) from pairs[0][1]

    def _result(self, result) -> list[str]:
        if not isinstance(result, Mapping) or set(result) != set(self.columns):
            got = list(result) if isinstance(result, Mapping) else result
            raise TypeError(f"function must return a mapping with {list(self.columns)}, got {got}")
        return [to_text(plain(result[name], f"result {name!r}")) for name in self.columns]


def _to_columns(header, rows) -> dict[str, list]:
    return {
        name: [from_text(row[position]) for row in rows] for position, name in enumerate(header)
    }


def read_study(path) -> dict[str, list]:
    """Read the results of a finished study.

    Parameters
    ----------
    path : path-like
        The file that ``Study.run`` wrote.

    Returns
    -------
    dict from str to list
        The columns, with the very values that were computed: numbers are stored without loss.

    Raises
    ------
    FileNotFoundError
        If the file is not there (results of an unfinished run are in ``path`` + ``.partial``).
    ValueError
        If a line is unfinished or has another number of fields than the header.

    Notes
    -----
    Defined in the chapter How to run the book.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from openblackbox.study import Study, read_study
    >>> def third(n):
    ...     return {"third": n / 3}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "thirds.csv"
    ...     computed = Study("thirds", third, {"n": [3, 6]}, ["third"]).run(path)
    ...     read_study(path) == computed
    True
    """
    header, rows = read_rows(Path(path))
    return _to_columns(header, rows)


@contextmanager
def _progress_bar(name: str, total: int, done: int, progress: bool | None):
    """Yield a function to call after each cell."""
    wanted = sys.stderr.isatty() if progress is None else progress
    if wanted:
        try:
            from tqdm import tqdm
        except ImportError as error:
            if progress:
                raise ImportError("progress=True needs tqdm: pip install tqdm") from error
            wanted = False
    if not wanted:
        yield lambda: None
        return
    with tqdm(total=total, initial=done, desc=name, file=sys.stderr) as bar:
        yield bar.update


if __name__ == "__main__":
    # Imported here: the module of a study imports openblackbox.study, and the two must be one.
    from openblackbox.studycommand import main

    sys.exit(main())
