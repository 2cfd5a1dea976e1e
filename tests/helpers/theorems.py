"""One network, its sample and a setting, on which the theorems of section 7 are evaluated."""

import math

import numpy as np

from bounds import (
    Bound,
    Radii,
    Setting,
    Term,
)
from pruning import RNN, spectral_prune

TERMS = ["empirical loss", "approximation", "complexity", "confidence"]


def network(m=8, d_x=3, d_y=3, scale=0.5, seed=0, activation="tanh"):
    rng = np.random.default_rng(seed)
    return RNN(
        scale * rng.normal(size=(m, m)) / math.sqrt(m),
        rng.normal(size=(m, d_x)) / 2,
        0.1 * rng.normal(size=m),
        rng.normal(size=(d_y, m)) / math.sqrt(m),
        0.1 * rng.normal(size=d_y),
        activation,
    )


def sample(rnn, n=60, T=5, seed=1):
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, size=(n, T, rnn.d_x)) / math.sqrt(rnn.d_x)
    return x, rnn.predictions(x)[:, -1].argmax(axis=1)


RNN_ = network()
X, Y = sample(RNN_)
PRUNED = spectral_prune(RNN_, X, 4)
SETTING = Setting(60, 5, 0.1)
WIDE = Radii(5, 5, 5, 5, 5, 1, fixed=True, data_fixed=True)
ERROR = Bound("approximation.weighted", "", (Term("all", math.log(0.01), "", "test"),))
