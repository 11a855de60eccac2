"""The built pages in a browser without network; each check is fed the fault it must catch.

One Chromium loads every page once and looks at it wide and narrow, light and dark. The chapters are
in a file of their own, so that two workers share the pages.
"""

import base64
import os
import struct
import zlib

import browser_checks as checks
import html_checks
import pytest

import book_tools

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    """A Chromium for all tests of this file."""
    with checks.launch(checks.required_browser(os.environ)) as browser:
        yield browser


@pytest.fixture(scope="module")
def site():
    """The pages that `make book` built."""
    return checks.built_site()


@pytest.fixture(scope="module")
def book(site, browser):
    """What every check found, over the pages that are not chapters."""
    chapters = {page.name for page in html_checks.chapters(site)}
    pages = [page.name for page in html_checks.read_pages(site) if page.name not in chapters]
    return checks.survey(site, browser, pages)


@pytest.mark.parametrize("check", checks.CHECKS)
def test_built_pages(book, check):
    assert set(book) <= set(checks.CHECKS)
    assert not book[check], "\n".join(book[check])


def test_pages_work_without_a_server(site, browser):
    chapter = max(html_checks.chapters(site), key=lambda page: len(page.soup.select(".math")))
    visit = checks.Visit(browser, site.as_uri() + "/")
    # The first page leads on to the preface: wait for it, or the next page is interrupted.
    visit.page.goto(f"{site.as_uri()}/index.html")
    visit.page.wait_for_url(f"{site.as_uri()}/book/index.html")
    visit.page.goto(f"{site.as_uri()}/{chapter.name}")
    checks.settle(visit.page)
    assert checks.math_problems(visit.page) == []
    assert checks.image_problems(visit.page) == []
    assert checks.fold_problems(visit.page) == []
    assert visit.external + visit.errors == []
    visit.close()


def test_without_browser(monkeypatch):
    nothing = {"PATH": "/nowhere"}
    assert checks.find_browser(nothing) is None
    assert checks.find_browser({"PATH": os.environ["PATH"], "CHROMIUM": "/no/such"}) is None
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        checks.required_browser(nothing)
    with pytest.raises(pytest.fail.Exception, match="apt-get install chromium"):
        checks.required_browser(nothing | {"REQUIRE_BROWSER": "1"})


# From here on: faults.


def png(width=20, height=20, alpha=255):
    """Make a white picture."""
    rows = (b"\0" + b"\xff\xff\xff" + bytes([alpha])) if width == 1 else None
    rows = rows or b"\0" + (b"\xff\xff\xff" + bytes([alpha])) * width
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows * height)),
        (b"IEND", b""),
    ]
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + body).decode()


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory):
    """The address of a site to which a test adds its page."""
    folder = tmp_path_factory.mktemp("site")
    with checks.serve(folder) as base:
        yield folder, base


@pytest.fixture(scope="module")
def tab(empty_site, browser):
    """One tab for all faults: a new one costs half a second."""
    visit = checks.Visit(browser, empty_site[1])
    yield visit
    visit.close()


@pytest.fixture
def show(empty_site, tab):
    """Open a page with a given body; return the visit."""

    def open_page(body, head="", viewport=checks.DESKTOP):
        text = (
            f"<!doctype html><html lang=en><head><meta charset=utf-8><title>t</title>{head}"
            f"</head><body><main><article class=bd-article><h1>T</h1>{body}</article></main>"
            "</body></html>"
        )
        (empty_site[0] / "page.html").write_text(text, encoding="utf-8")
        tab.page.set_viewport_size(viewport)
        for said in (tab.external, tab.failed, tab.errors):
            said.clear()
        tab.open("page.html")
        return tab

    return open_page


def test_a_request_to_elsewhere(show):
    visit = show('<img src="https://example.org/x.png" alt="x">')
    assert len(visit.external) == 1
    assert "example.org" in visit.external[0]
    assert checks.image_problems(visit.page)


def test_a_request_made_later_by_a_script(show):
    visit = show("<script>setTimeout(() => fetch('https://example.org/').catch(() => 0))</script>")
    visit.page.wait_for_timeout(100)
    assert len(visit.external) == 1


