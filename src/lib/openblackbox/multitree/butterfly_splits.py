"""The two ways in which `factorize_butterfly` splits a matrix: fast and exact, or robust.

Both read a contiguous matrix of size N = 2**L whose norm is far from the limits of its precision,
and return blocks as `openblackbox.multitree.butterfly.Butterfly` holds them. Neither loops over
blocks in Python: a stack of blocks is a view of the matrix with more axes.
"""

import numpy as np

from openblackbox.multitree.butterfly_form import dense

__all__ = ["balanced_split", "distance", "output_peel"]

# Entries that are treated at a time, so that what is read twice is still in the cache.
CHUNK = 2**16


def balanced_split(matrix: np.ndarray) -> np.ndarray:
    r"""Find the factors of an exact butterfly: halve the layers, and halve again.

    Cut at level m = L // 2. The block of neuron (d, a) of this level is a matrix of rank one,

    .. math:: A[o' 2^m + d,\; a 2^m + i'] = U[o', d, a]\; V[d, a, i'] .

    For every d the matrix U[:, d, :] is a butterfly of L - m layers, for every a the matrix
    V[:, a, :] one of m layers, and so on.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (N, N)
        The matrix :math:`A`.

    Returns
    -------
    numpy.ndarray, shape (L, 2, 2, N / 2)
        The blocks. If A is no butterfly they mean nothing: ask `distance`.

    Notes
    -----
    The block B of a neuron has rank one, so any row that is not zero is a multiple of V. The
    first cut takes the row where :math:`B c` is largest, with the vector
    :math:`c = (1, \pi^{-1}, \pi^{-2}, \dots)`; the smaller problems take
    :math:`v = (B c)^* B`, a step of the power method. Then :math:`u = B v^* / \|v\|^2`. Errors in
    :math:`B c` do not matter. It must not vanish, and does not for rows with algebraic entries, as
    :math:`1/\pi` is a root of no polynomial with such coefficients. On a noisy block all this is
    far from the best approximation.

    Cost: A is read twice, and the smaller matrices have 2 N**1.5 entries to begin with. All
    problems of one size are solved together.

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> blocks = balanced_split(np.array([[1.0, 2.0], [3.0, 4.0]]))
    >>> blocks[0, :, :, 0]
    array([[1., 2.],
           [3., 4.]])
    """
    size = len(matrix)
    n_layers = size.bit_length() - 1
    if n_layers == 1:
        return matrix.reshape(1, 2, 2, 1).copy()
    # todo[n]: pairs (first layer, stack of matrices (2**n, 2**n, N / 2**n)) with n layers to find.
    todo = [[] for _ in range(n_layers)]
    m = n_layers // 2
    left, right = _top_level(matrix, 2**m)
    todo[n_layers - m].append((m, left.transpose(0, 2, 1)))
    todo[m].append((0, right.transpose(0, 2, 1)))
    for n in range(n_layers - 1, 1, -1):
        if not todo[n]:
            continue
        m, together, stack = n // 2, len(todo[n]), size >> n
        p, q = 2 ** (n - m), 2**m
        left, right = _halves(np.concatenate([x for _, x in todo[n]], axis=2), p, q)
        left = left.reshape(p, q, p, together, stack).transpose(3, 0, 2, 1, 4)
        right = right.reshape(q, p, q, together, stack).transpose(3, 0, 2, 4, 1)
        for (first, _), u, v in zip(todo[n], left, right, strict=True):
            todo[n - m].append((first + m, u.reshape(p, p, q * stack)))
            todo[m].append((first, v.reshape(q, q, stack * p)))
    blocks = np.empty((n_layers, 2, 2, size // 2), matrix.dtype)
    for level, block in todo[1]:
        blocks[level] = block
    return blocks


def _top_level(matrix, q):
    """Halves of the whole matrix: U[o', d, a] and V[d, a, i'], by products of BLAS on views."""
    p = len(matrix) // q
    whole = matrix.reshape(p, q, p, q)
    start = (np.pi ** -np.arange(q)).astype(matrix.real.dtype)
    tiny = np.finfo(matrix.dtype).tiny  # 0 / tiny is 0, and x + tiny is x
    sizes = np.ascontiguousarray(np.abs(np.matmul(whole, start)).transpose(1, 2, 0))
    right = whole[sizes.argmax(axis=-1), np.arange(q)[:, None], np.arange(p)]
    right /= sizes.max(axis=-1)[..., None] + tiny  # any number in the range of the row does
    adjoint = right.conj()[..., None]
    left = np.matmul(whole.transpose(1, 2, 0, 3), adjoint)
    left /= np.matmul(right[..., None, :], adjoint) + tiny
    return left[..., 0].transpose(2, 0, 1), right


def _halves(stack, p, q):
    """Halves of a stack of matrices, last axis the stack: U[o', d, a, :] and V[d, a, i', :]."""
    blocks = stack.reshape(p, q, p, q, -1)
    start = (np.pi ** -np.arange(q)).astype(stack.real.dtype)
    tiny = np.finfo(stack.dtype).tiny
    u = np.einsum("odaik,i->odak", blocks, start)
    v = np.einsum("odak,odaik->daik", u.conj(), blocks)
    v /= (np.einsum("daik,i->dak", v, start) + tiny)[:, :, None]
    conjugate = v.conj()
    u = np.einsum("odaik,daik->odak", blocks, conjugate)
    u /= np.einsum("daik,daik->dak", v, conjugate) + tiny
    return u, v


def distance(matrix: np.ndarray, blocks: np.ndarray, *, limit: float = np.inf) -> float:
    r"""Frobenius norm of the difference between a matrix and a butterfly, entry by entry.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (N, N)
        The matrix :math:`A`.
    blocks : numpy.ndarray, shape (L, 2, 2, N / 2)
        The blocks of :math:`B`.
    limit : float, optional
        Stop, and return infinity, as soon as the norm exceeds this number.

    Returns
    -------
    float
        :math:`\|A - B\|_F`, or infinity: beyond the limit, or not a number.

    Notes
    -----
    B is never formed: its two halves are multiplied out, N**1.5 entries each, and compared with A
    some rows at a time. No cancellation: the differences are squared, not the squares subtracted.

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> distance(np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([[[[1.0], [3.0]], [[3.0], [4.0]]]]))
    5.0
    """
    m = len(blocks) // 2
    if m == 0:
        norm = float(np.linalg.norm(matrix - blocks[0, :, :, 0]))
        return norm if norm <= limit else np.inf
    right = np.ascontiguousarray(dense(blocks[:m]).transpose(0, 2, 1))
    left = dense(blocks[m:]).transpose(0, 2, 1)
    q, p = right.shape[:2]
    whole, total = matrix.reshape(p, q, p, q), 0.0
    step = min(p, max(1, CHUNK // (q * p * q)))
    buffer = np.empty((step, q, p, q), matrix.dtype)
    numbers = buffer.reshape(-1).view(matrix.real.dtype)
    for start in range(0, p, step):
        np.multiply(left[start : start + step, :, :, None], right, out=buffer)
        np.subtract(buffer, whole[start : start + step], out=buffer)
        total += float(np.dot(numbers, numbers))
        if not total <= limit**2:
            return np.inf
    return float(np.sqrt(total))


def output_peel(matrix: np.ndarray) -> tuple[np.ndarray, list[float]]:
    r"""Peel the factors off one by one from the output, each block by its best approximation.

    The block of a neuron of level L - 1 has two rows, half the matrix apart. Its best approximation
    of rank one is :math:`w\,v` with w the top eigenvector of its 2 x 2 Gram matrix and
    :math:`v = w^* B`. The column w goes into the last factor, the row v into the matrix that
    remains, of half the size. Repeat.

    Parameters
    ----------
    matrix : numpy.ndarray, shape (N, N)
        Any matrix.

    Returns
    -------
    blocks : numpy.ndarray, shape (L, 2, 2, N / 2)
        The columns of all factors but the first have norm 1, or 0.
    losses : list of L - 1 float
        What each split loses, from the last layer to the second.

    Notes
    -----
    The theorem of `openblackbox.multitree.factorization.factorize` for the transposed problem: the
    distance to the matrix is the root of the sum of the squared losses, and none of them exceeds
    the smallest possible distance. The loss of a block is the norm of its component orthogonal to
    w, computed as such, without cancellation. Cost: 2 N**2 entries are visited, some ten operations
    each.

    Defined in the chapter Butterflies.

    Examples
    --------
    >>> matrix = np.diag([2.0, 1.0, 0.0, 0.0]) + np.diag([1.0, 1.0], 2)
    >>> blocks, losses = output_peel(matrix)
    >>> losses
    [0.0]
    """
    size = len(matrix)
    n_layers = size.bit_length() - 1
    blocks = np.empty((n_layers, 2, 2, size // 2), matrix.dtype)
    remaining, losses = matrix, []
    for level in range(n_layers - 1, 0, -1):
        half, above = 2**level, size >> (level + 1)
        pairs = remaining.reshape(2, half, above, 2, half)
        remaining = np.empty((half, above, 2, half), matrix.dtype)
        weights = np.empty((2, half, above, 2), matrix.dtype)
        step, loss = max(1, CHUNK // (4 * size)), 0.0
        for d in range(0, half, step):
            first, second = pairs[:, d : d + step]
            w0, w1 = _top_columns(first, second)
            weights[0, d : d + step], weights[1, d : d + step] = w0, w1
            w0, w1 = w0[..., None], w1[..., None]
            np.multiply(first, w0.conj(), out=remaining[d : d + step])
            remaining[d : d + step] += second * w1.conj()
            lost = (first * w1 - second * w0).reshape(-1).view(matrix.real.dtype)
            loss += float(np.dot(lost, lost))
        blocks[level] = weights.transpose(0, 3, 1, 2).reshape(2, 2, -1)
        losses.append(float(np.sqrt(loss)))
    blocks[0] = remaining.reshape(2, -1, 2).transpose(0, 2, 1) if losses else matrix[..., None]
    return blocks, losses


def _top_columns(first, second):
    """Top left singular vectors, of norm 1 or 0, of the matrices with these two rows."""
    g00, g11 = _squares(first), _squares(second)
    cross = np.einsum("...i,...i->...", first, second.conj())
    half = (g00 - g11) / 2
    size = np.abs(half) + np.hypot(half, np.abs(cross))
    size = np.where(size > 0, size, 1)  # equal and orthogonal rows: the first is as good
    length = np.hypot(size, np.abs(cross))
    seen, top = g00 + g11 > 0, half >= 0
    w0, w1 = np.where(top, size, cross), np.where(top, cross.conj(), size)
    return w0 / length * seen, w1 / length * seen


def _squares(rows):
    numbers = rows.view(rows.real.dtype)
    return np.einsum("...i,...i->...", numbers, numbers)
