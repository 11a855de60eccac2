"""pyproject.toml, requirements.lock and environment.yml say the same; CONTRIBUTING says why."""

import copy
import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
# Names that conda-forge gives to what PyPI calls otherwise.
CONDA_FORGE = {"matplotlib": "matplotlib-base", "torch": "pytorch-cpu"}


def stated(pyproject, *, peers=False):
    """The requirements of the package and of its extras, by name; those of the peers on demand."""
    project = pyproject["project"]
    lines = [*project["dependencies"]]
    for name, extra in project["optional-dependencies"].items():
        lines += extra if name != "peers" or peers else []
    return {canonicalize_name((r := Requirement(line)).name): r for line in lines}


def pins(lock):
    """The lines of a lock that are not comments."""
    return [line for line in lock.splitlines() if line.strip() and not line.startswith("#")]


def lock_problems(pyproject, lock):
    """Compare the ranges of pyproject.toml with the pins of the lock."""
    problems, pinned = [], {}
    for line in pins(lock):
        found = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!]+)", line)
        if not found:
            problems.append(f"the lock has {line!r}, expected name==version without a local tag")
            continue
        name = canonicalize_name(found[1])
        if name in pinned:
            problems.append(f"the lock pins {name} twice")
        pinned[name] = found[2]
    for name, requirement in stated(pyproject).items():
        if name not in pinned:
            problems.append(f"the lock does not pin {name}")
        elif pinned[name] not in requirement.specifier:
            problems.append(f"the lock has {name} {pinned[name]}, expected {requirement.specifier}")
    return problems


def closure_problems(lock, installed=distribution):
    """Check that what pinned packages need is pinned, as far as they are installed here."""
    pinned = dict(line.split("==") for line in pins(lock) if "==" in line)
    names = {canonicalize_name(name) for name in pinned}
    problems = []
    for name, version in pinned.items():
        try:
            package = installed(name)
        except PackageNotFoundError:
            continue
        if package.version.split("+")[0] != version:
            continue  # another version is tried here; its needs say nothing about the lock
        for line in package.requires or []:
            needed = Requirement(line)
            wanted = needed.marker is None or needed.marker.evaluate({"extra": ""})
            if wanted and canonicalize_name(needed.name) not in names:
                problems.append(f"{name} needs {needed.name}, which the lock does not pin")
    return problems


def environment_problems(pyproject, environment):
    """Compare the ranges of pyproject.toml with those of environment.yml."""
    lines, problems = [], []
    for entry in environment["dependencies"]:
        lines += entry["pip"] if isinstance(entry, dict) else [entry]
    found = {}
    for line in lines:
        if line in ("pip", "-e ."):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            problems.append(f"environment.yml has {line!r}, which is no requirement")
            continue
        found[canonicalize_name(requirement.name)] = requirement.specifier
    wanted = {
        canonicalize_name(CONDA_FORGE.get(name, name)): requirement.specifier
        for name, requirement in stated(pyproject).items()
    }
    wanted["python"] = Requirement(f"python{pyproject['project']['requires-python']}").specifier
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            problems.append(
                f"{name}: pyproject.toml has {wanted.get(name, 'nothing')!s}, "
                f"environment.yml {found.get(name, 'nothing')!s}"
            )
    if "-e ." not in lines:
        problems.append("environment.yml does not install the package itself")
    return problems


