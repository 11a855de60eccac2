"""The blocked velocity beside the plain one: every block length, precision, penalty and device."""

from functools import partial

import numpy as np
import pytest
import torch
from cloud_cases import normal_task
from openblackbox.meanfield import blocked
from openblackbox.meanfield.blocked import velocity_blocked
from openblackbox.meanfield.energy import velocity
from openblackbox.meanfield.flow import run_flow
from openblackbox.meanfield.particles import Cloud, Regression

from book_tools.bench import peak_of_arrays

DEVICES = [None, "cpu"]


draw = partial(normal_task, m=37, n=13)


def assert_same(found, expected, tolerance):
    """Compare velocities, relative to the largest entry."""
    for a, b in ((found.a, expected.a), (found.w, expected.w)):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, atol=tolerance * np.abs(expected.theta).max(), rtol=0)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("block", [1, 5, 36, 37, 38, 1000, None])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 64])
def test_every_block_length_gives_the_velocity(block, n, device):
    cloud, task = draw(n=n)
    found = velocity_blocked(cloud, task, block=block, device=device)
    assert_same(found, velocity(cloud, task), 1e-13)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("penalty", ["half-square", "path"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_precisions_and_penalties(dtype, tolerance, penalty, decay, device):
    cloud, task = draw(m=200, d=10, n=100, dtype=dtype, penalty=penalty, decay=decay)
    found = velocity_blocked(cloud, task, block=64, device=device)
    assert found.w.dtype == dtype
    assert_same(found, velocity(cloud, task), tolerance)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-13), (np.float32, 1e-5)])
def test_a_graphics_card_gives_the_velocity(dtype, tolerance):
    cloud, task = draw(m=200, d=10, n=100, dtype=dtype)
    for block in (7, 64, None):
        found = velocity_blocked(cloud, task, block=block, device="cuda")
        assert_same(found, velocity(cloud, task), tolerance)


def test_mixed_precisions_are_computed_in_double():
    cloud, _ = draw(dtype=np.float32)
    _, task = draw()
    found = velocity_blocked(cloud, task)
    assert_same(found, velocity(cloud, task), 1e-13)
    assert found.a.dtype == np.float64


@pytest.mark.parametrize("workers", [2, 3, 50])
def test_the_result_does_not_depend_on_the_number_of_workers(workers):
    cloud, task = draw()
    one = velocity_blocked(cloud, task, block=5)
    many = velocity_blocked(cloud, task, block=5, workers=workers)
    assert np.array_equal(one.theta, many.theta)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_overflow_is_told_once_whoever_computes_it(workers):
    # 1e200 squared overflows in the blocks; the caller's errstate holds in every thread.
    cloud, task = Cloud([1e200] * 8, [[1e200]] * 8), Regression([[1.0]], [1.0])
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=r"^a: expected finite"):
        velocity_blocked(cloud, task, block=2, workers=workers)


def test_the_velocity_cannot_be_written():
    moved = velocity_blocked(*draw())
    assert not moved.a.flags.writeable
    assert not moved.w.flags.writeable


@pytest.mark.parametrize("device", DEVICES)
def test_at_a_kink_a_particle_does_not_move(device):
    cloud, task = Cloud([1.0], [[0.0, 1.0]]), Regression([[1.0, 0.0]], [1.0])
    assert not np.any(velocity_blocked(cloud, task, device=device).theta)


@pytest.mark.parametrize("device", DEVICES)
def test_it_drives_the_flow(device):
    cloud, task = draw()
    slow = run_flow(cloud, task, step=0.05, steps=20)
    field = partial(velocity_blocked, device=device)
    fast = run_flow(cloud, task, step=0.05, steps=20, field=field)
    np.testing.assert_allclose(fast.risks, slow.risks, rtol=1e-12)
    np.testing.assert_allclose(fast.w, slow.w, atol=1e-12)
    assert slow.risks[-1] < 0.9 * slow.risks[0]
    with pytest.raises(ValueError, match="overflow with a step of 1000"):
        run_flow(cloud, task, step=1000, steps=50, field=field)


def test_no_array_of_points_by_particles_is_formed(monkeypatch):
    monkeypatch.setattr(blocked, "ENTRIES", 1 << 14)
    cloud, task = draw(m=4000, d=2, n=512, dtype=np.float32, decay=0.0)
    whole = 4 * cloud.m * task.n
    assert peak_of_arrays(lambda: velocity(cloud, task)) > 2 * whole
    # The signs take 1/32 of it; f in parts, the block and the result take the rest.
    assert peak_of_arrays(lambda: velocity_blocked(cloud, task)) < whole / 8


@pytest.mark.parametrize("penalty", ["half-square", "path"])
def test_the_penalty_needs_no_array_of_all_particles(monkeypatch, penalty):
    monkeypatch.setattr(blocked, "ENTRIES", 1 << 14)
    cloud, task = draw(m=8000, d=64, n=256, dtype=np.float32, penalty=penalty)
    result = 4 * cloud.m * (1 + cloud.d)
    # The signs take 1/8 of it, the check that the result is finite 1/4.
    assert peak_of_arrays(lambda: velocity_blocked(cloud, task)) < 1.6 * result


def test_the_partial_sums_do_not_grow_with_the_number_of_blocks(monkeypatch):
    monkeypatch.setattr(blocked, "ENTRIES", 1)  # 1000 blocks of 16
    cloud, task = draw(m=16000, d=2, n=512, dtype=np.float32, decay=0.0)
    whole = 4 * cloud.m * task.n
    assert peak_of_arrays(lambda: velocity_blocked(cloud, task)) < whole / 16
    assert_same(velocity_blocked(cloud, task), velocity(cloud, task), 1e-5)


def test_the_default_block_holds_few_inner_products():
    # 2^19 // 3000 is 174: ten times 16 and not more.
    cloud, task = draw(m=400, d=2, n=3000)
    default = velocity_blocked(cloud, task)
    assert np.array_equal(default.theta, velocity_blocked(cloud, task, block=160).theta)


@pytest.mark.parametrize("device", ["abacus", "cuda:99"])
def test_a_device_that_torch_does_not_have_is_refused(device):
    with pytest.raises(ValueError, match=f"^device: expected a device of torch, got '{device}'"):
        velocity_blocked(*draw(), device=device)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": 0}, "block: expected a positive integer"),
        ({"workers": 0}, "workers: expected a positive integer"),
        ({"workers": 1.5}, "workers: expected a positive integer"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        velocity_blocked(*draw(), **options)


def test_what_it_does_not_compute_is_refused():
    cloud, task = draw()
    smooth = Regression(task.x, task.y, activation="tanh")
    with pytest.raises(ValueError, match=r"^task: expected the activation 'relu', got 'tanh'"):
        velocity_blocked(cloud, smooth)
    with pytest.raises(ValueError, match=r"^cloud: expected inner weights of 3 entries, got 1"):
        velocity_blocked(Cloud([1.0], [[1.0]]), task)
