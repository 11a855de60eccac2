"""The study of deep networks with biases."""

import numpy as np
import pytest
from biased_cases import AND
from openblackbox.data import data_path
from openblackbox.multitree.deep_biases_study import (
    STUDY,
    living_by_bias,
    open_biased,
    random_biased_network,
)
from openblackbox.multitree.supports import dyadic_supports
from openblackbox.study import read_study


def test_the_table_is_that_of_the_study():
    table = read_study(data_path("deep-biases.csv"))
    assert tuple(table) == STUDY.header
    cells = [
        dict(zip(STUDY.grid, row, strict=True))
        for row in zip(*(table[k] for k in STUDY.grid), strict=True)
    ]
    assert cells == STUDY.cells()
    rng = np.random.default_rng(0)
    for row in rng.choice(len(cells) // 2, 6, replace=False):
        counts = open_biased(**cells[row])
        assert counts["bias_alive"] == table["bias_alive"][row]
        assert (counts["agreeing"] == 400) == (table["agreeing"][row] == 400)
        assert counts["products"] == table["products"][row]
        assert counts["evaluations"] == pytest.approx(table["evaluations"][row], rel=0.1)


def test_recovered_if_and_only_if_no_activatable_path_leads_over_a_neuron_that_lives_by_its_bias():
    table = read_study(data_path("deep-biases.csv"))
    alive, agreeing = np.array(table["bias_alive"]), np.array(table["agreeing"])
    assert ((agreeing == 400) == (alive == 0)).all()
    never = np.array(table["law"]) == "not positive"
    assert (alive[never] == 0).all()


def test_networks():
    rng = np.random.default_rng(0)
    network = random_biased_network(dyadic_supports(4), 3.0, law="not positive", rng=rng)
    rng = np.random.default_rng(0)
    other = random_biased_network(dyadic_supports(4), 1.5, law="any sign", rng=rng)
    assert np.array_equal(network.weights[2], other.weights[2])
    assert np.array_equal(network.biases[0], 2 * other.biases[0])
    assert np.array_equal(network.biases[1], -2 * np.abs(other.biases[1]))
    assert np.array_equal(network.biases[3], 2 * other.biases[3])
    assert living_by_bias(AND) == 1
    assert living_by_bias(network) == 0
    with pytest.raises(ValueError, match="law"):
        random_biased_network(dyadic_supports(2), 1.0, law="zero", rng=rng)
