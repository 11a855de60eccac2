"""Checks of the built pages in a Chromium without network: each returns its problems, in words."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import html_checks
import pytest

import book_tools

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL = "no Chromium found: install one (Debian: apt-get install chromium) or set CHROMIUM=path"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The network is cut: every name but this machine's own address is unknown.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
STILL = (
    "*, ::before, ::after { transition: none !important; animation: none !important; "
    "scroll-behavior: auto !important; }"
)
DESKTOP = {"width": 1280, "height": 900}
TELEPHONE = {"width": 390, "height": 800}

CHECKS = (
    "external",
    "failed",
    "errors",
    "formulas",
    "pictures",
    "folds",
    "sliders",
    "wide",
    "narrow",
    "light",
    "dark",
    "search",
)

# What the theme says on every page, and no page of ours can change: sphinx-thebe declares one and
# the same constant twice, and a reader who comes for the first time has chosen no mode.
NOT_OURS = (
    r"Identifier 'THEBE_JS_URL' has already been declared",
    r"^Got invalid theme mode: \. Resetting to auto\.$",
)


def find_browser(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the path of a Chromium: the variable CHROMIUM, or the first one on the path."""
    named = environ.get("CHROMIUM")
    names = (named,) if named else BROWSERS
    found = (shutil.which(name, path=environ.get("PATH", "")) for name in names)
    return next((path for path in found if path), None)


def required_browser(environ):
    """Return a Chromium; without one fail where it is required, and skip elsewhere."""
    found = find_browser(environ)
    if found is None and environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail(INSTALL)
    if found is None:
        pytest.skip(INSTALL)
    return found


def built_site():
    """Return the folder of the pages that `make book` built, or fail."""
    if not (book_tools.HTML / "index.html").is_file():
        pytest.fail(f"{book_tools.HTML} has no pages: run `make book` first")
    return book_tools.HTML


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        """Say nothing: failed requests are found by the browser."""


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine's own address and a free port; give the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def launch(executable: str):
    """Start the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A tab that may only talk to one address, and what it asked for and complained of."""

    def __init__(self, browser, base: str, viewport=None):
        self.base = base
        self.external: list[str] = []
        self.failed: list[str] = []
        self.errors: list[str] = []
        self.context = browser.new_context(viewport=viewport or DESKTOP)
        elsewhere = re.compile(f"^(?!{re.escape(base)}|data:|blob:|about:)")
        self.context.route(elsewhere, lambda route: route.abort())
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.on("request", self._requested)
        self.page.on("response", self._answered)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self._complain(str(error)))

    def _requested(self, request):
        if not re.match(f"{re.escape(self.base)}|data:|blob:|about:", request.url):
            self.external.append(f"{self._where()}: requests {request.url[:120]}")

    def _answered(self, response):
        if response.status >= 400 and not response.url.endswith("/favicon.ico"):
            self.failed.append(f"{self._where()}: {response.status} for {response.url}")

    def _said(self, message):
        missing_icon = message.location.get("url", "").endswith("/favicon.ico")
        if message.type == "error" and not missing_icon:
            self._complain(message.text)

    def _complain(self, text):
        if not any(re.search(pattern, text) for pattern in NOT_OURS):
            self.errors.append(f"{self._where()}: {text[:200]}")

    def _where(self):
        return self.page.url.removeprefix(self.base) or "index.html"

    def open(self, name: str) -> None:
        """Load a page and wait until its formulas are set and nothing moves any more."""
        self.page.goto(self.base + quote(name), wait_until="load")
        settle(self.page)

    def close(self) -> None:
        self.context.close()


def settle(page) -> None:
    """Wait for the formulas and fonts, and stop animations."""
    page.add_style_tag(content=STILL)
    page.evaluate(
        """async () => {
            if (window.MathJax && MathJax.startup) { await MathJax.startup.promise; }
            await document.fonts.ready;
            await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        }"""
    )


def set_mode(page, mode: str) -> None:
    """Switch to "light" or "dark" as the theme's button does."""
    page.evaluate(
        "mode => Object.assign(document.documentElement.dataset, {mode: mode, theme: mode})", mode
    )


def open_folds(page) -> None:
    """Unfold everything."""
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true; })")


