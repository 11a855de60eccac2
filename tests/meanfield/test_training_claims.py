"""The statements of the report's numerical study, tested one by one."""

from itertools import product

import numpy as np
import pytest
import torch
from openblackbox.data import data_path
from openblackbox.meanfield.paired import paired_difference, select
from openblackbox.meanfield.particles import Cloud
from openblackbox.meanfield.printed_loop import printed_regularizer, train_printed
from openblackbox.meanfield.synchronization import shift_cost
from openblackbox.meanfield.teacher_task import (
    make_student,
    make_task,
    make_teacher,
    network_values,
)
from openblackbox.meanfield.three_layer import BlockNetwork, evaluate, path_norm
from openblackbox.meanfield.training import train
from openblackbox.study import read_study
from scipy.stats import binom
from torch import nn

SMALL = {"m": 8, "s": 3, "d": 6}


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def task():
    return make_task("hard", rng=rng(), n=100, d=6, m=4, s=2)


@pytest.fixture(scope="module")
def table():
    return read_study(data_path("synchronized-training.csv"))


def errors(table, learner, teacher, step=1000):
    """Return the errors of one learner, one for each seed."""
    chosen = zip(table["teacher"], table["learner"], table[f"error_{step}"], strict=True)
    return np.array([e for t, who, e in chosen if (t, who) == (teacher, learner)])


# --- RS-61: the configuration


@pytest.mark.claim("RS-61")
def test_the_sizes_of_the_text():
    task = make_task("hard", rng=rng(), n=4000)
    assert task.x.shape == (4000, 100)
    assert (task.teacher.m, task.teacher.s) == (10, 4)
    for kind in ("hard", "blocks"):
        student = make_student(kind, rng=rng())
        assert (student.m, student.s) == (5 * 10, 4 * 4)


@pytest.mark.claim("RS-61", counterexample=True)
def test_the_last_printed_cell_draws_another_teacher():
    # The three lines of the print, with its values of m, s and d.
    scope = {"np": np, "m": 50, "s": 16, "d": 100}
    exec("a = np.random.randn(m)\nu = np.random.randn(m,s)\nW = np.random.randn(m,s,d)", scope)
    teacher = BlockNetwork(scope["a"], scope["u"], scope["W"])
    assert (teacher.m, teacher.s) == (50, 16)  # the sizes of the student, not 10 and 4
    assert len(np.unique(teacher.w[..., 0])) == 50 * 16  # and no first layer that is shared
    run = train_printed(rng=rng(), n=20, d=3, m=6, s=2, iterations=1)
    assert isinstance(run.teacher, BlockNetwork)
    assert (run.teacher.m, run.teacher.s) == (6, 2)


# --- RS-62 and RS-63: masks


@pytest.mark.claim("RS-62", counterexample=True)
def test_independent_entries_do_not_give_the_degree():
    assert binom.pmf(16, 50, 16 / 50) == pytest.approx(0.120225, rel=1e-5)
    assert binom.pmf(4, 10, 4 / 10) == pytest.approx(0.250823, rel=1e-5)
    assert binom.pmf(16, 50, 16 / 50) ** 50 < 1e-45
    mask = rng().binomial(1, 16 / 50, size=(50, 50))
    assert len(np.unique(mask.sum(axis=1))) > 5


@pytest.mark.claim("RS-62", counterexample=True)
def test_the_printed_mask_of_the_teacher_is_one_row():
    scope = {"np": np, "m_t": 10, "s_t": 4, "mask_star": rng().binomial(1, 4 / 10, size=10)}
    exec("u_tilde = np.random.randn(m_t,m_t)", scope)
    exec("u = np.array([u_tilde[k]*mask_star for k in range(m_t)])", scope)
    rows = scope["u"] != 0
    assert (rows == rows[0]).all()


@pytest.mark.claim("RS-62")
def test_a_mask_of_exact_degree():
    for kind in ("hard", "ring"):
        assert (make_student(kind, rng=rng()).mask.sum(axis=1) == 16).all()
    rows = make_teacher("hard", rng=rng()).mask
    assert (rows.sum(axis=1) == 4).all()
    assert len(np.unique(rows, axis=0)) > 5


