"""The mutants: what is broken, by how much, and that a weak test lets one live."""

import ast
from dataclasses import dataclass

import numpy as np
import pytest

from book_tools import mutation

MODULE = '''
"""A module with three numbers."""
HALF = 0.5

def area(width, height):
    if width < 0:
        raise ValueError(f"got {width}, expected at least {0.0}")
    return width * height * HALF, "area"

def name():
    return "half"
'''


def test_places_are_constants_and_computed_results():
    assert mutation.places(MODULE) == [("constant", 3), ("return", 8)]


def _broken(target, field=""):
    tree = mutation.Mutator(target, field).visit(ast.parse(MODULE))
    namespace = {"__nudged__": mutation.nudged}
    exec(compile(tree, "module", "exec"), namespace)
    return namespace


def test_a_constant_is_broken_by_a_tenth_of_a_percent():
    assert _broken(0)["HALF"] == 0.5 * 1.001
    assert _broken(None)["area"](2, 3) == (3.0, "area")


def test_one_field_of_a_result_is_broken():
    assert _broken(1, "0")["area"](2, 3) == (3.0 * 1.001, "area")
    assert _broken(1, "1")["area"](2, 3) == (3.0, "area")


@dataclass(frozen=True)
class Result:
    """Two numbers and a word."""

    count: int
    values: np.ndarray
    word: str


def test_fields_of_a_result_are_named_and_broken_one_by_one():
    result = Result(3, np.array([1.0, 2.0], dtype=np.float32), "x")
    assert mutation.floating_fields(result) == ["values"]
    broken = mutation.nudged(result, "values")
    assert broken.values.dtype == np.float32
    np.testing.assert_allclose(broken.values, [1.001, 2.002], rtol=1e-6)
    assert (broken.count, broken.word) == (3, "x")
    assert mutation.nudged(result, "absent") is result


@pytest.mark.parametrize("value", [0.0, np.zeros(3), 3, "x", None, np.array([1, 2]), np.nan])
def test_what_a_factor_cannot_change_is_no_mutant(value):
    assert mutation.floating_fields(value) == []


def test_a_recording_run_then_a_mutant_are_seen_by_the_tests(tmp_path, monkeypatch):
    package = tmp_path / "openblackbox"
    package.mkdir()
    (package / "__init__.py").write_text("")
    path = package / "triangle.py"
    path.write_text(MODULE)
    test = tmp_path / "test_triangle.py"
    body = "from openblackbox.triangle import area\n\ndef test_area():\n    assert "
    monkeypatch.setattr(mutation, "LIBRARY", tmp_path)
    monkeypatch.setattr(mutation, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{mutation.__file__.rsplit('/', 2)[0]}")

    test.write_text(body + "abs(area(2.0, 3.0)[0] - 3) < 1e-9\n")
    mutants = mutation.mutants_of(path, [str(test)])
    assert [(mutant.index, mutant.kind, mutant.field) for mutant in mutants] == [
        (0, "constant", ""),
        (1, "return", "0"),
    ]
    requests = [f"{mutant.module}:{mutant.index}:{mutant.field}" for mutant in mutants]
    assert [mutation.run_tests([str(test)], request) for request in requests] == [1, 1]
    assert mutation.run_tests([str(test)]) == 0

    test.write_text(body + "abs(area(2.0, 3.0)[0] - 3) < 0.1\n")
    assert [mutation.run_tests([str(test)], request) for request in requests] == [0, 0]