def math_problems(page) -> list[str]:
    """Find formulas that are not typeset, are typeset as an error, or lack their font."""
    return page.evaluate(
        r"""() => {
            const problems = [];
            for (const error of document.querySelectorAll('mjx-merror, [data-mjx-error]')) {
                problems.push('formula in error: ' + (error.dataset.mjxError
                    || error.getAttribute('title') || error.textContent).slice(0, 80));
            }
            for (const formula of document.querySelectorAll('.math')) {
                if (!formula.querySelector('mjx-container')) {
                    problems.push('not typeset: ' + formula.textContent.trim().slice(0, 80));
                }
            }
            const root = document.querySelector('article') || document.body;
            const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                const text = walker.currentNode;
                if (/\$|\\\(|\\\[/.test(text.data) && !text.parentElement.closest(
                        'pre, code, script, style, textarea, mjx-container, .math')) {
                    problems.push('formula as text: ' + text.data.trim().slice(0, 80));
                }
            }
            for (const font of document.fonts) {
                if (font.status === 'error') { problems.push('font not loaded: ' + font.family); }
            }
            return problems;
        }"""
    )


def image_problems(page) -> list[str]:
    """Find pictures that did not load or have no alternative text."""
    return page.evaluate(
        """async () => {
            const problems = [];
            for (const image of document.querySelectorAll('img')) {
                const name = (image.getAttribute('src') || '').slice(0, 60);
                image.loading = 'eager';
                const late = new Promise(done => setTimeout(done, 3000));
                await Promise.race([image.decode().catch(() => {}), late]);
                if (!(image.naturalWidth > 0)) { problems.push('picture not shown: ' + name); }
                if (!image.alt.trim() && !image.closest('.navbar-brand')) {
                    problems.push('no alternative text: ' + name);
                }
            }
            return problems;
        }"""
    )


def dark_figure_problems(page) -> list[str]:
    """Find figures whose black lines would be drawn on a dark page."""
    return page.evaluate(
        """() => {
            const problems = [];
            for (const image of document.querySelectorAll('figure img, .cell_output img')) {
                if (!image.naturalWidth || image.closest('[style*="display:none"]')) { continue; }
                const canvas = document.createElement('canvas');
                canvas.width = canvas.height = 1;
                const brush = canvas.getContext('2d');
                brush.fillStyle = getComputedStyle(image).backgroundColor;
                brush.fillRect(0, 0, 1, 1);
                brush.drawImage(image, 0, 0, 1, 1, 0, 0, 1, 1);
                const [red, green, blue, alpha] = brush.getImageData(0, 0, 1, 1).data;
                if (alpha < 255 || Math.min(red, green, blue) < 200) {
                    problems.push('figure without a light background: ' + image.alt.slice(0, 60));
                }
            }
            return problems;
        }"""
    )


FOLDS = ".admonition.dropdown, .admonition.folded, details.sd-dropdown, details.hide, details.fold"

_FOLD_SCRIPT = """(selector) => {
    const boxes = [...document.querySelectorAll(selector)].filter(
        box => !box.parentElement.closest(selector));
    return boxes.map((box, number) => {
        const control = box.querySelector('summary, button[aria-expanded]');
        if (control) { control.dataset.foldTested = number; }
        const name = (control || box).textContent.trim().replace(/\\s+/g, ' ').slice(0, 50);
        return {number, name, control: !!control};
    });
}"""

_SHOWN_SCRIPT = """(number) => {
    const control = document.querySelector('[data-fold-tested="' + number + '"]');
    const box = control.closest('details') || control.closest('.admonition');
    const parts = [...box.children].filter(part => !part.contains(control));
    // A layout first: what was just opened counts as hidden until then.
    parts.forEach(part => part.getBoundingClientRect());
    return parts.some(part => part.checkVisibility({
        contentVisibilityAuto: true, opacityProperty: true, visibilityProperty: true
    }) && part.getBoundingClientRect().height > 0);
}"""


_CLICK_SCRIPT = """(number) => {
    const control = document.querySelector('[data-fold-tested="' + number + '"]');
    const shown = SHOWN;
    control.click();
    const opened = shown(number);
    control.click();
    return [control.tabIndex >= 0, opened, !shown(number)];
}""".replace("SHOWN", _SHOWN_SCRIPT)


def fold_problems(page) -> list[str]:
    """Open and close every folded box: the first of each kind by Tab, Enter and Space.

    A browser turns Enter on a control into the click that opens the others.
    """
    problems, reached = [], set()
    for fold in page.evaluate(_FOLD_SCRIPT, FOLDS):
        name, number = fold["name"], fold["number"]
        if not fold["control"]:
            problems.append(f"{name}: nothing to open it with")
            continue
        if page.evaluate(_SHOWN_SCRIPT, number):
            problems.append(f"{name}: open from the start")
            continue
        kind = name.split()[0] if name else ""
        if kind in reached:
            results = page.evaluate(_CLICK_SCRIPT, number)
        else:
            reached.add(kind)
            results = _by_keyboard(page, number)
        for good, problem in zip(results, _FOLD_PROBLEMS, strict=True):
            if not good:
                problems.append(f"{name}: {problem}")
                break
    return problems


