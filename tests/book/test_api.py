"""The library's reference: complete, and every docstring says what a reader needs."""

import importlib
import inspect
import pkgutil
import re
from types import SimpleNamespace

import numpydoc.validate
import openblackbox
import pytest

from book_tools import BOOK, sphinx_setup

# Parameters missing or unknown, no Returns, no summary, no docstring.
NUMPYDOC = {"GL08", "PR01", "PR02", "RT01", "SS01"}


def public_objects():
    """Map each public object to the name under which its module exports it."""
    found = {}
    for module in pkgutil.walk_packages(openblackbox.__path__, "openblackbox."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        for name in getattr(loaded, "__all__", ()):
            thing = getattr(loaded, name)
            if inspect.isfunction(thing) or inspect.isclass(thing):
                found.setdefault(thing, f"{module.name}.{name}")
    return found


def documented_objects(page):
    """List the objects that the reference page documents, from its automodule directives."""
    objects = set()
    for name in re.findall(r"automodule:: (\S+)", page):
        module = importlib.import_module(name)
        objects |= {id(getattr(module, member)) for member in module.__all__}
    return objects


def docstring_problems(name, thing):
    """Say what the docstring of a public object lacks."""
    wanted = NUMPYDOC
    if inspect.isclass(thing) and (
        issubclass(thing, Exception) or getattr(thing, "_is_protocol", False)
    ):
        wanted = {"GL08", "SS01", "SS05"}  # nobody constructs these
    report = numpydoc.validate.validate(name)
    problems = [f"{code}: {text}" for code, text in report["errors"] if code in wanted]
    text = inspect.getdoc(thing) or ""
    if "PR01" in wanted and not re.search(r"Defined in the\s+chapter|Used in every", text):
        problems.append("no chapter is named")
    if inspect.isfunction(thing) and ">>>" not in text:
        problems.append("no example")
    return problems


PUBLIC = public_objects()


def test_reference_page_is_complete():
    page = (BOOK / "reference" / "api.md").read_text()
    missing = [name for thing, name in PUBLIC.items() if id(thing) not in documented_objects(page)]
    assert missing == []


def test_a_missing_module_is_caught():
    page = (BOOK / "reference" / "api.md").read_text()
    shorter = page.replace("automodule:: openblackbox.multitree.gauge", "")
    assert len(documented_objects(shorter)) < len(documented_objects(page))


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: PUBLIC[thing])
def test_docstring_says_what_a_reader_needs(thing):
    assert docstring_problems(PUBLIC[thing], thing) == []


def undocumented(a, b):
    """Add."""
    return a + b


def test_a_poor_docstring_is_caught():
    problems = docstring_problems(f"{__name__}.undocumented", undocumented)
    text = " ".join(problems)
    assert "PR01" in text
    assert "RT01" in text
    assert "chapter" in text
    assert "example" in text


def test_docstrings_are_linked_to_their_chapters():
    labels = sphinx_setup.chapter_labels()
    assert labels["Factorization"] == "chapter-factorization"
    text = "Cost: low.\n\nDefined in the\nchapter Factorization."
    linked = sphinx_setup.link_chapter(text, labels)
    assert linked.endswith("Defined in the\nchapter :ref:`Factorization <chapter-factorization>`.")
    assert sphinx_setup.link_chapter("Defined in the chapter Nowhere.", labels).endswith("Nowhere.")


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: PUBLIC[thing])
def test_the_chapter_that_a_docstring_names_exists(thing):
    text = inspect.getdoc(thing)
    if "Defined in the" in text:
        assert ":ref:" in sphinx_setup.link_chapter(text, sphinx_setup.chapter_labels())


def test_buttons_are_there_when_the_address_of_the_repository_is_known(monkeypatch):
    config = SimpleNamespace(html_theme_options={"kept": True})
    monkeypatch.delenv(sphinx_setup.REPOSITORY_VARIABLE, raising=False)
    sphinx_setup.add_launch_buttons(None, config)
    assert config.html_theme_options == {"kept": True}
    monkeypatch.setenv(sphinx_setup.REPOSITORY_VARIABLE, "https://example.org/a/b")
    monkeypatch.setenv("BOOK_REPOSITORY_BRANCH", "stable")
    sphinx_setup.add_launch_buttons(None, config)
    options = config.html_theme_options
    assert options["kept"]
    assert options["repository_url"] == "https://example.org/a/b"
    assert options["repository_branch"] == "stable"
    assert options["path_to_docs"] == ""  # "." would stand in the addresses of the notebooks
    assert {"binderhub_url", "colab_url"} <= options["launch_buttons"].keys()
