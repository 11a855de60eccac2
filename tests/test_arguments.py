"""The common checks of arguments."""

import numpy as np
import pytest
from openblackbox.arguments import generator, integer, integer_problems


@pytest.mark.parametrize("value", [1, np.int32(7), np.uint8(3)])
def test_an_integer_comes_back_as_an_int(value):
    number = integer("n", value)
    assert number == value
    assert type(number) is int


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, np.True_, None, np.array([1])])
def test_what_is_no_positive_integer_is_refused(value):
    with pytest.raises(ValueError, match=r"^n: expected a positive integer, got ") as caught:
        integer("n", value)
    assert str(caught.value).endswith(repr(value))
    assert integer_problems("n", value) == [str(caught.value)]


def test_limits_are_included_and_named():
    assert [integer("n", k, least=0, most=2) for k in range(3)] == [0, 1, 2]
    assert integer_problems("n", 2, least=2) == []
    for value in (-1, 3):
        with pytest.raises(ValueError, match=r"^n: expected an integer from 0 to 2, got "):
            integer("n", value, least=0, most=2)
    with pytest.raises(ValueError, match=r"^n: expected an integer, at least 2, got 1$"):
        integer("n", 1, least=2)


def test_a_generator_is_asked_for_by_name():
    rng = np.random.default_rng(0)
    assert generator(rng) is rng
    with pytest.raises(TypeError, match=r"^rng: expected a numpy.random.Generator, got a int$"):
        generator(3)