@pytest.mark.claim("RS-63")
def test_the_mask_does_not_change(task):
    student = make_student("hard", rng=rng(), **SMALL)
    done = train(student, task, rng=rng(1), iterations=50)
    np.testing.assert_array_equal(done.network.mask, student.mask)
    assert (done.network.u[~student.mask] == 0).all()
    assert done.errors[-1] < done.errors[0]


# --- RS-64: the descent


@pytest.mark.claim("RS-64", counterexample=True)
@pytest.mark.parametrize("factor", [1.0, 1 / 50])
@pytest.mark.parametrize("kind", ["hard", "blocks"])
def test_a_thousand_steps_of_the_printed_size_do_not_train(factor, kind):
    # The start of nn.Linear, with and without 1/m; labels of either teacher, not rescaled.
    draws = rng(3)
    sizes = {"m": 10, "s": 4} if kind == "hard" else {"m": 50, "s": 16}
    teacher = make_teacher(kind, rng=draws, **sizes)
    points = draws.standard_normal((60, 100))
    x, y = torch.from_numpy(points), torch.from_numpy(evaluate(teacher, points))
    mask = torch.from_numpy((draws.random((50, 50)) < 16 / 50).astype(float))
    weights = [
        torch.tensor(draws.uniform(-1, 1, shape) / np.sqrt(shape[-1]), requires_grad=True)
        for shape in ((50,), (50, 50), (50, 100))
    ]
    errors = []
    for _ in range(1001):
        a, u, w = weights
        f = factor * ((x @ w.T).relu() @ (u * mask).T).relu() @ a
        risk = ((f - y) ** 2).mean()
        errors.append(risk.item() / (y**2).mean().item())
        with torch.no_grad():
            for weight, slope in zip(weights, torch.autograd.grad(risk, weights), strict=True):
                weight -= 1e-5 * slope
    assert 0.98 * errors[0] < errors[-1] < errors[0]


@pytest.mark.claim("RS-64")
def test_adam_does():
    task = make_task("hard", rng=rng(3), n=100)
    done = train(make_student("hard", rng=rng(4)), task, rng=rng(5), decay=0.1, iterations=200)
    assert done.fits[-1] < 0.5 * done.fits[0]


# --- RS-65 to RS-67: the printed code


@pytest.mark.claim("RS-65", counterexample=True)
def test_the_printed_regularizer_is_not_the_path_norm():
    student = make_student("hard", rng=rng(), **SMALL)
    shown = printed_regularizer(student.a, student.u, student.w)
    # A rescaling that changes neither the function nor the path norm:
    other = type(student)(student.a, student.u / 4, 4 * student.w, student.mask)
    x = rng(1).standard_normal((9, 6))
    np.testing.assert_allclose(evaluate(other, x), evaluate(student, x), rtol=1e-12, atol=1e-14)
    assert path_norm(other) == pytest.approx(path_norm(student), rel=1e-13)
    assert printed_regularizer(other.a, other.u, other.w) > 2 * shown
    # r copies of every neuron of the first layer, its weights u divided by r: the same again.
    for r in (2, 10):
        args = (np.tile(student.u, r) / r, np.tile(student.w, (r, 1)), np.tile(student.mask, r))
        copies = type(student)(student.a, *args)
        f = evaluate(copies, x)
        np.testing.assert_allclose(f, evaluate(student, x), rtol=1e-12, atol=1e-14)
        assert path_norm(copies) == pytest.approx(path_norm(student), rel=1e-13)
        squares = r * (student.w**2).sum() + (student.u**2).sum() / r
        expected = np.mean(np.abs(student.a)) * squares
        found = printed_regularizer(copies.a, copies.u, copies.w)
        assert found == pytest.approx(expected, rel=1e-13)
    # In the mean over starts both sums of squares are 2 m, and ten copies make 5 times of it.
    assert expected > 2 * shown
    # And it counts weights that the mask hides: 8 rows with 5 of them.
    hidden = np.where(student.mask, student.u, 1.0)
    more = 8 * 5 * np.mean(np.abs(student.a))
    assert printed_regularizer(student.a, hidden, student.w) == pytest.approx(shown + more)
    args = (student.w, student.mask)
    same = type(student)(student.a, hidden, *args)
    assert path_norm(same) == path_norm(student)
    np.testing.assert_array_equal(evaluate(same, x), evaluate(student, x))


