"""The slider figure in a browser: by keyboard, two on a page, and on a telephone."""

import os

import browser_checks
import pytest
from openblackbox.display import slider_figure, use_style

pytestmark = pytest.mark.browser


def _slider(pyplot, name):
    frames = []
    for height in (1, 2):
        figure, axes = pyplot.subplots(figsize=(2, 1))
        axes.plot([0, height])
        frames.append(figure)
    return slider_figure(frames, ["low", "high"], ["A low line.", "A high line."], label=name)


def test_slider_moves_by_keyboard(tmp_path):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as pyplot

    use_style()
    page_file = tmp_path / "page.html"
    sliders = _slider(pyplot, "First").html + _slider(pyplot, "Second").html
    page_file.write_text(f"<meta charset=utf-8><main>{sliders}</main>")
    with browser_checks.launch(browser_checks.required_browser(os.environ)) as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(page_file.as_uri())
        first, second = page.locator("input").all()
        images = page.locator("img")

        def visible():
            return [images.nth(number).is_visible() for number in range(4)]

        assert visible() == [True, False, True, False]
        first.focus()
        page.keyboard.press("ArrowRight")
        assert visible() == [False, True, True, False]
        assert page.locator("output").all_text_contents() == ["high", "low"]
        assert first.get_attribute("aria-valuetext") == "high"
        second.focus()
        page.keyboard.press("End")
        assert visible() == [False, True, False, True]
        page.keyboard.press("Home")
        assert visible() == [False, True, True, False]
