"""The style of the figures, and sliders made of figures drawn in advance."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import json
from collections.abc import Callable, Sequence

from openblackbox.optional import needed_by
from openblackbox.rich import Rich

OKABE_ITO = (
    "#0072B2",  # blue
    "#D55E00",  # vermilion
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#E69F00",  # orange
    "#56B4E9",  # sky blue
    "#000000",  # black
)
"""The colour-blind-safe palette of Okabe and Ito; its yellow is left out (unreadable on white)."""

STYLE = {
    # 5.5 in at 120 dpi is 660 pixels: the width of the text column on a desktop. On a telephone the
    # image shrinks to about 340 pixels, where 11 points are still 9.4 pixels high.
    "figure.figsize": (5.5, 3.4),
    "figure.dpi": 120,
    "savefig.dpi": 120,
    "font.size": 11,
    "axes.titlesize": 11,
    "legend.fontsize": 10,
    "lines.linewidth": 2,
    "lines.markersize": 6,
    # Opaque white, so that black axes stay readable on a dark page.
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.transparent": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "openblackbox",
}
"""The style sheet of the book, applied by ``use_style`` on top of matplotlib's defaults."""

FRAME_COLOURS = 64
"""Colours of a frame of a slider: enough for lines and text, and a page stays light."""


def use_style() -> None:
    """Draw every figure from here on in the style of the book.

    Raises
    ------
    ImportError
        If matplotlib is not installed.

    Notes
    -----
    The style starts from matplotlib's defaults, so a personal configuration file has no effect:
    opaque white background, the palette of Okabe and Ito, 660 pixels wide. Images carry no
    metadata, so the same drawing gives the same bytes. Defined in the chapter How to run the book.

    Examples
    --------
    >>> from openblackbox.display import use_style
    >>> use_style()
    >>> import matplotlib
    >>> matplotlib.rcParams["figure.dpi"]
    120.0
    """
    with needed_by("use_style", "matplotlib"):
        import matplotlib
        import matplotlib.style
        from cycler import cycler
    matplotlib.style.use("default")
    matplotlib.rcParams.update(STYLE)
    matplotlib.rcParams["axes.prop_cycle"] = cycler(color=OKABE_ITO)
    _drop_notebook_metadata()


def _drop_notebook_metadata() -> None:
    """In a notebook, keep the version of matplotlib out of the images."""
    try:
        from IPython import get_ipython
        from matplotlib_inline.config import InlineBackend
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        config = InlineBackend.instance(parent=shell)
        # No cropping either: every figure of a given size in inches has the same size in pixels.
        config.print_figure_kwargs = {"bbox_inches": None, "metadata": {"Software": None}}


