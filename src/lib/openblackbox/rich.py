"""What a notebook shows: HTML where it can be shown, and always plain text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rich:
    """Something a notebook shows: HTML where HTML can be shown, text elsewhere.

    Parameters
    ----------
    html : str
        What a notebook and the built page show.
    text : str
        What ``print`` shows.

    Notes
    -----
    Used in every chapter.
    """

    html: str
    text: str

    def __repr__(self) -> str:
        """Return the text."""
        return self.text

    def _repr_html_(self) -> str:
        return self.html
