"""The rounding of everything that is printed.

A stored output is compared to the last character when a chapter is run again, on another machine
as well, so a printed number keeps at most four significant digits.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence

import numpy as np

MAX_DIGITS = 4
"""The largest number of significant digits that is portable enough to be printed."""


class _Rows(list):
    """A list of rows that prints one row a line: a matrix stays readable."""

    def __repr__(self) -> str:
        return "[" + ",\n ".join(repr(row).replace("\n", "\n ") for row in self) + "]"


def rounded(value, digits: int = MAX_DIGITS, *, tiny: float = 1e-12):
    r"""Round numbers to a few significant digits, in a form that prints the same everywhere.

    With :math:`d` digits, a number :math:`x \ne 0` becomes the multiple of
    :math:`10^{e-d+1}`, :math:`e = \lfloor \log_{10} |x| \rfloor`, that is nearest to it.

    Parameters
    ----------
    value : number, str, None, array, mapping or sequence
        What is to be printed. Counts, booleans, strings and None are kept as they are.
        A torch tensor is treated as an array.
    digits : int
        Number of significant digits, from 1 to 4.
    tiny : float
        A number not larger than ``tiny`` in absolute value becomes 0: it is rounding noise. In an
        array, ``tiny`` is multiplied by the largest finite absolute value if this exceeds 1.

    Returns
    -------
    object
        Python's own numbers only, never numpy's: an array becomes nested lists (a matrix prints one
        row a line), a list a list, a tuple a tuple, a mapping a dict. There is no negative zero.

    Raises
    ------
    ValueError
        If ``digits`` is not 1, 2, 3 or 4, or ``tiny`` is not in [0, 1).
    TypeError
        If something in ``value`` is none of the above.

    Notes
    -----
    The two parts of a complex number are rounded to the same decimal, the one that gives the
    larger part ``digits`` digits: ``1+1e-9j`` is 1 to four digits.
    A number that falls between two roundings can still print differently on two machines: print
    fewer digits of it, or a statement that is robust, and assert the true tolerance.
    Cost: linear in the size of ``value``. Defined in the chapter How to run the book.

    Examples
    --------
    >>> from openblackbox.display import rounded
    >>> rounded(2 / 3), rounded(123456.0), rounded(-1e-17), rounded(12345)
    (0.6667, 123500.0, 0.0, 12345)
    >>> import numpy as np
    >>> rounded(np.array([[1 / 3, 0], [2, -1e-16]]), 2)
    [[0.33, 0.0],
     [2.0, 0.0]]
    """
    if isinstance(digits, bool) or not isinstance(digits, numbers.Integral):
        raise ValueError(f"digits must be an integer from 1 to {MAX_DIGITS}, got {digits!r}")
    if not 1 <= digits <= MAX_DIGITS:
        raise ValueError(f"digits must be from 1 to {MAX_DIGITS}, got {digits}")
    if not isinstance(tiny, numbers.Real) or not 0 <= tiny < 1:
        raise ValueError(f"tiny must be in [0, 1), got {tiny!r}")
    return _rounded(value, int(digits), float(tiny))


def _rounded(value, digits: int, tiny: float):
    if hasattr(value, "detach"):  # a torch tensor, without importing torch
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        sizes = np.abs(value[np.isfinite(value)]) if value.dtype.kind in "fc" else np.zeros(0)
        scaled = tiny * max(1.0, float(sizes.max(initial=0.0)))
        nested = _rounded(value.tolist(), digits, scaled)
        return _Rows(nested) if value.ndim > 1 else nested
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return _round_real(float(value), abs(float(value)), digits, tiny)
    if isinstance(value, numbers.Complex):
        value = complex(value)
        larger = max(abs(value.real), abs(value.imag))
        parts = (_round_real(part, larger, digits, tiny) for part in (value.real, value.imag))
        return complex(*parts)
    if isinstance(value, Mapping):
        return {key: _rounded(entry, digits, tiny) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        entries = [_rounded(entry, digits, tiny) for entry in value]
        return tuple(entries) if isinstance(value, tuple) else entries
    raise TypeError(
        "value must be made of numbers, strings, arrays, mappings, lists and tuples, "
        f"got {type(value).__name__}"
    )


def _round_real(x: float, scale: float, digits: int, tiny: float) -> float:
    """Round x to the decimal that gives ``scale`` the wanted number of digits."""
    if not math.isfinite(x):
        return x
    if abs(x) <= tiny:
        return 0.0
    reference = scale if math.isfinite(scale) else x
    exponent = int(f"{reference:.{digits - 1}e}".split("e")[1])
    return round(x, digits - 1 - exponent) + 0.0  # adding 0.0 turns -0.0 into 0.0
