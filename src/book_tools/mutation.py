"""Break the numbers of the library one by one, by 0.1 %, and see whether the tests notice.

A mutant is a float constant times 1.001, or the result of one `return` statement with its floating
parts times 1.001 (for a result of several fields: one field at a time). A mutant lives in memory
only: the module is compiled from a changed syntax tree when the tests import it.

Run `make mutants`, or `python -m book_tools.mutation multitree/gauge` for one module.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import importlib.machinery
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from book_tools import ROOT

LIBRARY = ROOT / "src" / "lib"
VARIABLE = "OPENBLACKBOX_MUTANT"
FACTOR = 1.001
RECORD = -1  # instead of a place: break nothing, write down which results have floating parts


# --- what a mutant does ------------------------------------------------------------------------


def _nudge(value):
    """Scale the floating parts of a number, array, or sequence of them; leave the rest."""
    import numpy as np

    if isinstance(value, (float, complex, np.inexact)):
        return type(value)(value * FACTOR)
    if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
        return (value * value.dtype.type(FACTOR)).astype(value.dtype, copy=False)
    if type(value) in (list, tuple):
        return type(value)(_nudge(entry) for entry in value)
    return value


def _fields(result) -> dict:
    """Name the fields of a result; a plain value has one field, without a name."""
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        return {entry.name: getattr(result, entry.name) for entry in dataclasses.fields(result)}
    if type(result) is tuple and len(result) > 1:
        return {str(number): value for number, value in enumerate(result)}
    return {"": result}


def floating_fields(result) -> list[str]:
    """Name the fields of a result that hold floating numbers other than zero."""
    import numpy as np

    def has_numbers(value):
        if isinstance(value, (float, complex, np.inexact)):
            return bool(np.isfinite(value)) and value != 0
        if isinstance(value, np.ndarray):
            return value.dtype.kind in "fc" and bool(np.any(np.isfinite(value) & (value != 0)))
        return type(value) in (list, tuple) and any(has_numbers(entry) for entry in value)

    return [name for name, value in _fields(result).items() if has_numbers(value)]


def nudged(result, field: str):
    """Scale one field of a result."""
    fields = _fields(result)
    if field not in fields:
        return result
    if field == "":
        return _nudge(result)
    if type(result) is tuple:
        return tuple({**fields, field: _nudge(fields[field])}.values())
    return dataclasses.replace(result, **{field: _nudge(fields[field])})


class Mutator(ast.NodeTransformer):
    """Number the places that can be broken, and break the one that is asked for."""

    def __init__(self, target: int | None = None, field: str = ""):
        self.target, self.field = target, field
        self.places: list[tuple[str, int]] = []

    def _is_target(self, kind, node):
        self.places.append((kind, node.lineno))
        return len(self.places) - 1 == self.target

    def visit_Raise(self, node):
        """Leave messages alone."""
        return node

    def visit_Constant(self, node):
        """Scale a float."""
        if isinstance(node.value, float) and node.value and self._is_target("constant", node):
            return ast.copy_location(ast.Constant(node.value * FACTOR), node)
        return node

    def visit_Return(self, node):
        """Scale the value of a return statement."""
        node = self.generic_visit(node)
        if node.value is None or isinstance(node.value, ast.Constant):
            return node
        is_target = self._is_target("return", node)
        if is_target or self.target == RECORD:
            name, value = (
                ("__nudged__", self.field) if is_target else ("__recorded__", len(self.places) - 1)
            )
            call = ast.Call(
                func=ast.Name(name, ast.Load()),
                args=[node.value, ast.Constant(value)],
                keywords=[],
            )
            return ast.fix_missing_locations(ast.copy_location(ast.Return(call), node))
        return node


def places(code: str) -> list[tuple[str, int]]:
    """List the kind and line of every place of a module that can be broken."""
    mutator = Mutator()
    mutator.visit(ast.parse(code))
    return mutator.places


# --- inside the tests: a plugin that loads the broken module -------------------------------------


class _Finder(importlib.machinery.PathFinder):
    """Find the one module that is to be broken, and compile it broken."""

    def __init__(self, name, target, field):
        self.name, self.target, self.field = name, target, field
        self.seen: dict[int, set[str]] = {}

    def recorded(self, result, place):
        """Write down which fields of a result hold numbers."""
        self.seen.setdefault(place, set()).update(floating_fields(result))
        return result

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        finder = self

        class Loader(importlib.machinery.SourceFileLoader):
            def get_code(self, fullname):
                tree = ast.parse(Path(self.path).read_text(encoding="utf-8"))
                mutator = Mutator(finder.target, finder.field)
                return compile(mutator.visit(tree), self.path, "exec")

            def exec_module(self, module):
                module.__nudged__, module.__recorded__ = nudged, finder.recorded
                super().exec_module(module)

        spec.loader = Loader(spec.name, spec.origin)
        return spec


def pytest_configure(config):
    """Install the finder when the environment asks for a mutant."""
    request = os.environ.get(VARIABLE)
    if not request:
        return
    module, target, field = request.split(":", 2)
    finder = _Finder(module, int(target), field)
    sys.meta_path.insert(0, finder)
    if int(target) == RECORD:

        def write():
            seen = {str(place): sorted(names) for place, names in finder.seen.items()}
            Path(field).write_text(json.dumps(seen))

        config.add_cleanup(write)


# --- outside: try all mutants of a module -------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One broken number: where it is."""

    module: str
    index: int
    field: str
    kind: str
    line: int


