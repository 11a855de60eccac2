"""Kronecker-sparse patterns against brute force over supports."""

import itertools

import numpy as np
import pytest
from openblackbox.multitree.patterns import (
    Pattern,
    chain_is_multitree,
    chain_rank,
    compose,
    dyadic_patterns,
    most_paths,
    pair_is_multitree,
)
from openblackbox.multitree.supports import (
    dyadic_supports,
    is_multitree,
    kronecker_supports,
    path_counts,
)


def divisors(number):
    return [k for k in range(1, number + 1) if number % k == 0]


def all_pairs(width):
    """All pairs of patterns that meet in `width` neurons, with c_1 = b_2 = 2."""
    splits = [
        (a, b, width // (a * b)) for a in divisors(width) for b in divisors(width // a)
    ]  # a b d = width
    for (a1, b1, d1), (a2, c2, d2) in itertools.product(splits, splits):
        yield Pattern(a1, b1, 2, d1), Pattern(a2, 2, c2, d2)


def random_chain(rng, n_layers):
    """Patterns that fit, often chainable: random divisors of products of 2 and 3."""
    width = int(rng.choice([4, 6, 8, 12]))
    chain = []
    for _ in range(n_layers):
        a = int(rng.choice(divisors(width)))
        c = int(rng.choice(divisors(width // a)))
        b = int(rng.choice([1, 2, 3]))
        chain.append(Pattern(a, b, c, width // (a * c)))
        width = chain[-1].shape[0]
        if width > 48:
            break
    return chain


@pytest.mark.parametrize("sizes", [*itertools.product((1, 2, 3), repeat=4)])
def test_support_is_the_kronecker_product(sizes):
    pattern, expected = Pattern(*sizes), kronecker_supports(*sizes)
    np.testing.assert_array_equal(pattern.support().toarray(), expected)
    assert pattern.shape == expected.shape
    assert pattern.n_weights == expected.sum() == pattern.support().nnz


def test_dyadic_patterns():
    for n_layers in range(1, 7):
        patterns = dyadic_patterns(n_layers)
        for pattern, support in zip(patterns, dyadic_supports(n_layers), strict=True):
            np.testing.assert_array_equal(pattern.support().toarray(), support)
        assert all(chain_rank(*pair) == 1 for pair in itertools.pairwise(patterns))
        assert chain_is_multitree(patterns)


@pytest.mark.parametrize("width", [1, 2, 3, 4, 6, 8, 9, 12, 16, 18])
def test_pairs_by_brute_force(width):
    checked = 0
    for first, second in all_pairs(width):
        supports = [first.support(), second.support()]
        counts = (supports[1].astype(int) @ supports[0].astype(int)).toarray()
        assert most_paths(first, second) == counts.max()
        assert pair_is_multitree(first, second) == is_multitree(supports)
        rank = chain_rank(first, second)
        if rank is not None:
            assert most_paths(first, second) == rank
            product = compose(first, second).support().toarray()
            np.testing.assert_array_equal(counts, rank * product)
        checked += 1
    assert checked == len(list(all_pairs(width)))


def test_more_than_thousand_pairs_are_covered():
    counts = [len(list(all_pairs(width))) for width in (8, 9, 12, 16, 18)]
    assert sum(counts) > 1000
    ranks = [chain_rank(*pair) for pair in all_pairs(18)]
    assert {None, 1, 2, 3, 18} <= set(ranks)
    # pairs that are multitrees without being chainable: divisibility is no part of the fact
    assert any(
        rank is None and pair_is_multitree(*pair)
        for rank, pair in zip(ranks, all_pairs(18), strict=True)
    )


def test_chains_by_brute_force():
    rng = np.random.default_rng(0)
    seen = {"chainable": 0, "multitree": 0, "pairs do not decide": 0}
    for _ in range(400):
        chain = random_chain(rng, int(rng.integers(1, 5)))
        supports = [pattern.support() for pattern in chain]
        expected = is_multitree(supports)
        assert chain_is_multitree(chain) == expected
        pairs = list(itertools.pairwise(chain))
        ranks = [chain_rank(*pair) for pair in pairs]
        if None not in ranks:
            seen["chainable"] += 1
            product = chain[0]
            for pattern in chain[1:]:
                product = compose(product, pattern)
            counts = path_counts([support.toarray() for support in supports])
            np.testing.assert_array_equal(counts, np.prod(ranks) * product.support().toarray())
        seen["multitree"] += expected
        fine = all(pair_is_multitree(*pair) for pair in pairs)
        seen["pairs do not decide"] += fine and not expected
    assert min(seen.values()) > 0, seen


def test_three_layers_that_no_pair_betrays():
    """Neighbours form multitrees, the three layers do not: the general test is needed."""
    chain = [Pattern(1, 2, 1, 1), Pattern(2, 1, 1, 1), Pattern(1, 1, 2, 1)]
    assert all(pair_is_multitree(*pair) for pair in itertools.pairwise(chain))
    assert not is_multitree([pattern.support() for pattern in chain])
    assert not chain_is_multitree(chain)


def test_order_of_a_chain_matters():
    assert not chain_is_multitree([*dyadic_patterns(3), *dyadic_patterns(3)])
    assert chain_is_multitree(dyadic_patterns(3)[::-1])
    assert chain_rank(*dyadic_patterns(2)[::-1]) is None


def test_bad_patterns_are_named():
    for sizes, name in [((0, 1, 1, 1), "a"), ((1, 1.0, 1, 1), "b"), ((1, 1, 1, True), "d")]:
        with pytest.raises(ValueError, match=f"{name}: expected a positive integer"):
            Pattern(*sizes)
    with pytest.raises(ValueError, match="n_layers: expected a positive integer, got 0"):
        dyadic_patterns(0)
    with pytest.raises(ValueError, match="patterns: expected at least one"):
        chain_is_multitree([])
    with pytest.raises(ValueError, match="got 2 and 4"):
        pair_is_multitree(Pattern(1, 4, 1, 1), Pattern(1, 2, 2, 1))
    with pytest.raises(ValueError, match="got 2 and 4"):
        chain_is_multitree([Pattern(1, 4, 1, 1), Pattern(1, 2, 2, 1)])
    with pytest.raises(ValueError, match="are not chainable"):
        compose(Pattern(1, 2, 2, 2), Pattern(2, 2, 2, 1))