@pytest.mark.claim("RS-65")
def test_the_path_norm_is_what_the_students_of_the_book_pay(task):
    options = {"iterations": 200, "every": 200}
    norms = [
        train(make_student("hard", rng=rng(), **SMALL), task, rng=rng(1), decay=c, **options)
        for c in (0.0, 0.3)
    ]
    assert norms[1].penalties[-1] < 0.8 * norms[0].penalties[-1]


@pytest.mark.claim("RS-66", counterexample=True)
def test_lines_that_stop_the_program():
    # The labels of the last cell, with a small letter: one bracket too few, some too many.
    labels = (
        "Labelisation_3 = lambda x : np.array([(1/m)*np.sum([a[j]*relu(np.dot(u[j],"
        "np.array([relu(np.dot(W[j][k],x[i])) for k in range(s))])])])])"
    )
    for line in ("lambda = 0.1", "Labelisation_3 = Lambda x : x", labels):
        with pytest.raises(SyntaxError):
            compile(line, "cell", "exec")
    for start in (nn.init.kaiming_normal_, nn.init.normal_):
        with pytest.raises(AttributeError):
            start(nn.Linear(3, 2))

    class Printed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(3, 1)

            def initialize():
                initialize()

            def forward(self, x):
                return self.a(x)

            self.printed = initialize

    with pytest.raises(NotImplementedError):
        Printed()(torch.ones(1, 3))
    with pytest.raises(RecursionError):
        Printed().printed()


@pytest.mark.claim("RS-66")
def test_the_repaired_loop_runs_and_learns():
    run = train_printed(rng=rng(), n=200, d=5, m=10, s=3, iterations=300)
    assert run.errors[-1] < 0.7 * min(run.errors[0], run.constant)


@pytest.mark.claim("RS-67", counterexample=True)
def test_without_the_factor_copies_change_the_function():
    cloud, x = Cloud([1.0, -2.0], [[1.0, 0.0], [0.0, 1.0]]), rng().standard_normal((20, 2))
    twice = Cloud(np.tile(cloud.a, 2), np.tile(cloud.w, (2, 1)))
    np.testing.assert_allclose(network_values(twice, x), network_values(cloud, x), atol=1e-15)
    printed = [c.m * network_values(c, x) for c in (cloud, twice)]
    np.testing.assert_allclose(printed[1], 2 * printed[0], atol=1e-14)
    assert abs(printed[0]).max() > 0.1


@pytest.mark.claim("RS-67")
def test_with_the_factor_all_students_are_averages():
    x = rng(1).standard_normal((5, 6))
    for kind in ("two-layer", "hard", "blocks"):
        student = make_student(kind, rng=rng(), **SMALL)
        arrays = [student.a, *((student.u,) if kind != "two-layer" else ())]
        parts = []
        for j in range(len(student.a)):
            one = [array[j : j + 1] for array in arrays]
            if kind == "hard":
                part = type(student)(*one, student.w, student.mask[j : j + 1])
            else:
                part = type(student)(*one, student.w[j : j + 1])
            parts.append(network_values(part, x))
        np.testing.assert_allclose(np.mean(parts, axis=0), network_values(student, x), rtol=1e-11)


# --- RS-68 to RS-70: the figures


@pytest.mark.claim("RS-68", counterexample=True)
def test_teachers_of_their_own_rank_the_models(table):
    columns = [errors(table, name, "hard") for name in ("two-layer", "hard", "unsynchronized")]
    columns.append(errors(table, "soft .003", "hard"))
    columns = np.array(columns)
    # The same learner, on another teacher, moves by more than learners differ on one.
    assert columns[2].std(ddof=1) > 10 * np.abs(columns[1] - columns[2]).mean()
    picks = list(product(range(5), repeat=4))
    first = [np.argmin(columns[range(4), pick]) for pick in picks]
    shares = np.bincount(first, minlength=4) / len(picks)
    assert shares.min() > 0.1  # each of the four is the best for some choice of teachers