def test_the_network_is_cut(browser):
    context = browser.new_context()
    with pytest.raises(Exception, match="ERR_NAME_NOT_RESOLVED"):
        context.new_page().goto("http://example.org/")
    context.close()


def test_a_missing_file(show):
    visit = show('<script src="no.js"></script>')
    assert len(visit.failed) == 1
    assert len(visit.errors) == 1


@pytest.mark.parametrize("script", ["console.error('fault')", "throw new Error('fault')"])
def test_an_error_in_a_script(show, script):
    visit = show(f"<script>{script}</script>")
    assert len(visit.errors) == 1
    assert "fault" in visit.errors[0]


def test_what_the_theme_says_is_not_an_error(show):
    twice = "<script>const THEBE_JS_URL = 1</script>" * 2
    assert show(twice + "<script>console.log('hint'); console.warn('w')</script>").errors == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("<p>where $x$ holds</p>", "formula as text"),
        ("<p>where \\(x\\) holds</p>", "formula as text"),
        ('<span class="math">\\(x\\)</span>', "not typeset"),
        (
            '<span class="math"><mjx-container><mjx-merror data-mjx-error="Undefined control">'
            "</mjx-merror></mjx-container></span>",
            "formula in error: Undefined control",
        ),
    ],
)
def test_a_formula_that_is_not_typeset(show, body, words):
    (problem,) = checks.math_problems(show(body).page)
    assert words in problem


def test_a_font_that_does_not_load(show):
    head = "<style>@font-face {font-family: F; src: url(no.woff2)} p {font-family: F}</style>"
    assert checks.math_problems(show("<p>x</p>", head).page) == ["font not loaded: F"]


def test_a_good_formula(show):
    body = '<span class="math"><mjx-container>x</mjx-container></span><pre>$x$</pre>'
    assert checks.math_problems(show(body).page) == []


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ('<img src="no.png" alt="x">', 1),
        ('<img src="data:image/png;base64,AAAA" alt="x">', 1),
        (f'<img src="{png()}" alt="">', 1),
        (f'<img src="{png()}">', 1),
        (f'<img src="{png()}" alt="White.">', 0),
        (f'<img src="{png()}" alt="White." loading="lazy" style="margin-top: 9000px">', 0),
    ],
)
def test_a_picture(show, body, count):
    assert len(checks.image_problems(show(body).page)) == count


def test_a_figure_that_vanishes_in_dark_mode(show):
    dark = "<style>body {background: #111}</style>"
    for alpha, style, count in ((255, "", 0), (0, "", 1), (0, "background: #fff", 0)):
        body = f'<figure><img src="{png(alpha=alpha)}" alt="x" style="{style}"></figure>'
        assert len(checks.dark_figure_problems(show(body, dark).page)) == count


def fold(inner, kind="proof"):
    return f'<a href="#">before</a><div class="{kind} folded admonition">{inner}</div>'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (fold("<details class=fold open><summary>P</summary><p>x</p></details>"), "open from"),
        (fold("<p>title</p><p hidden>x</p>"), "nothing to open it with"),
        (
            fold("<details class=fold><summary tabindex=-1>P</summary><p>x</p></details>"),
            "Tab does not reach it",
        ),
        (
            fold("<p><button aria-expanded=false>P</button></p><p style='visibility:hidden'>x</p>"),
            "Enter does not open it",
        ),
        (
            fold("<details class=fold><summary>P</summary><p style='opacity:0'>x</p></details>"),
            "Enter does not open it",
        ),
        (
            '<div class="proof dropdown admonition"><p>Proof. x</p></div>',
            "nothing to open it with",
        ),
    ],
)
def test_a_fold_that_does_not_open(show, body, words):
    (problem,) = checks.fold_problems(show(body).page)
    assert words in problem


def test_a_good_fold(show):
    body = fold("<details class=fold><summary>Proof</summary><p>x</p></details>")
    assert checks.fold_problems(show(body).page) == []


def with_script(body):
    """Load the script of the book as the pages do, in the head."""
    script = (book_tools.BOOK / "static" / "book.js").read_text(encoding="utf-8")
    return body, f"<script>{script}</script>"


PROOF = '<div class="proof dropdown admonition" id="proof"><p>Proof. Text <i>x</i>.</p></div>'
THEOREM = (
    '<div class="proof theorem admonition" id="t"><p class="admonition-title">'
    '<span class="caption-number">Theorem 1.1 </span> (Name)</p></div>'
)


