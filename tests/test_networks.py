"""The ReLU network and the oracles, against torch's autograd and against their definitions."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from openblackbox.networks import CountingOracle, Oracle, Queries, ReLUNetwork, TorchOracle

EXACT = settings(deadline=None, derandomize=True, max_examples=30)


def random_network(widths, rng, *, dtype=np.float64, density=1.0):
    weights = [
        (rng.standard_normal((b, a)) * (rng.random((b, a)) < density)).astype(dtype)
        for a, b in itertools.pairwise(widths)
    ]
    return ReLUNetwork(weights, [rng.standard_normal(n).astype(dtype) for n in widths[1:]])


def as_module(network):
    layers = []
    for weight, bias in zip(network.weights, network.biases, strict=True):
        linear = torch.nn.Linear(*weight.shape[::-1])
        linear.weight.data = torch.tensor(weight)
        linear.bias.data = torch.tensor(bias)
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def close(got, expected, rtol=1e-12):
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got, expected, rtol=rtol, atol=rtol * (1 + np.abs(expected).max()))


def test_a_network_by_hand():
    network = ReLUNetwork([[[1, -1], [0, 2]], [[1, 3]]], [[0, 1], [0.5]])
    x = [3.0, 1.0]  # z_1 = (2, 3), both active
    assert network(x).tolist() == [2 + 9 + 0.5]
    assert [z.tolist() for z in network.preactivations(x)] == [[2.0, 3.0], [11.5]]
    assert network.activation_pattern([-3.0, 1.0])[0].tolist() == [False, True]
    assert network.jacobian(x).tolist() == [[1.0, 5.0]]
    assert network.jvp(x, [1.0, 1.0]).tolist() == [6.0]
    assert network.vjp(x, [2.0]).tolist() == [2.0, 10.0]
    assert network.widths == (2, 2, 1)
    assert (network.n_inputs, network.n_outputs, network.n_layers) == (2, 1, 2)
    assert [s.tolist() for s in network.supports] == [[[True, True], [False, True]], [[True, True]]]
    assert repr(network) == "ReLUNetwork(2 -> 2 -> 1)"


@EXACT
@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=5),
    st.sampled_from([0.4, 1.0]),
    st.integers(0, 1000),
)
def test_autograd_gives_the_same_function_and_derivatives(widths, density, seed):
    rng = np.random.default_rng(seed)
    network = random_network(widths, rng, density=density)
    module = as_module(network)
    oracle = TorchOracle(module)
    assert (oracle.n_inputs, oracle.n_outputs) == (widths[0], widths[-1])
    x = rng.standard_normal((4, widths[0]))
    v, u = rng.standard_normal((4, widths[0])), rng.standard_normal((4, widths[-1]))
    jacobians = [torch.autograd.functional.jacobian(module, torch.tensor(p)).numpy() for p in x]
    values = module(torch.tensor(x)).detach().numpy()
    for black_box in (network, oracle):
        close(black_box(x), values)
        close(black_box.jacobian(x), jacobians)
        close(black_box.jvp(x, v), np.einsum("koi,ki->ko", jacobians, v))
        close(black_box.vjp(x, u), np.einsum("koi,ko->ki", jacobians, u))


@pytest.mark.parametrize("widths", [(3, 2), (3, 4, 2), (2, 4, 3, 5)])
@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: TorchOracle(as_module(n)), CountingOracle])
def test_batches_follow_one_rule(widths, wrap):
    rng = np.random.default_rng(1)
    box = wrap(random_network(widths, rng))
    x, v = rng.standard_normal((2, 3, widths[0]))
    u = rng.standard_normal((3, widths[-1]))
    assert isinstance(box, Oracle)
    assert box(x[0]).shape == (widths[-1],)
    close(box(x), [box(p) for p in x])
    close(box.jacobian(x), [box.jacobian(p) for p in x])
    close(box.jvp(x, v), [box.jvp(p, d) for p, d in zip(x, v, strict=True)])
    close(box.vjp(x, u), [box.vjp(p, d) for p, d in zip(x, u, strict=True)])
    # A single point or a single direction serves a whole batch.
    close(box.jvp(x[0], v), [box.jvp(x[0], d) for d in v])
    close(box.jvp(x, v[0]), [box.jvp(p, v[0]) for p in x])
    close(box.vjp(x[0], u), [box.vjp(x[0], d) for d in u])
    close(box.vjp(x, u[0]), [box.vjp(p, u[0]) for p in x])


def test_the_derivative_of_relu_at_zero_is_zero_as_in_torch():
    network = ReLUNetwork([[[1.0], [-1.0]], [[5.0, 7.0]]])
    module = as_module(network)
    torch_says = torch.autograd.functional.jacobian(module, torch.zeros(1, dtype=torch.float64))
    assert network.jacobian([0.0]).tolist() == torch_says.tolist() == [[0.0]]
    assert TorchOracle(module).jacobian([0.0]).tolist() == [[0.0]]
    assert network.activation_pattern([0.0])[0].tolist() == [False, False]
    assert network.jvp([0.0], [1.0]).tolist() == network.vjp([0.0], [1.0]).tolist() == [0.0]


def test_float32_stays_float32_and_integers_become_float64():
    rng = np.random.default_rng(2)
    network = random_network((3, 4, 2), rng, dtype=np.float32)
    x = rng.standard_normal(3)
    answers = (network(x), network.jacobian(x), network.jvp(x, x), network.vjp(x, x[:2]))
    assert [a.dtype for a in answers] == [np.float32] * 4
    assert network.dtype == np.float32
    assert ReLUNetwork([[[1, 2]]]).dtype == np.float64
    assert ReLUNetwork([np.ones((1, 2), np.float32)], [[1]]).dtype == np.float64
    double = TorchOracle(as_module(network))
    single = TorchOracle(as_module(network), dtype=np.float32)
    assert double(x).dtype == double.jacobian(x).dtype == np.float64
    assert single(x).dtype == single.jacobian(x).dtype == np.float32
    close(single(x), network(x), 1e-6)


def test_parameters_are_copied_and_read_only():
    weight, bias = np.ones((1, 2)), np.ones(1)
    network = ReLUNetwork([weight], [bias])
    weight[:], bias[:] = 7.0, 7.0
    assert network([1.0, 1.0]).tolist() == [3.0]
    with pytest.raises(ValueError, match="read-only"):
        network.weights[0][0, 0] = 2.0
    jacobian = network.jacobian([1.0, 1.0])
    jacobian[:] = 0  # an answer belongs to who asked
    assert network.jacobian([1.0, 1.0]).tolist() == [[1.0, 1.0]]


def test_every_problem_of_the_parameters_is_listed_at_once():
    with pytest.raises(ValueError) as caught:
        ReLUNetwork([np.ones((2, 3)), [[np.nan, 1.0, 1.0]]], [[0.0], [0.0], [0.0]])
    message = str(caught.value)
    for part in (
        "weights[1] has a nan or infinite entry",
        "as many biases as weights, got 3 and 2",
        "biases[0]: expected shape (2,), got (1,)",
        "weights[1]: expected 2 columns, the rows of weights[0], got shape (1, 3)",
    ):
        assert part in message


@pytest.mark.parametrize(
    "weights, biases, error, match",
    [
        ([], None, ValueError, "at least one weight matrix"),
        ([[1.0, 2.0]], None, ValueError, r"non-empty matrix, got shape \(2,\)"),
        ([np.ones((0, 2))], None, ValueError, "non-empty matrix"),
        ([[[1j]]], None, TypeError, r"weights\[0\] is of complex128"),
        ([[["a"]]], None, TypeError, "real numbers"),
        ([[[1.0]]], [["a"]], TypeError, r"biases\[0\]"),
        ([[[1.0]]], [[np.inf]], ValueError, r"biases\[0\] has a nan or infinite"),
    ],
)
def test_bad_parameters(weights, biases, error, match):
    with pytest.raises(error, match=match):
        ReLUNetwork(weights, biases)


@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: TorchOracle(as_module(n))])
def test_bad_points(wrap):
    box = wrap(random_network((3, 4, 2), np.random.default_rng(3)))
    with pytest.raises(ValueError, match=r"x: expected shape \(3,\) or \(k, 3\), got \(2,\)"):
        box([1.0, 2.0])
    with pytest.raises(ValueError, match=r"got \(1, 1, 3\)"):
        box.jacobian(np.ones((1, 1, 3)))
    with pytest.raises(ValueError, match="x: expected finite"):
        box([1.0, np.nan, 2.0])
    with pytest.raises(TypeError, match="x: expected real numbers, got an array of complex128"):
        box([1j, 1.0, 2.0])
    with pytest.raises(ValueError, match=r"v: expected shape \(3,\)"):
        box.jvp(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match=r"u: expected shape \(2,\)"):
        box.vjp(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="v: expected as many rows as x, 2, got 3"):
        box.jvp(np.ones((2, 3)), np.ones((3, 3)))
    with pytest.raises(ValueError, match="u: expected as many rows as x, 2, got 3"):
        box.vjp(np.ones((2, 3)), np.ones((3, 2)))


@pytest.mark.parametrize(
    "weights, biases, error, match",
    [
        (None, None, TypeError, "weights: expected a sequence of arrays, got None"),
        ("ab", None, TypeError, "weights: expected a sequence of arrays, got 'ab'"),
        ([[[1.0]]], 3, TypeError, "biases: expected a sequence of arrays, got 3"),
        (
            [[[1.0], [1.0, 2.0]]],
            None,
            ValueError,
            r"weights\[0\]: expected an array, got \[\[1.0\], ",
        ),
        ([[[1.0] * 30, [1.0]]], None, ValueError, r"got \[\[1.0, .{50,60}\.\.\.: "),
        ([[[1.0]]], [[1.0, [2.0]]], ValueError, r"biases\[0\]: expected an array"),
    ],
)
def test_what_is_no_sequence_of_arrays(weights, biases, error, match):
    with pytest.raises(error, match=match):
        ReLUNetwork(weights, biases)


def test_points_that_are_no_array_and_tensors_with_a_gradient():
    network = ReLUNetwork([[[2.0, 1.0]]])
    with pytest.raises(ValueError, match=r"x: expected an array, got \[\[1\], \[2, 3\]\]: "):
        network([[1], [2, 3]])
    assert network(torch.ones(2, requires_grad=True)).tolist() == [3.0]
    linear = torch.nn.Linear(2, 1)
    assert ReLUNetwork([linear.weight]).weights[0].tolist() == linear.weight.tolist()


def test_modules_that_cannot_be_asked():
    broken = torch.nn.Linear(2, 2)
    broken.weight.data[0, 0] = np.nan
    broken.bias.data[1] = np.inf
    with pytest.raises(ValueError, match="module: nan or infinite entries in weight, bias"):
        TorchOracle(broken)
    with pytest.raises(TypeError, match="expected real parameters, complex are weight, bias"):
        TorchOracle(torch.nn.Linear(2, 2, dtype=torch.complex64))
    with pytest.raises(ValueError, match=r"n_outputs\) to a batch of 2 points, got a tuple"):
        TorchOracle(torch.nn.LSTM(2, 2), 2)
    linear = torch.nn.Linear(2, 2)
    for size in ("a", 2.7, 0, -1, True):
        with pytest.raises(
            ValueError, match=f"n_inputs: expected a positive integer, got {size!r}"
        ):
            TorchOracle(linear, size)
    assert TorchOracle(linear, np.int64(2)).n_inputs == 2
    for kind in ("foo", str, np.longdouble, complex, torch.float32):
        with pytest.raises(ValueError, match="dtype: expected a real floating type, got"):
            TorchOracle(linear, dtype=kind)


def test_every_kind_of_query_is_counted():
    oracle = CountingOracle(random_network((3, 4, 2), np.random.default_rng(4)))
    assert (oracle.n_inputs, oracle.n_outputs) == (3, 2)
    one, many = np.ones(3), np.ones((5, 3))
    oracle(one), oracle(many), oracle(many[:0])
    oracle.jacobian(one), oracle.jacobian(many), oracle.jacobian(many)
    oracle.jvp(one, one), oracle.jvp(one, many), oracle.jvp(many, many)
    oracle.vjp(one, one[:2]), oracle.vjp(many, one[:2])
    assert oracle.queries == Queries(evaluations=6, jacobians=11, jvps=11, vjps=6)
    with pytest.raises(ValueError, match="x: expected shape"):
        oracle(np.ones(2))
    assert oracle.queries.evaluations == 6
    assert oracle.queries + Queries(1, 2, 3, 4) == Queries(7, 13, 14, 10)
    oracle.reset()
    assert oracle.queries == Queries(0, 0, 0, 0)


def test_what_is_not_an_oracle_is_refused():
    assert not isinstance(np.ones, Oracle)
    with pytest.raises(TypeError, match="without jacobian, jvp, vjp, n_inputs, n_outputs; wrap"):
        CountingOracle(torch.nn.Linear(1, 1))
    with pytest.raises(TypeError, match="__call__"):
        CountingOracle(3)
    with pytest.raises(TypeError):
        Queries() + 1


def test_a_module_is_left_untouched_and_its_copy_is_in_evaluation_mode():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Dropout(0.5),
        torch.nn.Linear(4, 2),
    )  # fmt: skip
    module[1].running_mean += 0.3
    module[0].weight.grad = torch.ones(4, 3)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    oracle = TorchOracle(module)
    x = np.random.default_rng(5).standard_normal((6, 3))
    first = oracle(x)
    oracle.jacobian(x), oracle.jvp(x, x), oracle.vjp(x, x[:, :2])
    close(oracle(x), first, 0)  # no dropout, no moving average
    assert module.training
    assert all(m.training for m in module.modules())
    assert module[0].weight.requires_grad
    assert bool((module[0].weight.grad == 1).all())
    for name, value in module.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])
    with torch.no_grad():
        module[0].weight += 1  # the oracle is a fixed function
    close(oracle(x), first, 0)


def test_sizes_of_a_module_are_inferred_or_asked_for():
    class Table(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table = torch.nn.Parameter(torch.ones(2, 3))

        def forward(self, x):
            return x @ self.table.T

    with pytest.raises(ValueError, match="give n_inputs"):
        TorchOracle(Table())
    oracle = TorchOracle(Table(), 3)
    assert (oracle.n_inputs, oracle.n_outputs) == (3, 2)
    assert repr(oracle) == "TorchOracle(Table, 3 -> 2)"
    assert TorchOracle(Table(), n_inputs=3, n_outputs=2)([1.0, 1.0, 1.0]).tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match=r"does not take a batch of shape \(2, 4\)"):
        TorchOracle(Table(), 4)
    with pytest.raises(ValueError, match="n_outputs: got 5, the module returns 2"):
        TorchOracle(Table(), 3, 5)
    with pytest.raises(ValueError, match=r"expected an answer of shape \(2, n_outputs\)"):
        TorchOracle(torch.nn.Flatten(0), 3)
    with pytest.raises(TypeError, match=r"expected a torch.nn.Module, got a function"):
        TorchOracle(lambda x: x)
    with pytest.raises(ValueError, match="dtype: expected a real floating type, got int64"):
        TorchOracle(Table(), 3, dtype=np.int64)


def test_without_torch_the_library_imports_and_the_error_helps():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from openblackbox.networks import ReLUNetwork, TorchOracle\n"
        "assert ReLUNetwork([[[2.0]]])([3.0]) == 6\n"
        "try:\n    TorchOracle(None)\n"
        "except ImportError as error:\n    assert 'pip install torch' in str(error)\n"
        "else:\n    raise SystemExit(1)\n"
    )
    path = f"import sys; sys.path[:0] = {sys.path!r}\n"
    subprocess.run([sys.executable, "-c", path + code], check=True)


def test_a_module_pruned_by_torch_is_an_oracle():
    """Pruned modules hold a weight that is no leaf, which copy.deepcopy refuses."""
    from torch.nn.utils import prune

    linear = torch.nn.Linear(3, 2)
    prune.custom_from_mask(linear, "weight", torch.tensor([[1, 0, 1], [0, 1, 0]]))
    linear(torch.ones(1, 3))
    oracle = TorchOracle(linear)
    dense = (linear.weight_orig * linear.weight_mask).detach().numpy()
    close(oracle.jacobian(np.ones((2, 3))), [dense.astype(float)] * 2)
    close(oracle.vjp(np.ones(3), [1.0, 0.0]), dense[0].astype(float))
    assert linear.weight.dtype == torch.float32


def test_a_point_that_single_precision_cannot_hold_is_refused():
    """As infinity it would switch neurons off without a word."""
    network = ReLUNetwork([np.ones((1, 2), np.float32)] + [np.ones((1, 1), np.float32)])
    layers = torch.nn.Linear(2, 1), torch.nn.ReLU(), torch.nn.Linear(1, 1)
    single = TorchOracle(torch.nn.Sequential(*layers), dtype=np.float32)
    for oracle in (network, single):
        for question in (oracle, oracle.jacobian):
            with pytest.raises(ValueError, match="x: expected finite numbers of float32"):
                question([1e39, -1e39])
    assert network.jacobian([1e38, 1e38]).tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("wrap", [lambda n: n, lambda n: TorchOracle(as_module(n)), CountingOracle])
def test_derivatives_are_taken_at_the_very_point(wrap):
    box = wrap(ReLUNetwork([[[1.0]], [[3.0]]], [[-1.0], [0.0]]))
    assert box([2.0]).tolist() == [3.0]
    for x, slope in ((0.9995, 0.0), (1.0005, 3.0)):
        assert box.jacobian([x]).tolist() == [[slope]]
        assert box.jvp([x], [2.0]).tolist() == [2 * slope]
        assert box.vjp([x], [2.0]).tolist() == [2 * slope]
