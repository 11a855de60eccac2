r"""Nodes for the tape that act on images: cross-correlation, convolution and max pooling.

Images have the shape (n, channels, height, width), as in torch. A signal is an image of height 1.
"""

import numpy as np

from openblackbox.arguments import integer
from openblackbox.foundations.autodiff_graph import as_node, record

__all__ = ["convolution", "cross_correlation", "max_pool"]


def cross_correlation(images, kernels):
    r"""Slide kernels over images, without turning them: what torch calls convolution.

    .. math:: y_{n o r s} = \sum_{c, i, j} z_{n, c, r + i, s + j}\, k_{o c i j}

    Parameters
    ----------
    images : Node or array_like
        The images z, of shape (n, c, h, w).
    kernels : Node or array_like
        The kernels k, of shape (o, c, p, q), with p at most h and q at most w.

    Returns
    -------
    Node
        Shape (n, o, h - p + 1, w - q + 1): the places where the kernel is inside the image.

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    Forward, and for each of the two inputs backward, n o (h - p + 1) (w - q + 1) c p q
    multiplications. Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff_images import cross_correlation
    >>> cross_correlation([[[[1.0, 2.0, 4.0]]]], [[[[10.0, 1.0]]]]).value.ravel().tolist()
    [12.0, 24.0]
    """
    return _slide("cross_correlation", images, kernels)


def convolution(images, kernels):
    r"""Convolve images with kernels: the kernels are turned by half a turn, then slid.

    .. math:: y_{n o r s} = \sum_{c, i, j} z_{n, c, r + p - 1 - i, s + q - 1 - j}\, k_{o c i j}

    Parameters
    ----------
    images : Node or array_like
        The images z, of shape (n, c, h, w).
    kernels : Node or array_like
        The kernels k, of shape (o, c, p, q), with p at most h and q at most w.

    Returns
    -------
    Node
        Shape (n, o, h - p + 1, w - q + 1).

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff_images import convolution
    >>> convolution([[[[1.0, 2.0, 4.0]]]], [[[[10.0, 1.0]]]]).value.ravel().tolist()
    [21.0, 42.0]
    """
    kernels = as_node(kernels)
    if len(kernels.shape) != 4:
        raise ValueError(f"kernels: expected shape (o, c, p, q), got {kernels.shape}")
    turned = record(
        "turn", lambda k: k[:, :, ::-1, ::-1], [lambda g, y, k: g[:, :, ::-1, ::-1]], kernels
    )
    return _slide("convolution", images, turned)


def _slide(name, images, kernels):
    images, kernels = as_node(images), as_node(kernels)
    for what, node in (("images", images), ("kernels", kernels)):
        if len(node.shape) != 4 or 0 in node.shape:
            raise ValueError(f"{what}: expected four axes, none of length 0, got {node.shape}")
    (_, c, h, w), (_, depth, p, q) = images.shape, kernels.shape
    if depth != c or p > h or q > w:
        raise ValueError(
            f"kernels: expected {c} channels and at most {h} rows and {w} columns, "
            f"got shape {kernels.shape}"
        )
    places = [(i, j, slice(i, h - p + 1 + i), slice(j, w - q + 1 + j)) for i, j in np.ndindex(p, q)]

    def forward(z, k):
        terms = (
            np.einsum("ncrs,oc->nors", z[:, :, rows, columns], k[:, :, i, j], optimize=True)
            for i, j, rows, columns in places
        )
        return sum(terms)

    def to_images(g, y, z, k):
        adjoint = np.zeros_like(z)
        for i, j, rows, columns in places:
            part = np.einsum("nors,oc->ncrs", g, k[:, :, i, j], optimize=True)
            adjoint[:, :, rows, columns] += part
        return adjoint

    def to_kernels(g, y, z, k):
        adjoint = np.zeros_like(k)
        for i, j, rows, columns in places:
            window = z[:, :, rows, columns]
            adjoint[:, :, i, j] = np.einsum("nors,ncrs->oc", g, window, optimize=True)
        return adjoint

    return record(name, forward, [to_images, to_kernels], images, kernels)


def max_pool(images, size):
    r"""Return the largest entry of every block of an image.

    Parameters
    ----------
    images : Node or array_like
        Shape (n, c, h, w).
    size : int
        Side s of the square blocks; divides h and w.

    Returns
    -------
    Node
        Shape (n, c, h / s, w / s).

    Raises
    ------
    ValueError
        If a shape does not fit.

    Notes
    -----
    The adjoint goes to the largest entry; where several are largest, the convention is the first,
    row by row. Defined in the chapter Computational graphs.

    Examples
    --------
    >>> from openblackbox.foundations.autodiff import Node, gradient
    >>> from openblackbox.foundations.autodiff_images import max_pool
    >>> image = Node([[[[1.0, 3.0], [3.0, 2.0]]]])
    >>> gradient(max_pool(image, 2).sum(), [image])[0][0, 0].tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    images, size = as_node(images), integer("size", size)
    if len(images.shape) != 4 or 0 in images.shape:
        raise ValueError(f"images: expected four axes, none of length 0, got {images.shape}")
    n, c, h, w = images.shape
    if h % size or w % size:
        raise ValueError(f"size: expected a divisor of {h} and {w}, got {size}")

    def blocks(z):
        """Return the blocks along the last axis."""
        split = z.reshape(n, c, h // size, size, w // size, size)
        return split.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // size, w // size, size**2)

    def pull(g, y, z):
        first = blocks(z).argmax(axis=-1)[..., None]
        chosen = np.arange(size**2) == first
        split = (chosen * g[..., None]).reshape(n, c, h // size, w // size, size, size)
        return split.transpose(0, 1, 2, 4, 3, 5).reshape(z.shape)

    return record("max_pool", lambda z: blocks(z).max(axis=-1), [pull], images)