def test_the_script_folds_proofs_and_solutions(show):
    solution = (
        '<div class="exercise admonition" id="e"><p class="admonition-title">'
        '<span class="caption-number">Exercise 1.1 </span></p></div>'
        '<div class="solution dropdown admonition" id="s"><p class="admonition-title">Solution</p>'
        '<section id="solution-content"><p id="inside">x</p></section></div>'
    )
    page = show(*with_script(THEOREM + PROOF + "<p>x</p>" + PROOF + solution)).page
    assert page.locator("summary").all_inner_texts() == [
        "Proof of Theorem 1.1",
        "Proof",
        "Solution to Exercise 1.1",
    ]
    assert page.locator("details p").first.text_content() == "Text x."
    assert page.locator("#proof").count() == 0
    assert checks.fold_problems(page) == []
    assert checks.link_target_problems(page) == []


def test_a_link_into_a_closed_box_without_the_script(show):
    body = "<details class=fold><summary>P</summary><p id=inside>x</p></details>"
    page = show(body, "<script>history.scrollRestoration = 'manual'</script>").page
    # The browser may open a box by itself; a box that a script closes again is the fault.
    page.evaluate(
        "addEventListener('hashchange', () => { document.querySelector('details').open = false })"
    )
    assert len(checks.link_target_problems(page)) == 1


def test_nothing_is_folded_on_paper(show):
    page = show(*with_script(THEOREM + PROOF)).page
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.querySelector('details').open")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert not page.evaluate("document.querySelector('details').open")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("so {}. Then", ["y."]),
        ("so ({}), and", ["(y),"]),
        ("the {}-th of", ["y-th"]),
        ("the [{}; of", ["[y;"]),
        ("{} alone", []),
        ("so {}<b>.</b>", []),
    ],
)
def test_punctuation_stays_with_its_formula(show, text, kept):
    sentence = text.format("<span class=math>y</span>")
    body = f"<article class=bd-article><p>{sentence}</p></article>"
    page = show(*with_script(body)).page
    assert page.locator(".kept").all_inner_texts() == kept
    plain = text.format("y").replace("<b>", "").replace("</b>", "")
    assert page.locator("p").text_content() == plain


@pytest.mark.parametrize("nowrap", [True, False])
def test_a_full_stop_alone_on_its_line(show, nowrap):
    formula = "<span class=math style='display: inline-block; width: 99px'>x</span>"
    style = "white-space: nowrap" if nowrap else ""
    problems = checks.punctuation_problems(
        show(f"<p style='width: 100px'><span style='{style}'>{formula}, so</span></p>").page
    )
    assert len(problems) == (not nowrap)


def slider(**changes):
    """Make a slider of two pictures as the library does, with something changed."""
    from matplotlib.figure import Figure
    from openblackbox.display import slider_figure

    frames = [Figure(figsize=(1, 1)) for _ in range(2)]
    page = slider_figure(frames, ["a", "b"], ["one", "two"], label="Letter").html
    for old, new in changes.values():
        assert old in page
        page = page.replace(old, new)
    return page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": ("oninput=", "data-x=")}, ["alternative text", "label", "aria-valuetext"]),
        ({"x": ('alt="two"', 'alt="one"')}, ["alternative text"]),
        ({"x": ("aria-valuetext", "data-text")}, ["aria-valuetext"]),
        ({"x": ('type="range"', 'type="range" disabled')}, ["does not move"]),
        (
            {"x": ("&#x27;none&#x27;", "&#x27;block&#x27;")},
            ["alternative text", "2 pictures", "no picture at its end"],
        ),
        ({"x": ("aria-label", "data-label"), "y": ("<label for", "<label data-for")}, ["no name"]),
        ({}, []),
    ],
)
def test_a_slider(show, changes, words):
    problems = checks.slider_problems(show(slider(**changes)).page)
    assert len(problems) == len(words)
    for problem, word in zip(problems, words, strict=True):
        assert word in problem


