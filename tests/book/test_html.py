"""The built pages, checked without a browser; each check is fed the fault it must catch."""

import base64

import html_checks as checks
import pytest

import book_tools


@pytest.fixture(scope="module")
def site():
    """The pages that `make book` built."""
    if not (book_tools.HTML / "index.html").is_file():
        pytest.fail(f"{book_tools.HTML} has no pages: run `make book` first")
    return book_tools.HTML


@pytest.mark.parametrize("check", checks.STATIC, ids=lambda check: check.__name__)
def test_built_pages(site, check):
    problems = check(site)
    assert not problems, "\n".join(problems)


def test_the_pages_are_there(site):
    names = {page.name for page in checks.read_pages(site)}
    assert {"search.html", "genindex.html"} <= names
    assert len(checks.chapters(site)) >= 5


def make_site(folder, *bodies, **pages):
    """Write a small site: pages 0.html, 1.html, ... and named ones."""
    named = {f"{number}.html": body for number, body in enumerate(bodies)}
    named |= {f"{name}.html": body for name, body in pages.items()}
    for name, body in named.items():
        text = f"<html lang=en><title>t</title><body><article>{body}</article></body></html>"
        (folder / name).write_text(text, encoding="utf-8")
    return folder


GOOD_BOX = (
    '<div class="proof theorem admonition" id="thm-a"><p class="admonition-title">'
    '<span class="caption-number">Theorem 1.1 </span> (Name)</p></div>'
    '<div class="proof dropdown admonition" id="proof"><p>Proof. It holds.</p></div>'
)


def test_a_good_page_has_no_problem(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    data = base64.b64encode(b"x,y\n1,2\n").decode()
    site = make_site(
        tmp_path,
        GOOD_BOX
        + '<a class="reference internal" href="#thm-a">Theorem 1.1</a> <a href="1.html#b">b</a>'
        '<a href="https://example.org/">elsewhere</a> <a href="#">top</a>'
        '<img src="a.png" alt="A line."><p>It costs <code>$x</code>,'
        ' <span class="math">\\(x\\)</span>.</p>'
        f'<a download="x.csv" href="data:text/csv;base64,{data}">data</a>',
        '<p id="b">b</p>',
    )
    (site / "searchindex.js").write_text('Search.setIndex({docnames:["0", "1"]})')
    for check in checks.STATIC:
        assert check(site) == [], check.__name__


@pytest.mark.parametrize(
    "body",
    [
        '<script src="https://cdn.example/x.js"></script>',
        '<script src="//cdn.example/x.js"></script>',
        '<img src="http://example.org/x.png" alt="x">',
        '<link rel="stylesheet" href="https://fonts.example/css">',
        '<link rel="preload" href="https://fonts.example/f.woff2">',
        "<style>@import 'https://fonts.example/css';</style>",
        '<p style="background: url(https://example.org/x.png)">x</p>',
        '<iframe src="https://example.org"></iframe>',
    ],
)
def test_something_fetched_from_elsewhere(tmp_path, body):
    assert len(checks.external_problems(make_site(tmp_path, body))) == 1


def test_a_style_sheet_that_fetches_from_elsewhere(tmp_path):
    (tmp_path / "x.css").write_text("@font-face { src: url('https://fonts.example/f.woff2'); }")
    assert len(checks.external_problems(make_site(tmp_path, "x"))) == 1


def test_a_link_to_elsewhere_is_allowed(tmp_path):
    body = '<a href="https://example.org">x</a><link rel="canonical" href="https://example.org">'
    assert checks.external_problems(make_site(tmp_path, body)) == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("missing.html", "no such file"),
        ("1.html#nowhere", "no such place"),
        ("#nowhere", "no such place"),
        ("../../outside.html", "out of the site"),
        ("file:" + 3 * "/" + "home/x.html", "the scheme file"),
    ],
)
def test_a_broken_link(tmp_path, address, words):
    site = make_site(tmp_path, f'<a href="{address}">x</a>', '<p id="there">x</p>')
    (problem,) = checks.link_problems(site)
    assert words in problem


def test_a_broken_picture_and_script(tmp_path):
    body = '<img src="no.png" alt="x"><script src="no.js"></script>'
    assert len(checks.link_problems(make_site(tmp_path, body))) == 2


def test_a_redirection_to_nowhere(tmp_path):
    (tmp_path / "index.html").write_text('<meta http-equiv="Refresh" content="0; url=x/y.html" />')
    assert checks.link_problems(tmp_path) == ["index.html: redirects to a missing y.html"]


@pytest.mark.parametrize("alt", ["", 'alt=""', 'alt="  "', 'alt="../_images/1a2b.png"'])
def test_a_missing_alternative_text(tmp_path, alt):
    site = make_site(tmp_path, f'<img src="a.png" {alt}>')
    assert len(checks.alt_problems(site)) == 1


