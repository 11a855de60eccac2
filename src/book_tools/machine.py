"""What a measured table says of where it was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path


def processor() -> str:
    """Name the processor, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def version(package: str) -> str:
    """Return the public version of an installed package, without its build tag."""
    return importlib.metadata.version(package).split("+")[0]


def sentence() -> str:
    """Describe the machine in one sentence."""
    return (
        f"Measured with {os.cpu_count()} cores of {processor()}, Python "
        f"{platform.python_version()}, {platform.system()}."
    )
