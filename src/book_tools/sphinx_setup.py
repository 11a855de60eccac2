"""What the build of the pages needs beyond its configuration file."""

from __future__ import annotations

import os

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
        "path_to_docs": ".",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }


def setup(app):
    """Register with Sphinx."""
    app.connect("config-inited", add_launch_buttons, priority=100)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
