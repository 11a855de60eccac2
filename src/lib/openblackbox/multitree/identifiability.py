"""Identifiability: does a matrix determine its sparse factors, when their supports are known?

The order of layers is first layer first: ``product = factors[-1] @ ... @ factors[0]``. Neurons are
named ``(level, index)``; level 0 holds the inputs. What a matrix determines when the supports are
not known is the subject of `openblackbox.multitree.tilings`, and what is lost to first order that
of `openblackbox.multitree.tangent`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openblackbox.multitree.rankone import numeric
from openblackbox.multitree.supports import ancestors, check_multitree, descendants

__all__ = ["NOT_A_PRODUCT", "NOT_UNIQUE", "UNIQUE", "Uniqueness", "uniqueness"]

UNIQUE = "unique up to scaling"
NOT_UNIQUE = "not unique"
NOT_A_PRODUCT = "not a product"


@dataclass(frozen=True)
class Uniqueness:
    r"""What the blocks of a matrix say about its factors with given supports.

    Parameters
    ----------
    verdict : str
        ``UNIQUE``, ``NOT_UNIQUE`` or ``NOT_A_PRODUCT``, constants of this module.
    reasons : tuple of str
        Why the matrix is not a product, or its factors are not unique; empty when they are.
    undetermined : tuple of (int, int)
        The hidden neurons, as ``(level, index)``, that have an edge and whose block is zero: no
        weight at them can be read from the matrix. Empty unless the verdict is ``NOT_UNIQUE``.
    largest, second : tuple of 1-D arrays
        For each hidden level, the two largest singular values :math:`\sigma_1 \ge \sigma_2` of the
        block of each neuron; 0 where there is none.
    outside : float
        Frobenius norm of the entries of the matrix that no path reaches.

    Notes
    -----
    Defined in the chapter Identifiability.
    """

    verdict: str
    reasons: tuple[str, ...]
    undetermined: tuple[tuple[int, int], ...]
    largest: tuple[np.ndarray, ...]
    second: tuple[np.ndarray, ...]
    outside: float

    @property
    def unique(self) -> bool:
        """Whether the verdict is ``UNIQUE``."""
        return self.verdict == UNIQUE

    @property
    def degeneracy(self) -> float:
        r"""The largest :math:`\sigma_2 / \sigma_1` of all blocks: 0 for a product, at most 1."""
        ratios = [
            second / np.where(largest > 0, largest, 1)
            for largest, second in zip(self.largest, self.second, strict=True)
        ]
        return max((float(ratio.max()) for ratio in ratios if ratio.size), default=0.0)


def uniqueness(
    product: np.ndarray, supports: Sequence, *, tol: float | None = None, noise: float = 0.0
) -> Uniqueness:
    r"""Tell whether a matrix is a product with given multitree supports, and of one only.

    Let :math:`O_h` and :math:`I_h` be the outputs that descend from the hidden neuron h, and the
    inputs from which it descends. The *block* of h is :math:`A[O_h, I_h]`.

    .. math:: A = W_L \cdots W_1 \iff \text{every block has rank at most one, and } A
              \text{ is zero where no path leads}

    .. math:: W_1, \dots, W_L \text{ unique up to scaling} \iff \text{moreover no neuron with an
              edge has a zero block}

    Parameters
    ----------
    product : array_like, shape (n_L, n_0)
        The matrix :math:`A`, real or complex, of any scale.
    supports : sequence of 2-D array_like
        Supports :math:`S_1, \dots, S_L` of a multitree, first layer first.
    tol : float, optional
        A block has rank one when :math:`\sigma_2 \le \text{tol} \cdot \sigma_1 + \text{noise}`.
        The default is 1e-10 in double and 1e-4 in single precision.
    noise : float, optional
        An error of the matrix, in its own unit: a block with :math:`\sigma_1 \le \text{noise}`
        counts as zero, and so do entries outside whose norm is at most ``noise``. The default
        takes the entries as they are, and is right for path products at any scale.

    Returns
    -------
    Uniqueness
        `verdict`, `reasons`, `undetermined`, the singular values, `outside`.

    Raises
    ------
    NotMultitreeError
        Two paths join two neurons. The factors may be unique all the same: see
        `openblackbox.multitree.tangent`.
    ValueError
        Bad supports, a wrong shape, NaN or infinity, a negative tolerance.
    TypeError
        Neither single nor double precision, nor integers.

    Notes
    -----
    *Scaling* means :math:`W_l \mapsto D_l W_l D_{l-1}^{-1}` with invertible diagonal matrices,
    :math:`D_0 = D_L = I`. No factor is computed: the answer is read from L - 1 tables of singular
    values. When some blocks are zero, the weights between the other neurons are still unique up to
    scaling.

    *Cost*: the singular values of the blocks of L - 1 levels; each level has as many entries as
    the matrix, at most.

    Defined in the chapter Identifiability.

    References
    ----------
    * L. Zheng, E. Riccietti, R. Gribonval, Efficient identification of butterfly sparse matrix
      factorizations, SIAM Journal on Mathematics of Data Science 5, 2023.

    Examples
    --------
    >>> from openblackbox.multitree.supports import dyadic_supports
    >>> from openblackbox.multitree.transforms import dft
    >>> uniqueness(dft(3), dyadic_supports(3)).verdict
    'unique up to scaling'
    >>> result = uniqueness(dft(3, reverse=False), dyadic_supports(3))
    >>> result.verdict, round(result.degeneracy, 4)
    ('not a product', 1.0)
    """
    product, edges = numeric("product", product), check_multitree(supports)
    shape = (edges[-1].shape[0], edges[0].shape[1])
    if product.shape != shape:
        raise ValueError(f"product: expected shape {shape} from the supports, got {product.shape}")
    tol = rank_tolerance(product) if tol is None else tol
    for name, value in (("tol", tol), ("noise", noise)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name}: expected a finite number from 0 on, got {value!r}")
    outside = float(np.linalg.norm(product[~descendants(edges, 0)]))
    pairs = [_block_values(product, edges, level) for level in range(1, len(edges))]
    broken, silent = [], []
    if outside > noise:
        broken.append(f"the entries that no path reaches have norm {outside:.4g}")
    for level, (largest, second) in enumerate(pairs, start=1):
        high = np.flatnonzero(second > tol * largest + noise)
        if high.size:
            worst = high[(second[high] / largest[high]).argmax()]
            broken.append(
                f"level {level}: {high.size} of {largest.size} blocks have rank two or more; that "
                f"of neuron {worst} has sigma2/sigma1 = {second[worst] / largest[worst]:.4g}"
            )
        wired = edges[level - 1].any(axis=1) | edges[level].any(axis=0)
        silent += [(level, int(index)) for index in np.flatnonzero(wired & (largest <= noise))]
    reasons = broken or [f"level {level}: the block of neuron {h} is zero" for level, h in silent]
    return Uniqueness(
        verdict=NOT_A_PRODUCT if broken else NOT_UNIQUE if silent else UNIQUE,
        reasons=tuple(reasons),
        undetermined=() if broken else tuple(silent),
        largest=tuple(largest for largest, _ in pairs),
        second=tuple(second for _, second in pairs),
        outside=outside,
    )


def rank_tolerance(array: np.ndarray) -> float:
    """Relative size below which a second singular value is taken for rounding."""
    return 1e-10 if array.dtype.char in "dD" else 1e-4


def _block_values(product, edges, level):
    """Two largest singular values of the block of each neuron of a level; zeros where none."""
    outputs, inputs = descendants(edges, level).T, ancestors(edges, level)
    largest, second = np.zeros((2, len(inputs)), product.real.dtype)
    sizes = np.stack([outputs.sum(axis=1), inputs.sum(axis=1)])
    for height, width in np.unique(sizes[:, sizes.all(axis=0)], axis=1).T:
        neurons = np.flatnonzero((sizes == [[height], [width]]).all(axis=0))
        rows = np.nonzero(outputs[neurons])[1].reshape(-1, height, 1)
        columns = np.nonzero(inputs[neurons])[1].reshape(-1, 1, width)
        values = np.linalg.svd(product[rows, columns], compute_uv=False)
        largest[neurons] = values[:, 0]
        second[neurons] = values[:, 1] if values.shape[1] > 1 else 0
    return largest, second