_FOLD_PROBLEMS = ("Tab does not reach it", "Enter does not open it", "Space does not close it")


def _by_keyboard(page, number: int) -> tuple[bool, bool, bool]:
    if not _reach_by_tab(page, number):
        return False, False, False
    page.keyboard.press("Enter")
    opened = page.evaluate(_SHOWN_SCRIPT, number)
    page.keyboard.press("Space")
    return True, opened, not page.evaluate(_SHOWN_SCRIPT, number)


def _reach_by_tab(page, number: int, presses: int = 25) -> bool:
    """Start some stops before a control and press Tab until it has the focus."""
    page.evaluate(
        """(number) => {
            const control = document.querySelector('[data-fold-tested="' + number + '"]');
            const stops = [...document.querySelectorAll('a[href], button, input, summary')].filter(
                stop => stop.compareDocumentPosition(control) & Node.DOCUMENT_POSITION_FOLLOWING
                    && stop.tabIndex >= 0);
            document.activeElement.blur();
            // The links beside headings are hidden until they are pointed at: no focus for them.
            stops.reverse().some(stop => { stop.focus(); return document.activeElement === stop; });
        }""",
        number,
    )
    for _ in range(presses):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.foldTested") == str(number):
            return True
    return False


_SLIDER_SCRIPT = """(slider) => {
    const box = slider.closest('[data-slider]') || slider.parentElement;
    const shown = [...box.querySelectorAll('img')].filter(image => image.checkVisibility());
    const output = box.querySelector('output');
    return {value: slider.value, label: output ? output.textContent.trim() : '',
            spoken: slider.getAttribute('aria-valuetext') || '', shown: shown.length,
            alt: shown.length ? shown[0].alt : '',
            named: !!(slider.getAttribute('aria-label') || slider.labels.length)};
}"""


def slider_problems(page) -> list[str]:
    """Move every slider by keyboard: picture, its text, the label and what is spoken change."""
    problems = []
    for number, slider in enumerate(page.locator("input[type=range]").all()):
        name = f"slider {number}"
        before = slider.evaluate(_SLIDER_SCRIPT)
        if not before["named"]:
            problems.append(f"{name}: has no name")
        slider.focus()
        page.keyboard.press("ArrowRight")
        after = slider.evaluate(_SLIDER_SCRIPT)
        if after["value"] == before["value"]:
            problems.append(f"{name}: does not move by keyboard")
            continue
        problems += [
            f"{name}: {what} does not change"
            for key, what in (("alt", "the alternative text"), ("label", "the label"),
                              ("spoken", "aria-valuetext"))
            if after[key] == before[key]
        ]  # fmt: skip
        if after["shown"] != 1:
            problems.append(f"{name}: {after['shown']} pictures at once")
        page.keyboard.press("End")
        if slider.evaluate(_SLIDER_SCRIPT)["shown"] != 1:
            problems.append(f"{name}: no picture at its end")
        page.keyboard.press("Home")
    return problems


def overflow_problems(page) -> list[str]:
    """Find what makes the page scroll sideways, or is cut off at its edge."""
    return page.evaluate(
        """() => {
            const width = window.innerWidth, root = document.scrollingElement, problems = [];
            if (root.scrollWidth > width) {
                problems.push(`the page is ${root.scrollWidth} px wide in a window of ${width} px`);
            }
            const article = document.querySelector('article') || document.body;
            // Parts of what scrolls in its own box, of formulas, and of what is clipped to nothing
            // for screen readers are no fault.
            const boxed = new Set(), beyond = new Set();
            for (const part of article.querySelectorAll('*')) {
                const style = getComputedStyle(part);
                const hidden = style.position === 'absolute' && style.overflow === 'hidden';
                if (boxed.has(part.parentElement) || hidden || style.clip !== 'auto'
                        || part.tagName === 'MJX-ASSISTIVE-MML') {
                    boxed.add(part);
                    continue;
                }
                const edge = part.getBoundingClientRect();
                if (edge.width && edge.right + window.scrollX > width + 1) { beyond.add(part); }
                if (/auto|scroll/.test(style.overflowX) || part.tagName === 'MJX-CONTAINER') {
                    boxed.add(part);
                }
            }
            for (const part of beyond) {
                // The innermost are the cause, or near it.
                if ([...part.children].some(child => beyond.has(child))) { continue; }
                problems.push(`<${part.tagName.toLowerCase()} ${part.getAttribute('class') || ''}>`
                    + ` ends at ${Math.round(part.getBoundingClientRect().right)} px of ${width}: `
                    + part.textContent.trim().slice(0, 60));
            }
            return problems;
        }"""
    )


