"""The built chapters in a browser without network, wide and narrow, light and dark."""

import browser_checks as checks
import html_checks
import pytest

pytestmark = pytest.mark.browser

# How many theorems are searched for: one a page is enough to see that the index is right.
SEARCHED = 8


@pytest.fixture(scope="module")
def chapters(site, browser):
    """What every check found, over all chapters."""
    names = [page.name for page in html_checks.chapters(site)]
    return checks.survey(site, browser, names, searched=SEARCHED)


@pytest.mark.parametrize("check", checks.CHECKS)
def test_built_chapters(chapters, check):
    assert set(chapters) <= set(checks.CHECKS)
    assert not chapters[check], "\n".join(chapters[check])
