"""The harness of the benchmarks: what it times, what it writes, what it refuses."""

import time
import tracemalloc

import numpy as np
import pytest
from openblackbox.study import read_study

from book_tools import bench


def test_median_ignores_the_first_call_and_outliers():
    waits = iter([0.2, 0.002, 0.1, 0.002, 0.002, 0.002])
    calls = []

    def function():
        calls.append(1)
        time.sleep(next(waits))

    seconds = bench.median_seconds(function, repeats=5)
    assert len(calls) == 6
    assert 0.002 <= seconds < 0.1


def test_the_peak_of_arrays_is_that_of_the_call_alone():
    before = np.zeros(10**6)  # is not counted
    peak = bench.peak_of_arrays(lambda: np.ones(10**6).sum() + before[0])
    assert 8e6 <= peak < 8.1e6
    with pytest.raises(ZeroDivisionError):
        bench.peak_of_arrays(lambda: 1 / 0)
    assert not tracemalloc.is_tracing()


def test_table_has_three_digits():
    rows = [{"N": 64, "ms": 0.123456}, {"N": 128, "ms": 12.3456}, {"N": 256, "ms": None}]
    assert bench.table(rows).splitlines() == [
        "| N | ms |",
        "|---|---|",
        "| 64 | 0.123 |",
        "| 128 | 12.3 |",
        "| 256 |  |",
    ]


@pytest.mark.parametrize("rows", [[], [{"a": 1}, {"b": 2}]])
def test_unequal_rows_are_refused(rows):
    with pytest.raises(ValueError, match="rows"):
        bench.table(rows)


def test_run_writes_the_table_beside_the_benchmark(tmp_path):
    path = tmp_path / "bench_sums.py"
    path.write_text('"""Sums."""\n\ndef measure():\n    yield {"n": 3, "ratio": 1.5}\n')
    target = bench.run(path)
    assert target == tmp_path / "sums.md"
    text = target.read_text()
    assert text.startswith("# Sums.")
    assert "| 3 | 1.5 |" in text
    assert "numpy" in text


def test_a_table_for_a_chapter_tells_where_it_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "TABLES", tmp_path)
    path = tmp_path / "bench_sums.py"
    path.write_text(
        'PACKAGES, DATA = ("pytest",), "sums.csv"\n\n'
        'def measure():\n    yield {"n": 3, "ratio": 1.23456, "error": 4.4444e-16, "peer": None}\n'
    )
    bench.run(path)
    study = read_study(tmp_path / "sums.csv")
    assert [study[name] for name in ("n", "ratio", "error", "peer")] == [
        [3], [1.23], [4.44e-16], [None],
    ]  # fmt: skip
    assert f"pytest {pytest.__version__}." in study["measured"][0]
    assert "numpy" in study["measured"][0]


def test_without_a_peer_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "BENCHMARKS", tmp_path)
    (tmp_path / "sums.md").write_text("measured before")
    code = "def measure():\n    raise ImportError('nosuchpeer is missing')\n    yield {}\n"
    (tmp_path / "bench_sums.py").write_text(code)
    assert bench.main(["sums"]) == 0
    said = capsys.readouterr().out
    assert said == "sums: not measured, its table is left as it is. nosuchpeer is missing\n"
    assert (tmp_path / "sums.md").read_text() == "measured before"


def test_unknown_subject_is_named(capsys):
    with pytest.raises(SystemExit):
        bench.main(["no-such-subject"])
    assert "no-such-subject" in capsys.readouterr().err
