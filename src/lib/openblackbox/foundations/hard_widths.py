r"""Piecewise affine functions whose minimal width answers a question about subset sums.

Given positive integers :math:`p_1, \dots, p_n` and T, is T the sum of some of them? The problem is
NP-complete. Two families of convex functions ask it:

* of the first, the smallest width is k - 1 if yes and larger if no;
* of the second, it is k if yes and k + 1 if no.
"""

from fractions import Fraction

from openblackbox.arguments import integer

__all__ = ["one_sign_instance", "zero_instance"]


def zero_instance(numbers, target):
    r"""Build a function with k = 2n + 1 pieces that has width k - 1 iff a subset sums to T.

    Parameters
    ----------
    numbers : sequence of n positive integers
        The numbers :math:`p_1, \dots, p_n`.
    target : int
        T, from 0 to the sum P of all the numbers.

    Returns
    -------
    tuple
        ``(knots, values, radius)``, integers, for `minimal_width`.

    Raises
    ------
    ValueError
        If there is no number, or one is out of range.

    Notes
    -----
    All jumps are 1. The kinks are :math:`d_j = (P + 1) 4^j` and :math:`d_j + p_j`, the first slope
    is -n and :math:`\ell_1(0) = T + \sum_j d_j`. Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from openblackbox.foundations.hard_widths import zero_instance
    >>> from openblackbox.foundations.width import minimal_width
    >>> knots, values, radius = zero_instance([3, 5, 9], 12)
    >>> minimal_width(knots, values, radius=radius).width  # 12 = 3 + 9
    6
    """
    numbers, target = _checked(numbers, target)
    steps = [(sum(numbers) + 1) * 4**j for j in range(1, len(numbers) + 1)]
    kinks = sorted([*steps, *(d + p for d, p in zip(steps, numbers, strict=True))])
    constant, slope, radius = target + sum(steps), -len(numbers), kinks[-1] + 1
    knots = [-radius, *kinks, radius]
    values = [constant + slope * x + sum(max(x - a, 0) for a in kinks) for x in knots]
    return knots, values, radius


def one_sign_instance(numbers, target):
    r"""Build a function with k = n + 1 pieces that has width k iff a subset sums to T, else k + 1.

    Parameters
    ----------
    numbers : sequence of n positive integers
        The numbers :math:`p_1, \dots, p_n`.
    target : int
        T, from 0 to the sum P of all the numbers.

    Returns
    -------
    tuple
        ``(knots, values, radius)``, integers and fractions, for `minimal_width`; the radius is 1.

    Raises
    ------
    ValueError
        If there is no number, or one is out of range.

    Notes
    -----
    With :math:`K = 8 n (P + 1)`, the kinks are :math:`a_j = j / (2K + j)`, the jumps
    :math:`p_j (1 + j / 2K)`, and the first piece goes from :math:`T + 1/2` at -1 to -T at 1.
    Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from openblackbox.foundations.hard_widths import one_sign_instance
    >>> from openblackbox.foundations.width import minimal_width
    >>> [minimal_width(*pair, radius=1).width
    ...  for pair in (one_sign_instance([3, 5, 9], t)[:2] for t in (12, 13))]
    [4, 5]
    """
    numbers, target = _checked(numbers, target)
    large = 8 * len(numbers) * (sum(numbers) + 1)
    kinks = [Fraction(j, 2 * large + j) for j in range(1, len(numbers) + 1)]
    jumps = [p * (1 + Fraction(j, 2 * large)) for j, p in enumerate(numbers, 1)]
    start, end = target + Fraction(1, 2), Fraction(-target)
    knots = [-1, *kinks, 1]
    values = [
        start + (end - start) * (x + 1) / 2
        + sum(jump * max(x - a, 0) for a, jump in zip(kinks, jumps, strict=True))
        for x in knots
    ]  # fmt: skip
    return knots, values, 1


def _checked(numbers, target):
    numbers = [integer(f"numbers[{j}]", p) for j, p in enumerate(numbers)]
    if not numbers:
        raise ValueError("numbers: expected at least one, got none")
    return numbers, integer("target", target, least=0, most=sum(numbers))