def module_name(path: Path) -> str:
    """Name the module of a file of the library."""
    return ".".join(path.relative_to(LIBRARY).with_suffix("").parts)


def run_tests(tests: list[str], request: str = "") -> int:
    """Run tests, with a mutant when a request is given; return pytest's exit status."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "book_tools.mutation"]
    command += ["--doctest-modules", *tests]
    environment = {**os.environ, VARIABLE: request}
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment)
    return done.returncode


def default_tests(path: Path) -> list[str]:
    """List a module's doctests and the unit tests of its folder, the module's own first."""
    folder = ROOT / "tests" / path.parent.relative_to(LIBRARY / "openblackbox")
    found = sorted(folder.glob("test_*.py"), key=lambda test: test.stem != f"test_{path.stem}")
    return [str(path), *map(str, found)]


def mutants_of(path: Path, tests: list[str]) -> list[Mutant]:
    """List the mutants of a module: constants, and results that are numbers in the tests."""
    module = module_name(path)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "seen.json"
        if run_tests(tests, f"{module}:{RECORD}:{record}"):
            raise SystemExit(f"the tests of {module} fail before anything is broken")
        seen = json.loads(record.read_text())
    mutants = []
    for index, (kind, line) in enumerate(places(path.read_text(encoding="utf-8"))):
        fields = [""] if kind == "constant" else seen.get(str(index), [])
        mutants += [Mutant(module, index, field, kind, line) for field in fields]
    return mutants


def main(arguments: list[str] | None = None) -> int:
    """Try the mutants of the named modules, and list the ones the tests do not notice."""
    parser = argparse.ArgumentParser(prog="book_tools.mutation", description=__doc__)
    known = [
        str(path.relative_to(LIBRARY / "openblackbox").with_suffix(""))
        for path in sorted((LIBRARY / "openblackbox").rglob("*.py"))
    ]
    parser.add_argument("modules", nargs="*", help="such as multitree/gauge; default: all")
    parser.add_argument("--tests", nargs="*", help="default: the unit tests and doctests")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.modules if name not in known]
    if unknown:
        parser.error(f"expected modules of {known}, got {unknown}")
    survivors = total = 0
    for name in options.modules or known:
        path = LIBRARY / "openblackbox" / f"{name}.py"
        tests = options.tests or default_tests(path)
        mutants = mutants_of(path, tests)
        requests = [f"{mutant.module}:{mutant.index}:{mutant.field}" for mutant in mutants]
        with ThreadPoolExecutor(options.jobs) as pool:
            statuses = pool.map(partial(run_tests, tests), requests)
            for mutant, status in zip(mutants, statuses, strict=True):
                total += 1
                if not status:
                    survivors += 1
                    field = f" field {mutant.field}" if mutant.field else ""
                    print(f"{name}.py:{mutant.line}: {mutant.kind}{field}: NOT NOTICED", flush=True)
        print(f"{name}: {len(mutants)} mutants", flush=True)
    print(f"{total} mutants, {survivors} not noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
