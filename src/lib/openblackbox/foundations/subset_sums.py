r"""Subsets with prescribed sums, by meeting in the middle.

Half of the n items have :math:`2^{n/2}` subsets. A subset of all items is one of the first half and
one of the second: sort the sums of the first and search, for each of the second, the one missing.
Time and memory are :math:`O(n 2^{n/2})` instead of :math:`2^n`. Integers are treated exactly.
"""

import math

import numpy as np

__all__ = ["MOST_ITEMS", "subset_below_and_above", "subset_with_sum", "subset_with_sums"]

MOST_ITEMS = 40
"""More items than this are refused: half of them have a million subsets."""


def subset_with_sum(items, target, *, tolerance: float = 0):
    r"""Find a subset of numbers with a given sum.

    Parameters
    ----------
    items : sequence of n numbers
        All integers (of any size), or else floats. At most 40.
    target : number
        The sum looked for.
    tolerance : number
        By how much the sum may miss the target. Zero means equality.

    Returns
    -------
    tuple of int, or None
        The positions of the items of such a subset, increasing; None if there is none.

    Raises
    ------
    ValueError
        If there are more than 40 items.

    Notes
    -----
    Horowitz and Sahni's algorithm, with a sorted array and binary search. Exact for integers. With
    floats every sum carries a rounding error of at most n units in the last place of
    :math:`\sum_j |item_j|`, so choose a larger tolerance.
    Defined in the chapter Universal approximation.

    References
    ----------
    * Horowitz and Sahni, Computing partitions with applications to the knapsack problem, Journal of
      the ACM, 1974.

    Examples
    --------
    >>> from openblackbox.foundations.subset_sums import subset_with_sum
    >>> subset_with_sum([3, 34, 4, 12, 5, 2], 9)
    (2, 4)
    >>> subset_with_sum([3, 34, 4, 12, 5, 2], 30) is None
    True
    """
    items, target = _common_type([*items], target)
    first, second, split = _halves(items)
    order = np.argsort(first, kind="stable")
    wanted = target - second
    place = np.searchsorted(first[order], wanted - tolerance)
    place[place == len(first)] = 0  # a sum that is too small: the next line refuses it
    hits = np.flatnonzero(np.abs(first[order[place]] - wanted) <= tolerance)
    if not len(hits):
        return None
    return _members(order[place[hits[0]]], hits[0], split, len(items))


def subset_with_sums(pairs, targets, *, tolerance: float = 0):
    r"""Find a subset of pairs of numbers with a given sum in both coordinates.

    Parameters
    ----------
    pairs : sequence of n pairs
        All integers, or else floats. At most 40.
    targets : pair
        The two sums looked for.
    tolerance : number
        By how much each sum may miss its target. Zero means equality.

    Returns
    -------
    tuple of int, or None
        The positions of the pairs of such a subset, increasing; None if there is none.

    Raises
    ------
    ValueError
        If there are more than 40 pairs.

    Notes
    -----
    Integer pairs (p, q) become single integers K p + q, with K so large that equal sums mean equal
    pairs. With floats, the candidates with nearly the right p + sqrt(2) q are compared one by one.
    Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from openblackbox.foundations.subset_sums import subset_with_sums
    >>> subset_with_sums([(1, 5), (1, 2), (1, 4)], (2, 6))
    (1, 2)
    """
    pairs, (p, q) = [tuple(pair) for pair in pairs], targets
    if all(_whole(number) for pair in (*pairs, targets) for number in pair) and not tolerance:
        base = 2 * (sum(abs(b) for _, b in pairs) + abs(q)) + 1
        return subset_with_sum([base * a + b for a, b in pairs], base * p + q)
    halves = [_halves(np.array([pair[axis] for pair in pairs], float)) for axis in (0, 1)]
    (first_p, second_p, split), (first_q, second_q, _) = halves
    weight = np.sqrt(2)
    key, slack = first_p + weight * first_q, (1 + weight) * tolerance
    order = np.argsort(key, kind="stable")
    wanted = (p - second_p) + weight * (q - second_q)
    place = np.searchsorted(key[order], wanted - slack)
    end = np.searchsorted(key[order], wanted + slack, side="right")
    active = np.flatnonzero(place < end)
    while len(active):
        mine = order[place[active]]
        off_p = np.abs(first_p[mine] + second_p[active] - p)
        off_q = np.abs(first_q[mine] + second_q[active] - q)
        hits = np.flatnonzero(np.maximum(off_p, off_q) <= tolerance)
        if len(hits):
            return _members(mine[hits[0]], active[hits[0]], split, len(pairs))
        place[active] += 1
        active = active[place[active] < end[active]]
    return None


def subset_below_and_above(weights, most, worths, least):
    r"""Find a subset whose weights sum to at most one number and whose worths to at least another.

    Parameters
    ----------
    weights, worths : sequences of n numbers
        Of any sign. All integers, or else floats. At most 40.
    most, least : numbers
        The bounds of the two sums.

    Returns
    -------
    tuple of int, or None
        The positions of such a subset, increasing; None if there is none.

    Raises
    ------
    ValueError
        If there are more than 40 items, or the lengths differ.

    Notes
    -----
    The knapsack problem. For each subset of the second half, the best partner is the one of largest
    worth among the subsets of the first half that are light enough: a running maximum over the
    weights in order. Defined in the chapter Universal approximation.

    Examples
    --------
    >>> from openblackbox.foundations.subset_sums import subset_below_and_above
    >>> subset_below_and_above([2, 3, 4], 6, [3, 4, 6], 9)
    (0, 2)
    """
    if len(weights) != len(worths):
        raise ValueError(f"worths: expected {len(weights)} numbers, got {len(worths)}")
    weights, most = _common_type([*weights], most)
    worths, least = _common_type([*worths], least)
    first, second, split = _halves(weights)
    first_worth, second_worth, _ = _halves(worths)
    order = np.argsort(first, kind="stable")
    best = np.maximum.accumulate(first_worth[order])
    place = np.searchsorted(first[order], most - second, side="right") - 1
    hits = np.flatnonzero((place >= 0) & (best[place] + second_worth >= least))
    if not len(hits):
        return None
    lightest = order[: place[hits[0]] + 1]
    return _members(lightest[np.argmax(first_worth[lightest])], hits[0], split, len(weights))


def _whole(number):
    return isinstance(number, int | np.integer)


def _common_type(items, target):
    """Return the items as an array that adds without overflow, and the target like them."""
    if not all(_whole(number) for number in (*items, target)):
        return np.array(items, dtype=float), float(target)
    items, target = [int(number) for number in items], int(target)
    small = sum(map(abs, items)) + abs(target) < 2**62
    return np.array(items, dtype=np.int64 if small else object), target


def _halves(items):
    """Return the sums of all subsets of the first and of the second half, and where it is cut."""
    if len(items) > MOST_ITEMS:
        raise ValueError(f"items: expected at most {MOST_ITEMS}, got {len(items)}")
    split = math.ceil(len(items) / 2)
    return _all_sums(items[:split]), _all_sums(items[split:]), split


def _all_sums(items):
    """Return the sums of the subsets: bit j of the position says whether item j belongs."""
    sums = np.zeros(1, dtype=items.dtype)
    for item in items:
        sums = np.concatenate([sums, sums + item])
    return sums


def _members(first, second, split, n):
    chosen = int(first) | int(second) << split
    return tuple(j for j in range(n) if chosen >> j & 1)
