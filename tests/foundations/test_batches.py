"""Laws of batches: counted by hand, and in agreement with what is drawn."""

import itertools
import math

import numpy as np
import pytest
from openblackbox.foundations.batches import bernoulli_batches, epoch_batches, fixed_batches


@pytest.mark.parametrize("n, size", [(1, 1), (4, 1), (5, 2), (6, 3), (4, 4)])
def test_sets_of_a_fixed_size_are_equally_likely(n, size):
    batches = fixed_batches(n, size)
    found = {tuple(np.flatnonzero(row)) for row in batches.counts}
    assert found == set(itertools.combinations(range(n), size))
    assert len(batches.counts) == len(found)
    assert np.allclose(batches.probabilities, 1 / math.comb(n, size), rtol=1e-15)
    assert batches.sizes.tolist() == [size] * len(found)


@pytest.mark.parametrize("n, size", [(1, 3), (3, 1), (3, 4), (4, 3), (2, 5)])
def test_multisets_have_the_probabilities_of_all_sequences(n, size):
    expected = {}
    for sequence in itertools.product(range(n), repeat=size):
        counts = tuple(np.bincount(sequence, minlength=n).tolist())
        expected[counts] = expected.get(counts, 0) + 1 / n**size
    batches = fixed_batches(n, size, replacement=True)
    assert [tuple(row) for row in batches.counts.tolist()] == sorted(expected, reverse=True)
    for counts, probability in zip(batches.counts.tolist(), batches.probabilities, strict=True):
        assert np.isclose(probability, expected[tuple(counts)], rtol=1e-12)


def test_all_subsets_with_their_probabilities():
    n, p = 5, 0.3
    batches = bernoulli_batches(n, p)
    found = {
        tuple(row): value
        for row, value in zip(batches.counts.tolist(), batches.probabilities, strict=True)
    }
    assert len(found) == len(batches.counts) == 2**n
    for row in itertools.product((0, 1), repeat=n):
        assert np.isclose(found[row], math.prod(p if k else 1 - p for k in row), rtol=1e-14)
    assert bernoulli_batches(3, 1).probabilities.tolist() == [0] * 7 + [1]


def test_the_empty_batch_of_six_samples():
    batches = bernoulli_batches(6, 0.3)
    assert np.isclose(batches.probabilities[batches.sizes == 0], 0.7**6, rtol=1e-14)
    assert round(0.7**6, 3) == 0.118


def test_an_epoch_holds_every_sample_once():
    rng = np.random.default_rng(0)
    for n, size in [(1, 1), (6, 2), (7, 3), (5, 5)]:
        batches = epoch_batches(n, size, rng=rng)
        assert sorted(np.concatenate(batches).tolist()) == list(range(n))
        assert [len(batch) for batch in batches[:-1]] == [size] * (math.ceil(n / size) - 1)
        assert len(batches[-1]) == n - size * (len(batches) - 1)
    assert np.concatenate(epoch_batches(5, 2)).tolist() == [0, 1, 2, 3, 4]


def test_orders_of_epochs_are_equally_likely():
    rng = np.random.default_rng(1)
    orders = [tuple(np.concatenate(epoch_batches(3, 1, rng=rng))) for _ in range(6000)]
    counts = np.array([orders.count(order) for order in itertools.permutations(range(3))])
    assert counts.sum() == 6000
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(6000 * 5 / 36)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: fixed_batches(3, 0), "size: expected a"),
        (lambda: fixed_batches(3, 4), "size: expected an integer from 1 to 3, got 4"),
        (lambda: fixed_batches(0, 1), "n: expected a positive integer"),
        (lambda: fixed_batches(40, 20), "expected at most 1000000 batches"),
        (lambda: fixed_batches(10, 40, replacement=True), "expected at most 1000000 batches"),
        (lambda: bernoulli_batches(20, 0.5), "expected at most 1000000 batches"),
        (lambda: bernoulli_batches(3, 0), r"probability: expected a number in \(0, 1\], got 0"),
        (lambda: bernoulli_batches(3, 1.5), "probability"),
        (lambda: bernoulli_batches(3, np.nan), "probability"),
        (lambda: bernoulli_batches(3, True), "probability"),
        (lambda: epoch_batches(3, 4), "size: expected an integer from 1 to 3"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_limit_is_a_million_batches():
    with pytest.raises(ValueError, match="got 1000405"):
        fixed_batches(1415, 2)


def test_a_seed_is_no_generator():
    with pytest.raises(TypeError, match="rng: expected a numpy"):
        epoch_batches(3, 1, rng=0)
