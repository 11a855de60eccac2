"""Checks that many functions make of their arguments, with one message for each kind."""

import numbers

import numpy as np


def integer_problems(name, value, *, least=1, most=None):
    """List what is wrong with an integer, from ``least`` to ``most``: nothing, or one message."""
    is_whole = isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)
    if is_whole and value >= least and (most is None or value <= most):
        return []
    if most is not None:
        kind = f"an integer from {least} to {most}"
    else:
        kind = "a positive integer" if least == 1 else f"an integer, at least {least}"
    return [f"{name}: expected {kind}, got {value!r}"]


def integer(name, value, *, least=1, most=None):
    """Return an integer as an int, or raise ValueError."""
    if problems := integer_problems(name, value, least=least, most=most):
        raise ValueError(problems[0])
    return int(value)


def generator(rng):
    """Return a numpy generator, or raise TypeError."""
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng: expected a numpy.random.Generator, got a {type(rng).__name__}")
    return rng