@pytest.mark.claim("RS-68", counterexample=True)
def test_hard_and_unsynchronized_cannot_be_told_apart_on_five_pairs(table):
    hard, free = (errors(table, name, "hard") for name in ("hard", "unsynchronized"))
    found = paired_difference(hard, free)
    assert found.low < 0 < found.high
    assert found.p > 0.5
    assert abs(found.mean) < found.error < 0.004
    quotient = paired_difference(np.log(hard), np.log(free))
    np.testing.assert_allclose(np.exp([quotient.low, quotient.high]), [0.93, 1.073], atol=0.001)
    # Worse by more than a percent somewhere, and better somewhere else.
    assert (hard > 1.01 * free).any()
    assert (hard < 0.99 * free).any()


@pytest.mark.claim("RS-69")
def test_soft_is_near_unsynchronized(table):
    free, two = (errors(table, name, "hard") for name in ("unsynchronized", "two-layer"))
    for name in ("soft .003", "soft .03"):
        found = paired_difference(errors(table, name, "hard"), free)
        assert found.low < 0 < found.high
        assert abs(found.mean) < 0.0015
        assert found.error < 0.004
        found = paired_difference(np.log(errors(table, name, "hard")), np.log(free))
        assert np.log(0.94) < found.low < 0 < found.high < np.log(1.09)
    assert (two > free).all()


@pytest.mark.claim("RS-70", counterexample=True)
def test_the_fall_of_the_term_is_a_matter_of_its_weight(task):
    falls = {}
    for weight in (0.0, 0.003, 0.03, 1.0):
        start = make_student("blocks", rng=rng(1), **SMALL)
        done = train(start, task, rng=rng(2), weight=weight, iterations=200, every=200)
        falls[weight] = done.terms[-1] / done.terms[0] - 1
        assert done.fits[-1] < 0.5 * done.fits[0]
    assert falls[0.0] > falls[0.003] > falls[0.03] > falls[1.0]
    assert falls[1.0] < -0.9


@pytest.mark.claim("RS-70", counterexample=True)
def test_a_rescaling_alone_makes_the_term_small():
    student = make_student("blocks", rng=rng(1), **SMALL)
    other = BlockNetwork(student.a, 10 * student.u, student.w / 10)
    x = rng(1).standard_normal((9, 6))
    np.testing.assert_allclose(evaluate(other, x), evaluate(student, x), rtol=1e-11, atol=1e-14)
    assert path_norm(other) == pytest.approx(path_norm(student), rel=1e-13)
    terms = [shift_cost(np.swapaxes(network.w, 0, 1)).cost for network in (student, other)]
    assert terms[1] == pytest.approx(terms[0] / 100, rel=1e-12)


@pytest.mark.claim("RS-70")
def test_the_fall_in_the_tables(table):
    """What the row says of the stored tables, five tasks for each weight."""
    strong = read_study(data_path("synchronized-strong.csv"))
    ends = {}
    for rows, learner in ((table, "unsynchronized"), (table, "soft .03"), (strong, "soft 1")):
        for name in ("term", "fit"):
            values = [select(rows, f"{name}_{t}", learner=learner) for t in (0, 1000)]
            ends[learner, name] = values[1] / values[0]
            assert len(values[0]) == 5
    free = ends["unsynchronized", "term"]
    assert [free.min(), free.max()] == pytest.approx([1.06, 1.80], abs=0.006)
    assert ends["soft .03", "term"].max() < 0.01
    assert ends["soft 1", "term"].max() < 0.001
    assert max(ends["unsynchronized", "fit"].max(), ends["soft .03", "fit"].max()) < 0.1
    assert ends["soft 1", "fit"].max() < 0.15
