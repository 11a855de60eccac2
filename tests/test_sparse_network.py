"""The network with sparse weights does what the dense one does."""

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from openblackbox.networks import Oracle, ReLUNetwork
from openblackbox.sparse_network import SparseReLUNetwork


def pair(widths, seed=0, dtype=float):
    rng = np.random.default_rng(seed)
    weights = [
        (rng.standard_normal((b, a)) * (rng.random((b, a)) < 0.6)).astype(dtype)
        for a, b in itertools.pairwise(widths)
    ]
    return SparseReLUNetwork(weights), ReLUNetwork(weights), rng


@pytest.mark.parametrize("widths", [(3, 2), (1, 1, 1), (4, 5, 3, 2), (2, 6, 6, 6, 5)])
@pytest.mark.parametrize("batch", [(), (1,), (7,), (0,)])
def test_it_answers_like_the_dense_network(widths, batch):
    sparse, dense, rng = pair(widths)
    x = rng.standard_normal((*batch, widths[0]))
    v, u = rng.standard_normal((*batch, widths[0])), rng.standard_normal((*batch, widths[-1]))

    def check(got, expected):
        assert got.shape == expected.shape
        assert got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-13)

    check(sparse(x), dense(x))
    check(sparse.jacobian(x), dense.jacobian(x))
    check(sparse.jvp(x, v), dense.jvp(x, v))
    check(sparse.vjp(x, u), dense.vjp(x, u))
    # One point with many directions, many points with one direction.
    one, way, back = rng.standard_normal(widths[0]), np.ones(widths[0]), np.ones(widths[-1])
    check(sparse.jvp(one, v), dense.jvp(one, v))
    check(sparse.vjp(one, u), dense.vjp(one, u))
    check(sparse.jvp(x, way), dense.jvp(x, way))
    check(sparse.vjp(x, back), dense.vjp(x, back))
    for got, expected in zip(sparse.preactivations(x), dense.preactivations(x), strict=True):
        check(got, expected)
    for got, expected in zip(
        sparse.activation_pattern(x), dense.activation_pattern(x), strict=True
    ):
        assert np.array_equal(got, expected)


@pytest.mark.parametrize("n_layers", [1, 3])
def test_long_batches_are_answered_in_parts(n_layers):
    sparse, dense, rng = pair((2**14, *[4] * n_layers))
    x, v = rng.standard_normal((20, 2**14)), rng.standard_normal((20, 2**14))
    u = rng.standard_normal((20, 4))
    for got, expected in [
        (sparse.jvp(x, v), dense.jvp(x, v)),
        (sparse.jvp(x, v[0]), dense.jvp(x, v[0])),
        (sparse.jvp(x[0], v), dense.jvp(x[0], v)),
        (sparse.vjp(x, u), dense.vjp(x, u)),
        (sparse.vjp(x, u[0]), dense.vjp(x, u[0])),
        (sparse.vjp(x[0], u), dense.vjp(x[0], u)),
    ]:
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9)


def test_the_derivative_of_relu_at_0_is_0():
    network = SparseReLUNetwork([[[1.0, -1.0]], [[1.0]]])
    assert network.jacobian([1.0, 1.0]).tolist() == [[0.0, 0.0]]
    assert network.jvp([1.0, 1.0], [1.0, 0.0]) == network.vjp([1.0, 1.0], [1.0])[0] == 0


def test_its_sizes_and_supports():
    sparse, dense, _ = pair((4, 5, 3, 2))
    assert sparse.widths == dense.widths == (4, 5, 3, 2)
    assert (sparse.n_inputs, sparse.n_outputs, sparse.n_layers) == (4, 2, 3)
    assert isinstance(sparse, Oracle)
    for got, expected in zip(sparse.supports, dense.supports, strict=True):
        assert got.dtype == bool
        assert np.array_equal(got.toarray(), expected)
    assert repr(SparseReLUNetwork([np.eye(2), [[0.0, 1.0]]])) == (
        "SparseReLUNetwork(2 -> 2 -> 1, 3 weights)"
    )


def test_types():
    sparse, dense, _ = pair((3, 4, 2), dtype=np.float32)
    assert sparse.dtype == np.float32 == sparse(np.ones(3)).dtype
    assert sparse.jacobian(np.ones((2, 3))).dtype == np.float32
    assert SparseReLUNetwork([[[1]], [[True]]]).dtype == np.float64
    mixed = SparseReLUNetwork([np.ones((1, 1), dtype=np.float32), np.ones((1, 1), dtype=int)])
    assert mixed.dtype == np.float64  # integers count as double
    assert sparse.jvp(np.ones(3), np.ones(3)) == pytest.approx(
        dense.jvp(np.ones(3), np.ones(3)), rel=1e-5
    )


def test_the_weights_are_copied_and_without_stored_zeros():
    theirs = sp.csr_array((np.array([2.0, 0.0, 3.0]), [0, 1, 0], [0, 2, 3]), shape=(2, 2))
    data, indices = theirs.data.copy(), theirs.indices.copy()
    network = SparseReLUNetwork([theirs])
    assert network.weights[0].nnz == 2
    assert np.array_equal(theirs.data, data)
    assert np.array_equal(theirs.indices, indices)
    theirs.data[:] = 7
    assert network.weights[0].toarray().tolist() == [[2.0, 0.0], [3.0, 0.0]]
    # Entries that are stored twice are sums.
    twice = sp.csr_array((np.array([2.0, 5.0]), [0, 0], [0, 2]), shape=(1, 1))
    assert SparseReLUNetwork([twice]).weights[0].data.tolist() == [7.0]


@pytest.mark.parametrize(
    "weights, error, message",
    [
        ([], ValueError, "at least one layer, got none"),
        ([[1.0]], ValueError, r"weights\[0\]: expected a matrix, got 1 dimension"),
        ([[["a"]]], TypeError, r"weights\[0\]: expected real numbers"),
        ([[[1j]]], TypeError, "real numbers, got complex128"),
        ([[[np.nan]]], ValueError, r"weights\[0\]: holds nan or infinity"),
        (
            [[[np.inf]], [[1.0, 2.0]]],
            ValueError,
            r"weights\[0\]: holds.*weights\[1\]: expected 1 columns \(the rows of weights\[0\]\), "
            "got 2",
        ),
    ],
)
def test_bad_weights(weights, error, message):
    with pytest.raises(error, match=message):
        SparseReLUNetwork(weights)


def test_bad_points():
    network = SparseReLUNetwork([np.ones((1, 2))])
    with pytest.raises(ValueError, match=r"x: expected shape \(2,\) or \(k, 2\), got \(3,\)"):
        network(np.ones(3))
    with pytest.raises(ValueError, match="v: expected as many rows as x, 2, got 3"):
        network.jvp(np.ones((2, 2)), np.ones((3, 2)))
    with pytest.raises(ValueError, match=r"u: expected shape \(1,\)"):
        network.vjp(np.ones(2), np.ones(2))
