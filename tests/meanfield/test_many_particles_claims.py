"""The statement of the report on measures that are not discrete."""

from itertools import product

import numpy as np
import pytest
from openblackbox.meanfield.chaos import (
    cloud_distance,
    first_particles,
    function_error,
    sampling_variance,
)
from openblackbox.meanfield.coupling import coupled_error
from openblackbox.meanfield.flow import run_flow
from openblackbox.meanfield.growth_bounds import chaos_bound, fourth_moment
from openblackbox.meanfield.particles import Cloud, Regression, predict
from openblackbox.meanfield.starts import start


@pytest.mark.claim("RS-27", counterexample=True)
def test_a_finite_mean_length_does_not_define_the_function():
    # the mass c / k^3 at a = w = k; the tails of both sums between n and 10 n
    lengths, values = [], []
    for n in (10**2, 10**3, 10**4):
        k = np.arange(n + 1, 10 * n + 1, dtype=float)
        features = [predict(Cloud([v], [[v]]), [[1.0]])[0] for v in k[:3]]
        np.testing.assert_allclose(features, k[:3] ** 2, rtol=1e-14)
        lengths.append(np.sum(np.sqrt(2) * k / k**3))
        values.append(np.sum(k**2 / k**3))
    assert np.all(np.array(lengths[1:]) < 0.11 * np.array(lengths[:-1]))
    np.testing.assert_allclose(values, np.log(10), rtol=0.01)


@pytest.mark.claim("RS-27")
def test_independent_particles_approximate_the_function_at_the_rate_one_over_m():
    rng = np.random.default_rng(0)
    law, x = start("gaussian", m=3, d=2, rng=rng), rng.standard_normal((8, 2))
    for m in (1, 2, 4):
        draws = [list(chosen) for chosen in product(range(3), repeat=m)]
        errors = [function_error(Cloud(law.a[i], law.w[i]), law, x) for i in draws]
        assert np.mean(errors) == pytest.approx(sampling_variance(law, x) / m, rel=1e-12)


@pytest.mark.claim("RS-27")
def test_trained_particles_stay_within_the_bound():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((30, 2))
    y = np.tanh(x[:, 0]) / 3
    task = Regression(x, y, activation="tanh")
    large = start("balanced", m=4000, d=2, rng=rng, scale=0.3)
    limit = run_flow(large, task, step=0.02, steps=10, every=10).last
    options = {"reach": 0.3, "residual": 0.3 + np.sqrt(np.mean(y**2)), "moment": fourth_moment(x)}
    errors = {}
    for m in (10, 40):
        ends = [
            (k, run_flow(part, task, step=0.02, steps=10, every=10).last)
            for k in range(4000 // m)
            for part in [Cloud(large.a[k * m : k * m + m], large.w[k * m : k * m + m])]
        ]
        partners = [Cloud(limit.a[k * m : k * m + m], limit.w[k * m : k * m + m]) for k, _ in ends]
        apart = [coupled_error(end, other) for (_, end), other in zip(ends, partners, strict=True)]
        errors[m] = np.mean(apart)
        assert 0 < errors[m] < chaos_bound(m, 0.2, **options) < 0.1
        assert cloud_distance(ends[0][1], first_particles(partners[0], m)) <= apart[0] * (1 + 1e-9)
    # 400 and 100 clouds; the ratio of the means is 4.0 with a standard deviation of about 0.6
    assert 2.5 < errors[10] / errors[40] < 6.5
