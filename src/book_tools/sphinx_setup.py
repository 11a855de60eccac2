"""What the build of the pages needs beyond its configuration file."""

from __future__ import annotations

import os
import re
from functools import cache

from book_tools import BOOK

# The address of the repository that publishes the pages. Where it is unknown, as in a build at
# home, the pages carry no launch buttons rather than wrong ones.
REPOSITORY_VARIABLE = "BOOK_REPOSITORY_URL"


def add_launch_buttons(app, config):
    """Add Binder and Colab buttons when the address of the repository is known."""
    address = os.environ.get(REPOSITORY_VARIABLE, "")
    if not address:
        return
    config.html_theme_options = {
        **config.html_theme_options,
        "repository_url": address,
        "repository_branch": os.environ.get("BOOK_REPOSITORY_BRANCH", "main"),
        "path_to_docs": "",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }


@cache  # asked once for every docstring
def chapter_labels():
    """Map the title of every page that has a label to that label."""
    labels = {}
    for page in sorted(BOOK.rglob("*.md")):
        match = re.search(r"^\(([\w-]+)\)=\n# (.+)$", page.read_text(encoding="utf-8"), re.M)
        if match:
            labels[match[2].strip()] = match[1]
    return labels


def link_chapter(text, labels):
    """Turn "Defined in the chapter Title." of a docstring into a link to the chapter."""
    for title, label in labels.items():
        pattern = rf"(Defined in the\s+chapter) {re.escape(title)}\."
        text = re.sub(pattern, rf"\1 :ref:`{title} <{label}>`.", text)
    return text


def link_chapters(app, what, name, thing, options, lines):
    """Link every docstring to the chapter that defines its subject, before numpydoc reads it."""
    lines[:] = link_chapter("\n".join(lines), chapter_labels()).split("\n")


def setup(app):
    """Register with Sphinx."""
    app.connect("autodoc-process-docstring", link_chapters, priority=100)
    app.connect("config-inited", add_launch_buttons, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