@pytest.mark.parametrize(
    ("body", "fits"),
    [
        ("<div style='width: 500px; height: 9px'>x</div>", False),
        ("<pre>" + "x" * 400 + "</pre>", False),
        ("<div style='overflow: hidden'><p style='width: 500px'>x</p></div>", False),
        ("<pre style='overflow-x: auto'>" + "x" * 400 + "</pre>", True),
        ("<div style='overflow-x: auto'><p style='width: 500px'>x</p></div>", True),
        ("<p>" + "word " * 100 + "</p>", True),
    ],
)
def test_a_page_wider_than_a_telephone(show, body, fits):
    head = "<meta name=viewport content='width=device-width, initial-scale=1'>"
    problems = checks.overflow_problems(show(body, head, checks.TELEPHONE).page)
    assert (problems == []) == fits


def test_low_contrast_in_one_mode_only(show):
    head = "<style>[data-theme=dark] {background: #111} p {color: #333}</style>"
    page = show("<p>Some text.</p>", head).page
    checks.set_mode(page, "light")
    assert checks.contrast_problems(page) == []
    checks.set_mode(page, "dark")
    (problem,) = checks.contrast_problems(page)
    assert problem.startswith("color-contrast (serious) 1.")


@pytest.mark.parametrize(
    ("body", "rule"),
    [
        (f'<img src="{png()}">', "image-alt"),
        ("<button></button>", "button-name"),
        ("<input type=range>", "label"),
        ("<a href='x.html'></a>", "link-name"),
        ("<div role=list><p>x</p></div>", "aria-required-children"),
    ],
    ids=lambda value: value if "-" in value and "<" not in value else "",
)
def test_what_axe_finds(show, body, rule):
    problems = checks.axe_problems(show(body).page)
    assert [problem.split()[0] for problem in problems] == [rule]


def test_one_pale_text_among_many(show):
    good = "<p style='color: #222'>dark</p>" * 50
    pale = "<p style='color: #999; background: #fff'>pale</p>"
    page = show(good + pale + good + "<div style='opacity: .3'><p>veiled</p></div>").page
    problems = checks.contrast_problems(page)
    assert len(problems) == 2
    assert page.locator("[data-look]").count() < 10


def test_what_scrolls_is_a_stop_for_the_keyboard(show):
    body, script = with_script("<pre style='overflow-x: auto'>" + "x" * 400 + "</pre><pre>x</pre>")
    page = show(body, script).page
    page.wait_for_timeout(450)
    assert checks.stop_problems(page) == []
    assert page.eval_on_selector_all("pre", "all => all.map(pre => pre.tabIndex)") == [0, -1]
    assert checks.axe_problems(page) == []


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("<pre style='overflow-x: auto' tabindex=-1>" + "x" * 400 + "</pre>", 1),
        ("<pre style='overflow-x: auto' tabindex=0>" + "x" * 400 + "</pre>", 0),
        ("<div style='overflow-x: auto'><p style='width: 5000px'><a href=#>x</a></p></div>", 0),
    ],
)
def test_what_scrolls_and_is_no_stop(show, body, count):
    assert len(checks.stop_problems(show(body).page)) == count


SEARCH_PAGE = """<p class="search-summary">{summary}</p><div id="search-results"><ul>
<li><a href="{link}">x</a></li></ul></div>"""


@pytest.mark.parametrize(
    ("summary", "link", "words"),
    [
        ("found 1 page", "a/b.html?highlight=x#name", None),
        ("found 1 page", "a/c.html", "none on a/b.html"),
        ("Searching", "a/b.html", "does not answer"),
    ],
)
def test_a_search(show, empty_site, summary, link, words):
    visit = show("x")
    body = SEARCH_PAGE.format(summary=summary, link=link)
    (empty_site[0] / "search.html").write_text(body, encoding="utf-8")
    visit.page.set_default_timeout(500)
    problems = checks.search_problems(visit, "name", "a/b.html")
    visit.page.set_default_timeout(60_000)
    assert (problems == []) if words is None else words in problems[0]


def test_a_page_with_many_faults(show):
    body = (
        '<p style="color: #aaa">pale $x$</p><img src="no.png" alt="x"><input type="range">'
        "<div style='width: 2000px'>x</div>" + PROOF
    )
    found = checks.page_problems(show(body), "page.html")
    for check in ("formulas", "pictures", "folds", "sliders", "wide", "light", "dark", "narrow"):
        assert found[check], check
        assert all(problem.startswith("page.html: ") for problem in found[check])
