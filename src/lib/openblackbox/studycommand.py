"""The command line of the studies: `python -m openblackbox.study`."""

from __future__ import annotations

import argparse
import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

from openblackbox.study import Study, StudyError


def _end_with_parent() -> None:
    """End this worker when the process that started it is gone: a killed one cannot tell it."""

    def watch():
        multiprocessing.parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _executor(kind: str, workers: int | None):
    """Open an executor of the named kind for the command line."""
    if kind == "sequential":
        yield None
    elif kind == "processes":
        # A fresh interpreter per worker: a fork of a process with threads can hang.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, context, initializer=_end_with_parent) as pool:
            yield pool
    else:
        try:
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise SystemExit("--executor dask needs dask: pip install distributed") from error
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
            ) as local,
            Client(local) as client,
            client.get_executor() as pool,
        ):
            yield pool


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study from the command line; return 0 if every cell is there, 1 if some failed."""
    parser = argparse.ArgumentParser(prog="python -m openblackbox.study", description=main.__doc__)
    parser.add_argument("study", help="where the study is, as package.module:NAME")
    parser.add_argument("--out", required=True, help="the CSV file; a finished cell in it is kept")
    parser.add_argument(
        "--executor", choices=["sequential", "processes", "dask"], default="sequential"
    )
    parser.add_argument("--workers", type=int, help="number of processes")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(arguments)
    if options.workers is not None and options.workers < 1:
        parser.error(f"--workers must be at least 1, got {options.workers}")
    module, _, attribute = options.study.partition(":")
    if not module or not attribute:
        parser.error(f"study must read package.module:NAME, got {options.study!r}")
    try:
        study = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        parser.error(f"cannot load {options.study!r}: {error}")
    if not isinstance(study, Study):
        parser.error(f"{options.study!r} must be a Study, got {type(study).__name__}")
    try:
        with _executor(options.executor, options.workers) as executor:
            columns = study.run(
                options.out, executor=executor, progress=False if options.quiet else None
            )
    except (StudyError, ValueError, RuntimeError, OSError) as error:
        # Failed cells, a file of another study, another writer, a folder that is not there.
        print(f"{options.out}: {error}", file=sys.stderr)
        return 1
    print(f"{options.out}: {len(columns[study.header[0]])} cells")
    return 0
