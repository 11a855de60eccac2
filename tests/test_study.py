import math
import multiprocessing
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.study import Study, StudyError, read_study
from openblackbox.studycommand import main
from openblackbox.studyfile import Journal, from_text, to_text

CALLS = []
MODULE = """
import os, time
from openblackbox.study import Study

def cell(a, seed):
    time.sleep({pause})
    return {{"third": (a + seed) / 3, "worker": os.getpid() > 0}}

def failing(a):
    if a % 2:
        raise ValueError(f"odd {{a}}")
    return {{"half": a // 2}}

STUDY = Study("thirds", cell, {{"a": [2, 1.5], "seed": [0, 1, 2]}}, ["third", "worker"])
FAILING = Study("halves", failing, {{"a": range(5)}}, ["half"])
OTHER = 3
"""


def record(a, b):
    CALLS.append((a, b))
    return {"sum": a / 3 + b, "text": f"a,{a}"}


def odd_fails(a):
    if a % 2:
        raise ValueError(f"odd {a}")
    return {"half": a // 2}


def kill_worker(a):
    os._exit(1)


STUDY = Study("sums", record, {"a": [3, 1, 2], "b": [0.1, -1.0]}, ["sum", "text"])
EXPECTED = {
    "a": [3, 3, 1, 1, 2, 2],
    "b": [0.1, -1.0] * 3,
    "sum": [1.1, 0.0, 1 / 3 + 0.1, 1 / 3 - 1, 2 / 3 + 0.1, 2 / 3 - 1],
    "text": ["a,3", "a,3", "a,1", "a,1", "a,2", "a,2"],
}


@pytest.fixture(autouse=True)
def _forget_calls():
    CALLS.clear()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Make a module that other processes can import; return the environment they need."""

    def write(pause=0):
        (tmp_path / "some_studies.py").write_text(MODULE.format(pause=pause))
        return tmp_path

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).parents[1] / 'src' / 'lib'}")
    yield write
    sys.modules.pop("some_studies", None)


# --- results ----------------------------------------------------------------------------------


def test_results_come_in_the_order_of_the_grid(tmp_path):
    path = tmp_path / "sums.csv"
    assert STUDY.run(path) == EXPECTED == read_study(path) == STUDY.run()
    lines = path.read_text().splitlines()
    assert lines[0] == "a,b,sum,text"
    assert lines[1] == '3,0.1,1.1,"a,3"'
    assert len(lines) == 7
    assert [p.name for p in tmp_path.iterdir()] == ["sums.csv"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_every_executor_gives_the_same_file(tmp_path, pool):
    STUDY.run(tmp_path / "one.csv")
    options = (
        {"mp_context": multiprocessing.get_context("spawn")} if pool is ProcessPoolExecutor else {}
    )
    with pool(2, **options) as executor:
        assert STUDY.run(tmp_path / "two.csv", executor=executor) == EXPECTED
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_late_cells_do_not_change_the_order(tmp_path):
    def slow_first(a):
        time.sleep(0.02 * (3 - a))
        return {"r": a}

    study = Study("slow", slow_first, {"a": [0, 1, 2]}, ["r"])
    with ThreadPoolExecutor(3) as executor:
        assert study.run(tmp_path / "s.csv", executor=executor)["r"] == [0, 1, 2]


plain_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["True", "1", "1e5", "nan", "", "'a'", '"', "'", "a\nb", "a,b", "1_0", " 1"]),
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(plain_values)
def test_values_are_stored_without_loss(value):
    text = to_text(value)
    again = from_text(text)
    assert type(again) is type(value)
    assert again == value or (isinstance(value, float) and math.isnan(value))
    assert "\n" not in text
    assert "\r" not in text


@settings(deadline=None, derandomize=True, max_examples=50)
@given(st.lists(plain_values, min_size=1, max_size=5))
def test_a_file_gives_back_what_was_computed(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("study") / "s.csv"
    study = Study("s", lambda i: {"value": values[i]}, {"i": range(len(values))}, ["value"])
    study.run(path)
    assert repr(read_study(path)["value"]) == repr(values)


def test_numpy_numbers_become_pythons():
    study = Study("s", lambda a: {"r": np.float32(a)}, {"a": np.array([0.1, 0.2])}, ["r"])
    result = study.run()
    assert result == {"a": [0.1, 0.2], "r": [float(np.float32(0.1)), float(np.float32(0.2))]}
    assert {type(x) for column in result.values() for x in column} == {float}


# --- resumption -------------------------------------------------------------------------------


def test_a_finished_cell_is_never_computed_again(tmp_path):
    path = tmp_path / "s.csv"
    replace(STUDY, grid={"a": [1], "b": [0.1, -1.0]}).run(path)
    CALLS.clear()
    assert STUDY.run(path) == EXPECTED
    assert CALLS == [(3, 0.1), (3, -1.0), (2, 0.1), (2, -1.0)]
    before = path.stat()
    STUDY.run(path)
    assert len(CALLS) == 4
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_one_integer_and_one_float_are_two_cells(tmp_path):
    study = Study("s", lambda a: {"r": type(a).__name__}, {"a": [1, 1.0, True, "1"]}, ["r"])
    assert study.run(tmp_path / "s.csv")["r"] == ["int", "float", "bool", "str"]


def test_a_run_cut_at_any_byte_is_resumed(tmp_path):
    path = tmp_path / "s.csv"
    STUDY.run(path)
    content = path.read_bytes()
    path.unlink()
    partial = tmp_path / "s.csv.partial"
    for length in range(len(content) + 1):
        CALLS.clear()
        partial.write_bytes(content[:length])
        assert STUDY.run(path) == EXPECTED
        whole_rows = max(content[:length].count(b"\n") - 1, 0)
        assert len(CALLS) == 6 - whole_rows
        assert path.read_bytes() == content
        assert not partial.exists()
        path.unlink()


def test_a_killed_process_loses_only_what_was_running(tmp_path, module):
    module(pause=0.05)
    out = tmp_path / "out.csv"
    partial = tmp_path / "out.csv.partial"
    command = [sys.executable, "-m", "openblackbox.study", "some_studies:STUDY", "--out", str(out)]
    process = subprocess.Popen([*command, "--quiet"])
    try:
        deadline = time.monotonic() + 20
        while not (partial.exists() and partial.read_bytes().count(b"\n") >= 3):
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    kept = partial.read_bytes()
    assert not out.exists()
    import some_studies

    seen = []
    study = replace(
        some_studies.STUDY, function=lambda **cell: seen.append(cell) or some_studies.cell(**cell)
    )
    assert study.run(out)["third"] == [(a + s) / 3 for a in (2, 1.5) for s in range(3)]
    assert len(seen) == 6 - (kept.count(b"\n") - 1)
    assert len(seen) <= 4


def test_an_interrupted_run_keeps_its_rows(tmp_path):
    def interrupted(a):
        if a == 2:
            raise KeyboardInterrupt
        return {"r": a}

    study = Study("s", interrupted, {"a": [0, 1, 2, 3]}, ["r"])
    with pytest.raises(KeyboardInterrupt):
        study.run(tmp_path / "s.csv")
    assert (tmp_path / "s.csv.partial").read_text() == "a,r\n0,0\n1,1\n"


def test_a_file_of_another_study_is_refused(tmp_path):
    path = tmp_path / "s.csv"
    STUDY.run(path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=r"expected the columns .*'total'.*, got .*'sum'"):
        Study("t", lambda a, b: {}, STUDY.grid, ["total", "text"]).run(path)
    with pytest.raises(ValueError, match="2 rows are not cells of the grid of 'sums', such as"):
        replace(STUDY, grid={"a": [3, 1], "b": [0.1, -1.0]}).run(path)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["s.csv"]
    path.rename(tmp_path / "s.csv.partial")
    with pytest.raises(ValueError, match=r"partial: expected the columns .* older version"):
        Study("t", lambda a, b: {}, STUDY.grid, ["total", "text"]).run(path)
    assert (tmp_path / "s.csv.partial").read_bytes() == content


def test_two_writers_at_a_time_are_refused(tmp_path):
    pytest.importorskip("fcntl")

    def inner(a):
        with pytest.raises(RuntimeError, match="another run is writing it"):
            study.run(tmp_path / "s.csv")
        return {"r": a}

    study = Study("s", inner, {"a": [1]}, ["r"])
    assert study.run(tmp_path / "s.csv") == {"a": [1], "r": [1]}


def test_a_run_that_ends_while_another_begins_loses_nothing(tmp_path, monkeypatch):
    path, partial = tmp_path / "s.csv", tmp_path / "s.csv.partial"
    lock, ended = Journal._lock, []

    def other_run_ends_first(journal):
        if not ended:
            ended.append(True)
            STUDY.run(path)  # stores its rows, and removes the file that this run has just opened
            CALLS.clear()
            assert not partial.exists()
        lock(journal)

    def interrupted(a, b):
        if a == 4:
            raise KeyboardInterrupt
        return record(a, b)

    monkeypatch.setattr(Journal, "_lock", other_run_ends_first)
    assert STUDY.run(path) == EXPECTED
    assert CALLS == []
    ended.clear()
    more = {"a": [3, 1, 2, 5, 4], "b": [0.1, -1.0]}
    with pytest.raises(KeyboardInterrupt):
        replace(STUDY, grid=more, function=interrupted).run(path)
    assert [line[0] for line in partial.read_text().splitlines()] == ["a", "5", "5"]


@pytest.mark.parametrize(
    "content, message",
    [("", "expected a header"), ("a,b\n1\n", "line 2 has 1 fields"), ("a\n1", "unfinished")],
)
def test_a_damaged_file_is_not_read(tmp_path, content, message):
    path = tmp_path / "s.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read_study(path)
    with pytest.raises(FileNotFoundError):
        read_study(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="path must be in an existing folder"):
        STUDY.run(tmp_path / "no" / "s.csv")


# --- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [0, 2])
def test_a_failing_cell_does_not_lose_the_others(tmp_path, threads):
    path = tmp_path / "s.csv"
    study = Study("halves", odd_fails, {"a": range(5)}, ["half"])
    executor = ThreadPoolExecutor(threads) if threads else None
    with pytest.raises(
        StudyError, match=r"2 of 5 cells of 'halves' failed: {'a': 1}.*odd 1"
    ) as got:
        study.run(path, executor=executor)
    assert [cell for cell, _ in got.value.failures] == [{"a": 1}, {"a": 3}]
    assert isinstance(got.value.__cause__, ValueError)
    assert sorted((tmp_path / "s.csv.partial").read_text().split()) == [
        "0,0",
        "2,1",
        "4,2",
        "a,half",
    ]
    assert not path.exists()
    repaired = replace(study, function=lambda a: {"half": -a})
    assert repaired.run(path)["half"] == [0, -1, 1, -3, 2]
    if executor:
        executor.shutdown()


def test_many_failures_are_counted():
    study = Study("s", odd_fails, {"a": [1, 3, 5, 7, 9]}, ["half"])
    with pytest.raises(StudyError, match=r"odd 5'\); and 2 more$"):
        study.run()


def test_a_dying_worker_is_reported():
    study = Study("s", kill_worker, {"a": [1, 2]}, ["r"])
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, mp_context=context) as executor,
        pytest.raises(StudyError, match=r"2 of 2 cells of 's' failed.*terminated abruptly"),
    ):
        study.run(executor=executor)


@pytest.mark.parametrize("result", [{}, {"r": 1, "q": 2}, 3, {"r": [1]}, {"r": 1j}, None])
def test_a_wrong_result_is_a_failure(result):
    with pytest.raises(StudyError, match="must"):
        Study("s", lambda a: result, {"a": [1]}, ["r"]).run()


@pytest.mark.parametrize(
    "change, error, message",
    [
        ({"function": 3}, TypeError, "function must be callable, got 3"),
        ({"function": lambda a: 0}, TypeError, r"must take the parameters \['a', 'b'\]"),
        ({"function": lambda a, b, c: 0}, TypeError, "missing a required argument: 'c'"),
        ({"grid": {}}, ValueError, "grid must be a non-empty mapping"),
        ({"grid": {"a": [1], "b": []}}, ValueError, r"grid\['b'\] must hold distinct values"),
        ({"grid": {"a": [1, 1], "b": [1]}}, ValueError, r"grid\['a'\] must hold distinct values"),
        ({"grid": {"a": "xy", "b": [1]}}, TypeError, r"grid\['a'\] must be a sequence"),
        ({"grid": {"a": 3, "b": [1]}}, TypeError, r"grid\['a'\] must be a sequence"),
        ({"grid": {"a": [[1]], "b": [1]}}, TypeError, r"grid\['a'\] must be a number.* got list"),
        ({"columns": []}, ValueError, "columns must be a non-empty sequence"),
        ({"columns": "sum"}, ValueError, "columns must be a non-empty sequence"),
        ({"columns": 3}, ValueError, "columns must be a non-empty sequence, got 3"),
        ({"name": 3}, TypeError, "name must be a non-empty string, got 3"),
        ({"columns": ["a"]}, ValueError, "must be distinct"),
        ({"columns": ["a b"]}, TypeError, "must be identifiers"),
    ],
)
def test_bad_studies(change, error, message):
    with pytest.raises(error, match=message):
        replace(STUDY, **change)


def test_where_to_compute_and_where_to_store_are_checked(tmp_path):
    with pytest.raises(TypeError, match=r"executor must be a concurrent.* got 'processes'"):
        STUDY.run(tmp_path / "s.csv", executor="processes")
    with pytest.raises(TypeError, match="path must be a path, got 3"):
        STUDY.run(3)
    with pytest.raises(ValueError, match="path must be a file, got the folder"):
        STUDY.run(tmp_path)
    assert not [*tmp_path.iterdir()]


# --- progress and command line ----------------------------------------------------------------


def test_progress_goes_to_stderr_when_asked(tmp_path, capsys):
    replace(STUDY, grid={"a": [3], "b": [0.1, -1.0]}).run(tmp_path / "s.csv")
    assert capsys.readouterr().err == ""
    STUDY.run(tmp_path / "s.csv", progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "sums:  33%" in shown.err  # 2 of the 6 cells were there
    assert "6/6" in shown.err


def test_progress_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert STUDY.run() == EXPECTED
    with pytest.raises(ImportError, match="progress=True needs tqdm: pip install tqdm"):
        STUDY.run(progress=True)


@pytest.mark.parametrize("executor", ["sequential", "processes", "dask"])
def test_command_line(tmp_path, module, executor, capsys):
    module()
    out = tmp_path / "out.csv"
    arguments = ["some_studies:STUDY", "--out", str(out), "--quiet"]
    assert main([*arguments, "--executor", executor, "--workers", "2"]) == 0
    assert capsys.readouterr().out == f"{out}: 6 cells\n"
    assert read_study(out)["third"] == [(a + seed) / 3 for a in (2, 1.5) for seed in range(3)]


def test_dask_runs_cells_in_other_processes(tmp_path):
    from distributed import Client, LocalCluster

    study = Study("where", lambda a: {"pid": os.getpid()}, {"a": [1, 2]}, ["pid"])
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
        client.get_executor() as executor,
    ):
        pids = set(study.run(tmp_path / "s.csv", executor=executor)["pid"])
    assert os.getpid() not in pids
    assert len(pids) == 1


def test_command_line_as_a_module(tmp_path, module):
    module()
    command = [sys.executable, "-W", "error", "-m", "openblackbox.study", "some_studies:FAILING"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "o.csv"), "--executor", "processes", "--workers", "1"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "2 of 5 cells of 'halves' failed" in done.stderr
    assert done.stdout == ""


def _alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_the_workers_of_a_killed_process_end(tmp_path, module):
    folder = module()
    (folder / "slow_study.py").write_text(
        "import os, time\nfrom openblackbox.study import Study\n"
        "def cell(a):\n    time.sleep(0.02)\n    return {'pid': os.getpid()}\n"
        "STUDY = Study('slow', cell, {'a': range(10000)}, ['pid'])\n"
    )
    partial = tmp_path / "o.csv.partial"
    command = [sys.executable, "-m", "openblackbox.study", "slow_study:STUDY", "--quiet"]
    command += ["--out", str(tmp_path / "o.csv"), "--executor", "processes", "--workers", "1"]
    process = subprocess.Popen(command)
    deadline = time.monotonic() + 30
    try:
        while not (partial.exists() and partial.read_bytes().count(b"\n") >= 3):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    worker = int(partial.read_text().splitlines()[1].split(",")[1])
    assert worker != process.pid
    while _alive(worker):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_command_line_says_in_a_line_what_is_wrong(tmp_path, module, capsys):
    module()
    for place in (tmp_path / "none" / "o.csv", tmp_path):
        assert main(["some_studies:STUDY", "--out", str(place), "--quiet"]) == 1
        shown = capsys.readouterr()
        assert shown.out == ""
        assert re.fullmatch(rf"{re.escape(str(place))}: path must be .*\n", shown.err)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere:STUDY", "--out", "o"], "cannot load 'nowhere:STUDY'"),
        (["some_studies", "--out", "o"], "study must read package.module:NAME, got 'some_studies'"),
        (["some_studies:NONE", "--out", "o"], "cannot load 'some_studies:NONE'"),
        (["some_studies:OTHER", "--out", "o"], "must be a Study, got int"),
        (["some_studies:STUDY"], "--out"),
        (["some_studies:STUDY", "--out", "o", "--workers", "0"], "--workers must be at least 1"),
    ],
)
def test_bad_command_lines(module, arguments, message, capsys):
    module()
    with pytest.raises(SystemExit) as got:
        main(arguments)
    assert got.value.code == 2
    assert message in capsys.readouterr().err
