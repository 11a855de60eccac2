"""Packages that the core does without: imported where they are needed, with a helpful message."""

from contextlib import contextmanager


@contextmanager
def needed_by(user, package, *, hint=""):
    """Say who needs which package, and how to install it, when an import in the block fails."""
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{user} needs {package}: pip install {package}{hint}") from error