def test_a_repeated_identifier(tmp_path):
    site = make_site(tmp_path, '<p id="a">x</p><p id="a">y</p><p id="b">z</p>')
    assert checks.identifier_problems(site) == ["0.html: 2 elements have the identifier a"]


@pytest.mark.parametrize(
    "text",
    [
        "where $x > 0$ holds",
        "where \\(x\\) holds",
        "see {prf:ref}`thm-a`",
        "see {numref}`fig-a`",
        "::: {note}",
        "Fig. %s",
        "Theorem ??",
        "a \\le b",
    ],
)
def test_markup_left_in_the_text(tmp_path, text):
    site = make_site(tmp_path, f"<p>{text}</p><pre>{text}</pre><code>{text}</code>")
    assert len(checks.raw_text_problems(site)) == 1


def test_two_boxes_with_one_number(tmp_path):
    twin = GOOD_BOX.replace("thm-a", "thm-b")
    site = make_site(tmp_path, GOOD_BOX, twin)
    assert checks.number_problems(site) == ["1.html: Theorem 1.1 is also 0.html#thm-a"]


@pytest.mark.parametrize(
    "body",
    [
        '<figure id="fig-a"><figcaption>No number</figcaption></figure>',
        '<div class="exercise admonition" id="ex-a"><p class="admonition-title">'
        '<span class="caption-number">Exercise </span></p></div>',
        '<div class="proof lemma admonition" id="a"><p class="admonition-title">Lemma</p></div>',
    ],
)
def test_a_box_without_number(tmp_path, body):
    (problem,) = checks.number_problems(make_site(tmp_path, body))
    assert "has no number" in problem


def test_an_equation_and_a_section_numbered_twice(tmp_path):
    eqno = '<span class="eqno">(1.2)<a class="headerlink" href="#e">#</a></span>'
    section = '<h2><span class="section-number">1.2. </span>x</h2>'
    site = make_site(tmp_path, eqno + section, eqno + section)
    assert checks.number_problems(site) == [
        "1.html: equation (1.2) is also 0.html",
        "1.html: section 1.2. is also 0.html",
    ]


@pytest.mark.parametrize(
    ("link", "words"),
    [
        ('<a class="reference internal" href="0.html#thm-a">Theorem 1.2</a>', "leads to Theorem"),
        ('<a class="reference internal" href="0.html#thm-a"></a>', "an empty reference"),
        (
            '<a class="reference internal" href="0.html#thm-a">'
            '<span class="std std-numref">Theorem</span></a>',
            "leads to Theorem",
        ),
        (
            '<a class="reference internal" href="0.html#"><span class="std-numref">Fig.</span></a>',
            "has no number",
        ),
        ('<a class="reference internal" href="0.html#equation-e">eq-e</a>', "has no number"),
    ],
)
def test_a_reference_without_the_right_number(tmp_path, link, words):
    problems = checks.number_problems(make_site(tmp_path, GOOD_BOX, link))
    assert problems
    assert words in problems[0]


def test_a_reference_in_words_is_allowed(tmp_path):
    link = '<a class="reference internal" href="0.html#thm-a">the statement</a>'
    assert checks.number_problems(make_site(tmp_path, GOOD_BOX, link)) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"x,y\n", "a header and a row"),
        (b"", "a header and a row"),
        (b"x,\n1,2\n", "a header and a row"),
        (b"x,y\n1,2\n3\n", "row 2"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_bad_figure_data(tmp_path, content, words):
    address = "data:text/csv;base64," + base64.b64encode(content).decode()
    site = make_site(tmp_path, f'<a download="x.csv" href="{address}">data</a>')
    (problem,) = checks.data_problems(site)
    assert words in problem


@pytest.mark.parametrize(
    "link",
    [
        '<a download="x.csv" href="data:text/csv;base64,!!!">data</a>',
        '<a download="x.csv" href="data:image/png;base64,AAAA">data</a>',
        '<a href="data:text/csv,x%2Cy%0A1%2C2%0A">data</a>',
    ],
)
def test_figure_data_that_cannot_be_downloaded(tmp_path, link):
    assert len(checks.data_problems(make_site(tmp_path, link))) == 1


def test_the_search_index_must_know_the_page_of_a_theorem(tmp_path):
    site = make_site(tmp_path, GOOD_BOX)
    assert checks.theorem_names(site) == [("Name", "0.html")]
    assert checks.index_problems(site) == ["there is no searchindex.js"]
    (site / "searchindex.js").write_text('Search.setIndex({"docnames": ["1"]})')
    assert checks.index_problems(site) == ["0.html (Name) is not in the search index"]
    (site / "searchindex.js").write_text('Search.setIndex({"docnames": ["0"]})')
    assert checks.index_problems(site) == []
