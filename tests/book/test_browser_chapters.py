"""The built chapters in a browser without network, wide and narrow, light and dark."""

import os

import browser_checks as checks
import html_checks
import pytest

pytestmark = pytest.mark.browser

# How many theorems are searched for: one a page is enough to see that the index is right.
SEARCHED = 8


@pytest.fixture(scope="module")
def chapters():
    """What every check found, over all chapters."""
    site = checks.built_site()
    names = [page.name for page in html_checks.chapters(site)]
    with checks.launch(checks.required_browser(os.environ)) as browser:
        return checks.survey(site, browser, names, searched=SEARCHED)


@pytest.mark.parametrize("check", checks.CHECKS)
def test_built_chapters(chapters, check):
    assert set(chapters) <= set(checks.CHECKS)
    assert not chapters[check], "\n".join(chapters[check])