def unexplained(pyproject, contributing):
    """Name the dependencies that have no row in the table of CONTRIBUTING."""
    section = contributing.partition("## Dependencies")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([A-Za-z0-9._-]+)` \| (\S[^|]{9,})\|", section, re.MULTILINE)
    explained = {canonicalize_name(name) for name, _ in rows}
    wanted = set(stated(pyproject, peers=True))
    return [
        f"CONTRIBUTING does not say why {name} is there" for name in sorted(wanted - explained)
    ] + [
        f"CONTRIBUTING explains {name}, which is no dependency"
        for name in sorted(explained - wanted)
    ]


def peer_problems(pyproject, lock):
    """The extra of the peers is pinned, and installed by nobody who did not ask for it."""
    rest = stated(pyproject)
    locked = {canonicalize_name(line.split("==")[0]) for line in pins(lock)}
    problems = []
    for line in pyproject["project"]["optional-dependencies"].get("peers", []):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if [specifier.operator for specifier in requirement.specifier] != ["=="]:
            problems.append(f"the peer {line!r} is not pinned")
        if name in locked or name in rest:
            problems.append(f"{name} is a peer and a dependency")
    return problems


PYPROJECT = {
    "project": {
        "requires-python": ">=3.11",
        "dependencies": ["numpy>=1.26"],
        "optional-dependencies": {"book": ["torch>=2.2", "PyYAML>=6"], "dev": ["ruff>=0.6,<2"]},
    }
}
LOCK = "# pinned\nnumpy==2.0.1\npyyaml==6.0\nruff==0.9\ntorch==2.13.0\n"
ENVIRONMENT = {
    "dependencies": [
        "python>=3.11",
        "pip",
        "numpy>=1.26",
        "pytorch-cpu>=2.2",
        "pyyaml>=6",
        {"pip": ["ruff>=0.6,<2", "-e ."]},
    ]
}
TABLE = "| `other` | a table above |\n## Dependencies\n" + "\n".join(
    f"| `{name}` | it is needed here |" for name in ("numpy", "torch", "pyyaml", "ruff")
)


def test_agreement_is_accepted():
    assert lock_problems(PYPROJECT, LOCK) == []
    assert environment_problems(PYPROJECT, ENVIRONMENT) == []
    assert unexplained(PYPROJECT, TABLE) == []


@pytest.mark.parametrize(
    "before, after, problem",
    [
        ("numpy==2.0.1", "numpy==1.20", "the lock has numpy 1.20, expected >=1.26"),
        ("numpy==2.0.1\n", "", "the lock does not pin numpy"),
        ("numpy==2.0.1", "numpy>=2.0", "the lock has 'numpy>=2.0', expected name==version"),
        ("==2.13.0", "==2.13.0+cpu", "the lock has 'torch==2.13.0+cpu', expected name==version"),
        ("ruff==0.9", "ruff==2.1", "the lock has ruff 2.1, expected <2,>=0.6"),
        ("pyyaml==6.0", "-e .", "the lock has '-e .', expected name==version"),
        ("pyyaml==6.0", "pyyaml==6.0\nPyYAML==6.0", "the lock pins pyyaml twice"),
    ],
)
def test_a_lock_that_disagrees_is_caught(before, after, problem):
    assert before in LOCK
    assert problem in lock_problems(PYPROJECT, LOCK.replace(before, after))[0]


@pytest.mark.parametrize(
    "before, after, problem",
    [
        ("numpy>=1.26", "numpy>=1.20", "numpy: pyproject.toml has >=1.26, environment.yml >=1.20"),
        ("python>=3.11", "python>=3.12", "python: pyproject.toml has >=3.11"),
        (
            "pytorch-cpu>=2.2",
            "pip",
            "pytorch-cpu: pyproject.toml has >=2.2, environment.yml nothing",
        ),
        ("pip", "pandas>=2", "pandas: pyproject.toml has nothing, environment.yml >=2"),
        ("pyyaml>=6", "pyyaml 6", "'pyyaml 6', which is no requirement"),
    ],
)
def test_an_environment_that_disagrees_is_caught(before, after, problem):
    environment = copy.deepcopy(ENVIRONMENT)
    lines = environment["dependencies"]
    lines[lines.index(before)] = after
    assert problem in environment_problems(PYPROJECT, environment)[0]


def test_an_environment_without_the_package_is_caught():
    environment = copy.deepcopy(ENVIRONMENT)
    environment["dependencies"][-1]["pip"].remove("-e .")
    assert environment_problems(PYPROJECT, environment) == [
        "environment.yml does not install the package itself"
    ]


def test_a_lock_that_is_not_closed_is_caught():
    class Package:
        version = "0.9+local"
        requires = ("numpy>=1", "rich>=1", "attrs; extra == 'all'", "tomli; python_version < '3'")

    def installed(name):
        if name == "ruff":
            return Package
        raise PackageNotFoundError(name)

    assert closure_problems(LOCK, installed) == ["ruff needs rich, which the lock does not pin"]
    assert closure_problems(LOCK.replace("ruff==0.9", "ruff==0.8"), installed) == []


def test_a_dependency_without_a_reason_is_caught():
    assert unexplained(PYPROJECT, TABLE.replace("torch", "jax")) == [
        "CONTRIBUTING does not say why torch is there",
        "CONTRIBUTING explains jax, which is no dependency",
    ]
    assert unexplained(PYPROJECT, TABLE.replace("| `ruff` | it is needed here |", "| `ruff` | |"))


def test_a_peer_that_is_loose_or_locked_is_caught():
    pyproject = copy.deepcopy(PYPROJECT)
    extras = pyproject["project"]["optional-dependencies"]
    extras["peers"] = ["faust==3.41"]
    assert peer_problems(pyproject, LOCK) == []
    assert lock_problems(pyproject, LOCK) == []
    assert environment_problems(pyproject, ENVIRONMENT) == []
    assert unexplained(pyproject, TABLE) == ["CONTRIBUTING does not say why faust is there"]
    extras["peers"] = ["faust>=3", "Ruff==0.9", "numpy==2.0.1"]
    assert peer_problems(pyproject, LOCK) == [
        "the peer 'faust>=3' is not pinned",
        "ruff is a peer and a dependency",
        "numpy is a peer and a dependency",
    ]


@pytest.fixture(scope="module")
def pyproject():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_lock_agrees(pyproject):
    assert lock_problems(pyproject, (ROOT / "requirements.lock").read_text(encoding="utf-8")) == []


def test_the_peers_are_pinned_and_not_locked(pyproject):
    assert peer_problems(pyproject, (ROOT / "requirements.lock").read_text(encoding="utf-8")) == []


def test_the_lock_is_closed():
    assert closure_problems((ROOT / "requirements.lock").read_text(encoding="utf-8")) == []


def test_the_conda_environment_agrees(pyproject):
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert environment["channels"] == ["conda-forge"]
    assert environment_problems(pyproject, environment) == []


def test_contributing_explains_every_dependency(pyproject):
    assert unexplained(pyproject, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")) == []
