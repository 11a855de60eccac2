"""The pictures among the outputs of a notebook: figures, and the frames of sliders."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping

SLIDER = '<div class="slider-figure"'
FRAME = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")


def slider_pages(outputs: Iterable[Mapping]) -> list[str]:
    """Return the sliders among a list of outputs, as HTML."""
    pages = ["".join(output.get("data", {}).get("text/html", "")) for output in outputs]
    return [page for page in pages if page.startswith(SLIDER)]


def stored_figures(outputs: Iterable[Mapping]) -> list[bytes]:
    """Decode the PNG figures of a list of outputs, in order; then the frames of its sliders."""
    figures = [
        output["data"]["image/png"] for output in outputs if "image/png" in output.get("data", {})
    ]
    figures += [frame for page in slider_pages(outputs) for frame in FRAME.findall(page)]
    return [base64.b64decode(figure) for figure in figures]
