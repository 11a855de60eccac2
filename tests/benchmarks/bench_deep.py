"""The recovery of deep butterflies, beside the time of the products it asks for.

Each row is a process of its own: one butterfly of width N = 2^L with N(0, 1) weights, held by a
network of sparse matrices. *Products* are Jacobian-vector and vector-Jacobian products; N of them
cost what one Jacobian costs. *Oracle* is the time that as many products take in batches of
64 at a single point, and nothing else. *Memory* is the peak of the process, with Python and its
libraries.
"""

import json
import subprocess
import sys

DATA = "deep-speed.csv"
LEVELS = (6, 8, 10, 12)

CODE = """
import json, resource, sys, time
import numpy as np
from openblackbox.multitree.butterfly import butterfly_supports
from openblackbox.multitree.deep import recover_deep
from openblackbox.multitree.deep_study import random_deep_network, weight_errors

n_layers = int(sys.argv[1])
rng = np.random.default_rng([n_layers, 0])
supports = butterfly_supports(n_layers)
secret = random_deep_network(supports, rng=rng)
x, v = rng.standard_normal(secret.n_inputs), rng.standard_normal((secret.n_inputs, 64)).T
secret.jvp(x, v)
best = float("inf")
for _ in range(5):
    start = time.perf_counter()
    secret.jvp(x, v)
    best = min(best, time.perf_counter() - start)
start = time.perf_counter()
found = recover_deep(secret, supports, rng=rng)
seconds = time.perf_counter() - start
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
error, missed = weight_errors(found.network.weights, secret.weights)
assert missed == 0 and error < 1e-9, (missed, error)
products = found.queries.jvps + found.queries.vjps
print(json.dumps([products, len(found.origins), seconds, products * best / 64, memory]))
"""


def measure():
    """Yield one row for each depth."""
    for n_layers in LEVELS:
        command = [sys.executable, "-c", CODE, str(n_layers)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        products, points, seconds, oracle, memory = json.loads(output)
        yield {
            "L": n_layers,
            "N": 2**n_layers,
            "products": products,
            "Jacobians": products / 2**n_layers,
            "points": points,
            "time (s)": seconds,
            "oracle (s)": oracle,
            "time / oracle": seconds / oracle,
            "memory (GiB)": memory,
        }
