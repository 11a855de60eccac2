"""A pytest plugin: one line per finished file, and the slowest notebooks at the end.

pytest-xdist prints dots only; a reader who waits wants to see which file is done and what it cost.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SLOWEST = 10


@dataclass
class FileProgress:
    """What is known of one test file: how many items it has, and how its finished ones went."""

    expected: int = 0
    finished: int = 0
    seconds: float = 0.0
    outcomes: Counter = field(default_factory=Counter)

    def line(self, name: str) -> str:
        """Describe a finished file in one line."""
        counts = ", ".join(
            f"{self.outcomes[outcome]} {outcome}"
            for outcome in ("failed", "error", "passed", "skipped", "xfailed")
            if self.outcomes[outcome]
        )
        return f"{name}: {counts} in {self.seconds:.1f} s"


class Progress:
    """Collect the reports of all items and print a line when a file is complete."""

    def __init__(self, config: pytest.Config):
        self.config = config
        self.files: dict[str, FileProgress] = defaultdict(FileProgress)
        self.counted = False

    def expect(self, nodeids) -> None:
        """Count the items of each file, once: every worker reports the same collection."""
        if self.counted:
            return
        self.counted = True
        for nodeid in nodeids:
            self.files[nodeid.split("::")[0]].expected += 1

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids):
        """Learn the collection from the first worker that finished its own."""
        self.expect(ids)

    def pytest_collection_finish(self, session):
        """Learn the collection when there are no workers."""
        if session.items:
            self.expect(item.nodeid for item in session.items)

    def pytest_runtest_logreport(self, report):
        """Add a report; print the file's line at its last item."""
        name = report.nodeid.split("::")[0]
        entry = self.files[name]
        entry.seconds += report.duration
        if report.when == "call" or report.outcome != "passed":
            outcome = report.outcome
            if hasattr(report, "wasxfail"):
                outcome = "xfailed"
            elif outcome == "failed" and report.when != "call":
                outcome = "error"
            entry.outcomes[outcome] += 1
        if report.when == "teardown":
            entry.finished += 1
            if entry.finished == entry.expected:
                reporter = self.config.pluginmanager.get_plugin("terminalreporter")
                reporter.write_line(entry.line(name))

    @pytest.hookimpl
    def pytest_report_teststatus(self, report, config):
        """Replace the dots by nothing: the lines say it. Failures keep their letter."""
        if report.when == "call" and report.passed and not hasattr(report, "wasxfail"):
            return "passed", "", "PASSED"
        return None

    def pytest_terminal_summary(self, terminalreporter):
        """List the slowest chapters."""
        chapters = [
            (entry.seconds, name)
            for name, entry in self.files.items()
            if Path(name).suffix == ".ipynb"
        ]
        if chapters:
            terminalreporter.write_sep("-", "slowest chapters")
            for seconds, name in sorted(chapters, reverse=True)[:SLOWEST]:
                terminalreporter.write_line(f"{seconds:7.1f} s  {name}")


def pytest_configure(config):
    """Register on the process that reports to the terminal, not on the workers."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Progress(config), "book-progress")
