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


def real_array(name, values, *, ndim=None, keep_single=False):
    """Return a new array of finite floats, or raise ValueError.

    With `ndim` the number of axes is checked. The floats are float64; with `keep_single` an array
    of float32 stays one.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name}: expected an array of numbers, got {error}") from error
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected real numbers, got an array of {array.dtype}")
    if ndim is not None and array.ndim != ndim:
        axes = "axis" if ndim == 1 else "axes"
        raise ValueError(f"{name}: expected {ndim} {axes}, got shape {array.shape}")
    single = keep_single and array.dtype == np.float32
    return finite_array(name, array.astype(np.float32 if single else np.float64))


def finite_array(name, array):
    """Return an array of finite floats as it is, or raise ValueError."""
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: expected finite numbers, got nan or infinity")
    return array


def number(name, value, *, zero=False):
    """Return a positive number (or zero, where allowed) as a float, or raise ValueError."""
    real = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)
    if not (real and np.isfinite(value)) or value < 0:
        raise ValueError(f"{name}: expected a finite number, at least 0, got {value!r}")
    if value == 0 and not zero:
        raise ValueError(f"{name}: expected a number above 0, got {value!r}")
    return float(value)


def choice(name, value, options):
    """Return one of the options, or raise ValueError."""
    if value not in tuple(options):
        raise ValueError(f"{name}: expected one of {tuple(options)}, got {value!r}")
    return value
