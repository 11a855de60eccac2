"""The library core imports with numpy and scipy alone, and says what is missing when asked."""

import pkgutil
import subprocess
import sys

import openblackbox

BLOCKER = """
import importlib, sys

class Blocker:
    blocked = {"torch", "ot", "matplotlib", "sklearn", "IPython", "tqdm", "dask", "distributed",
               "pandas", "PIL", "yaml", "networkx"}

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def _run(code):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", BLOCKER + code], capture_output=True, text=True
    )


def _modules():
    found = pkgutil.walk_packages(openblackbox.__path__, "openblackbox.")
    return sorted(module.name for module in found)


def test_every_module_imports_with_numpy_and_scipy_alone():
    modules = _modules()
    assert "openblackbox.networks" in modules
    assert "openblackbox.multitree.factorization" in modules
    done = _run(f"for name in {modules!r}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr


def test_the_blocker_blocks():
    done = _run("import torch")
    assert done.returncode != 0
    assert "No module named 'torch'" in done.stderr


def test_missing_torch_is_explained():
    done = _run("from openblackbox.networks import TorchOracle; TorchOracle(None)")
    assert "ImportError" in done.stderr
    assert "pip install" in done.stderr


def test_missing_matplotlib_is_explained():
    done = _run("from openblackbox.display import use_style; use_style()")
    assert "ImportError" in done.stderr
    assert "pip install" in done.stderr