def _axe_source() -> str:
    import axe_playwright_python

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")


# Marks three elements of each look: colour, size and weight of the text, colours behind it.
_SAMPLE_SCRIPT = """() => {
    const article = document.querySelector('article, main') || document.body, seen = {};
    const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT), found = new Set();
    while (walker.nextNode()) {
        const part = walker.currentNode.parentElement;
        if (walker.currentNode.data.trim() && !part.closest('mjx-container, script, style')) {
            found.add(part);
        }
    }
    const looks = [...found].map(part => {
        const style = getComputedStyle(part);
        let look = style.color + style.fontSize + style.fontWeight + style.textDecorationLine;
        for (let box = part; box; box = box.parentElement) {
            const behind = getComputedStyle(box);
            look += behind.backgroundColor + behind.opacity + behind.filter;
        }
        return [part, look];
    });
    document.querySelectorAll('[data-look]').forEach(part => part.removeAttribute('data-look'));
    for (const [part, look] of looks) {
        seen[look] = (seen[look] || 0) + 1;
        if (seen[look] <= 3 && part.checkVisibility()) { part.dataset.look = ''; }
    }
}"""


def lighten(page) -> None:
    """Take out of a page thousands of elements that axe-core would walk, and that say no more.

    The glyphs of formulas have the colour of the text around them; tokens of code of one kind look
    the same in blocks of one kind. This cannot be undone.
    """
    page.evaluate(
        """() => {
            document.querySelectorAll('mjx-container').forEach(box => box.replaceWith('formula'));
            const seen = {};
            for (const token of document.querySelectorAll('.highlight pre span[class]')) {
                const block = token.closest('.highlight').parentElement;
                const kind = token.className + ' in ' + block.className;
                seen[kind] = (seen[kind] || 0) + 1;
                if (seen[kind] > 3) { token.replaceWith(token.textContent); }
            }
        }"""
    )


def stop_problems(page) -> list[str]:
    """Find what scrolls sideways and cannot be reached by keyboard."""
    return page.evaluate(
        """() => {
            const article = document.querySelector('article') || document.body;
            const stops = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
            const closed = box => /auto|scroll/.test(getComputedStyle(box).overflowX)
                && box.tabIndex < 0 && !box.querySelector(stops);
            return [...article.querySelectorAll('*')].filter(
                box => box.scrollWidth > box.clientWidth + 1 && box.clientWidth && closed(box)
            ).map(box => `<${box.tagName.toLowerCase()}> scrolls and is no stop for the keyboard: `
                + box.textContent.trim().slice(0, 40));
        }"""
    )


def contrast_problems(page) -> list[str]:
    """Return what axe-core says of the contrast of texts: three of each look stand for all."""
    page.evaluate(_SAMPLE_SCRIPT)
    return _axe(page, {"runOnly": {"type": "rule", "values": ["color-contrast"]}}, "[data-look]")


def axe_problems(page) -> list[str]:
    """Return axe-core's serious and critical findings in the content of a page, but contrast."""
    return _axe(page, {"rules": {"color-contrast": {"enabled": False}}}, None)


def _axe(page, options: dict, within: str | None) -> list[str]:
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(_axe_source())
    found = page.evaluate(
        """async ([options, within]) => {
            const box = document.querySelector('article') || document.querySelector('main');
            const inside = within ? [...document.querySelectorAll(within)]
                : [box || document.body];
            if (!inside.length) { return []; }
            const result = await axe.run({include: inside}, options);
            return result.violations.map(({id, impact, nodes}) => ({id, impact,
                nodes: nodes.map(({target, html, any}) => [target.join(' '), html.slice(0, 120),
                    any.map(check => check.data && check.data.contrastRatio).find(Boolean) || ''])
            }));
        }""",
        # Without "preload" axe fetches no style sheet again.
        [{**options, "resultTypes": ["violations"], "preload": False}, within],
    )
    return [
        f"{finding['id']} ({finding['impact']}) {ratio} at {target}: {html}"
        for finding in found
        if finding["impact"] in ("serious", "critical")
        for target, html, ratio in finding["nodes"]
    ]


