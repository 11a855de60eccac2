"""What several tests of the built pages need."""

import os

import browser_checks as checks
import pytest

import book_tools


@pytest.fixture(scope="module")
def browser():
    """A Chromium for all tests of a file."""
    with checks.launch(checks.required_browser(os.environ)) as browser:
        yield browser


@pytest.fixture(scope="module")
def site():
    """The pages that `make book` built."""
    if not (book_tools.HTML / "index.html").is_file():
        pytest.fail(f"{book_tools.HTML} has no pages: run `make book` first")
    return book_tools.HTML