def slider_figure(
    frames: Sequence, labels: Sequence[str], alts: Sequence[str], *, label: str, name: str = ""
) -> Rich:
    """Make a slider that shows one of several figures drawn in advance.

    Parameters
    ----------
    frames : sequence of matplotlib figures, or of functions that return one
        The frames in the order of the slider, all of the same size. They are closed afterwards.
    labels : sequence of str
        What is shown beside the slider for each frame, such as ``angle 30 degrees``.
    alts : sequence of str
        What each frame shows, for those who do not see it.
    label : str
        What the slider changes, such as ``Direction of the input``.
    name : str
        Tells apart two sliders of one page that are equal in every other respect.

    Returns
    -------
    Rich
        The slider in HTML and its list of labels in plain text.

    Raises
    ------
    ValueError
        If there is no frame, the lengths differ, a text is empty, or the sizes of frames differ.
    TypeError
        If a frame is neither a figure nor a function that returns one.
    ImportError
        If matplotlib is not installed.

    Notes
    -----
    Everything is in the page: the frames are PNG images in it, and no server, file or library is
    needed. The slider is an ordinary range input, so the arrow keys move it and a screen reader
    announces the label of the frame. Without JavaScript the first frame is shown.
    Tag the cell ``nbval-ignore-output`` and check its numbers in another cell. Defined in the
    chapter How to run the book.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from openblackbox.display import slider_figure
    >>> frames = [Figure(figsize=(1, 1)) for _ in range(2)]
    >>> slider_figure(frames, ["a", "b"], ["empty", "also empty"], label="Letter")
    Letter (slider with 2 positions: a; b)
    """
    with needed_by("slider_figure", "matplotlib"):
        from matplotlib import pyplot
        from matplotlib.figure import Figure
    frames, labels, alts = list(frames), list(labels), list(alts)
    if not frames or not len(frames) == len(labels) == len(alts):
        raise ValueError(
            "frames, labels and alts must have the same length, at least 1, "
            f"got {len(frames)}, {len(labels)} and {len(alts)}"
        )
    for what, texts in (("labels", labels), ("alts", alts), ("label", [label])):
        empty = [text for text in texts if not isinstance(text, str) or not text.strip()]
        if empty:
            raise ValueError(f"{what} must be made of non-empty strings, got {empty[0]!r}")
    images, sizes = [], set()
    for frame in frames:
        figure = frame() if isinstance(frame, Callable) else frame
        if not isinstance(figure, Figure):
            raise TypeError(
                "frames must be matplotlib figures or functions that return one, "
                f"got {type(figure).__name__}"
            )
        images.append(_png(figure))
        sizes.add(_png_size(images[-1]))
        pyplot.close(figure)
    if len(sizes) > 1:
        raise ValueError(f"frames must have one size in pixels, got {sorted(sizes)}")
    page = _slider_html(images, sizes.pop(), labels, alts, label, name)
    return Rich(page, f"{label} (slider with {len(frames)} positions: {'; '.join(labels)})")


def _png(figure) -> bytes:
    """Draw a figure as a PNG of 64 colours, a quarter of the size of one in full colour."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", bbox_inches=None, metadata={"Software": None})
    with Image.open(drawn) as image:
        palette = image.convert("RGB").quantize(FRAME_COLOURS, dither=Image.Dither.NONE)
    palette.save(small, format="png", optimize=True)
    return small.getvalue()


def _png_size(image: bytes) -> tuple[int, int]:
    """Read width and height, which a PNG stores in bytes 16 to 24."""
    return int.from_bytes(image[16:20], "big"), int.from_bytes(image[20:24], "big")


# Moves to the frame whose number the slider holds. It looks only inside its own box, so several
# sliders live on one page, and it is an attribute, so it also works in a notebook's output.
_ON_INPUT = (
    "const box=this.closest('[data-slider]'),labels=JSON.parse(box.dataset.slider),"
    "now=Number(this.value);"
    "box.querySelectorAll('img').forEach((image,i)=>"
    "{image.style.display=i===now?'block':'none'});"
    "box.querySelector('output').textContent=labels[now];"
    "this.setAttribute('aria-valuetext',labels[now]);"
)


def _slider_html(images, size, labels, alts, label, name) -> str:
    def quoted(text):
        return html.escape(text, quote=True)

    content = json.dumps([name, label, labels, alts]).encode() + b"".join(images)
    identifier = "slider-" + hashlib.sha256(content).hexdigest()[:12]
    tags = "\n".join(
        f'<img alt="{quoted(alt)}" width="{size[0]}" height="{size[1]}" '
        f'style="display:{"none" if i else "block"};max-width:100%;height:auto;background:#fff" '
        f'src="data:image/png;base64,{base64.b64encode(image).decode()}">'
        for i, (image, alt) in enumerate(zip(images, alts, strict=True))
    )
    return (
        f'<div class="slider-figure" data-slider="{quoted(json.dumps(labels))}">\n'
        f'<label for="{identifier}">{quoted(label)}</label>\n'
        f'<input type="range" id="{identifier}" min="0" max="{len(images) - 1}" step="1" value="0" '
        f'autocomplete="off" aria-label="{quoted(label)}" aria-valuetext="{quoted(labels[0])}" '
        f'style="width:100%;max-width:{size[0]}px;display:block" oninput="{quoted(_ON_INPUT)}">\n'
        f'<output for="{identifier}">{quoted(labels[0])}</output>\n{tags}\n</div>'
    )