def search_problems(visit: Visit, name: str, place: str) -> list[str]:
    """Search for a name as a reader does, and look for its page among the results."""
    page = visit.page
    page.goto(f"{visit.base}search.html?q={quote(name)}", wait_until="load")
    try:
        # The results come one by one; the summary is written after the last.
        page.wait_for_function(
            "/\\d|did not match/.test((document.querySelector('.search-summary') || {}).innerText)"
        )
    except Exception as error:
        return [f"{name}: the search does not answer ({type(error).__name__})"]
    links = page.eval_on_selector_all("#search-results li a", "links => links.map(a => a.href)")
    paths = [urlsplit(link)._replace(query="", fragment="").geturl() for link in links]
    if visit.base + quote(place) not in paths:
        return [f"{name}: {len(paths)} results, none on {place}"]
    return []


def link_target_problems(page, selector: str = "details.fold [id]") -> list[str]:
    """Follow a link to something inside a closed box: the box must open."""
    names = page.eval_on_selector_all(selector, "found => found.map(element => element.id)")
    problems = []
    for name in names[:3]:
        page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = false; })")
        page.evaluate("name => { location.hash = ''; location.hash = '#' + name; }", name)
        page.wait_for_timeout(50)
        if not page.evaluate("name => document.getElementById(name).checkVisibility()", name):
            problems.append(f"a link to #{name} shows a closed box")
    return problems


def punctuation_problems(page) -> list[str]:
    """Find full stops and the like that stand on another line than the formula before them."""
    return page.evaluate(
        """() => {
            const problems = [];
            for (const formula of document.querySelectorAll('span.math')) {
                const box = formula.querySelector('mjx-container') || formula;
                const next = formula.nextSibling, edge = box.getBoundingClientRect();
                if (next?.nodeType !== Node.TEXT_NODE || !/^[.,;:!?)]/.test(next.data)
                        || !edge.width || box.matches('.wide')) {
                    continue;
                }
                const range = document.createRange();
                range.setStart(next, 0);
                range.setEnd(next, 1);
                const mark = range.getBoundingClientRect();
                if (mark.width && mark.top > (edge.top + edge.bottom) / 2) {
                    const text = formula.closest('p, li, dd, td')?.textContent || '';
                    problems.push(`${next.data[0]} begins a line after a formula in: `
                        + text.trim().slice(0, 60));
                }
            }
            return problems;
        }"""
    )


def page_problems(visit: Visit, name: str) -> dict[str, list[str]]:
    """Load a page once and run every check on it: light, dark, wide and narrow."""
    visit.page.set_viewport_size(DESKTOP)
    visit.open(name)
    page = visit.page
    set_mode(page, "light")
    found = {
        "formulas": math_problems(page),
        "pictures": image_problems(page),
        "folds": fold_problems(page) + link_target_problems(page),
        "sliders": slider_problems(page),
    }
    open_folds(page)
    found["wide"] = overflow_problems(page)
    page.set_viewport_size(TELEPHONE)
    found["narrow"] = overflow_problems(page) + stop_problems(page)
    found["formulas"] += punctuation_problems(page)
    if found["narrow"]:
        # The scripts that mark what scrolls wait until the size stands still.
        page.wait_for_timeout(600)
        found["narrow"] = overflow_problems(page) + stop_problems(page)
    page.set_viewport_size(DESKTOP)
    lighten(page)
    found["light"] = axe_problems(page) + contrast_problems(page)
    set_mode(page, "dark")
    found["dark"] = contrast_problems(page) + dark_figure_problems(page)
    return {
        check: [f"{name}: {problem}" for problem in problems] for check, problems in found.items()
    }


def survey(site: Path, browser, pages, *, searched: int = 0) -> dict[str, list[str]]:
    """Run every check on some pages of a site, and search for a few of its theorems."""
    found = defaultdict(list)
    with serve(site) as base:
        visit = Visit(browser, base)
        for name in pages:
            for check, problems in page_problems(visit, name).items():
                found[check] += problems
        by_page = {place: name for name, place in html_checks.theorem_names(site)}
        named = [(name, place) for place, name in by_page.items() if "\\" not in name]
        for name, place in named[:searched]:
            found["search"] += search_problems(visit, name, place)
        if not named:
            found["search"].append("the book has no theorem with a name")
        found["external"], found["failed"] = visit.external, visit.failed
        found["errors"] = visit.errors
        visit.close()
    return found
