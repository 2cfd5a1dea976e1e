"""A network, and a problem on a sample that is drawn."""

from __future__ import annotations

from bounds.problem import Problem
from pruning import RNN


def network(rng, m=3, d_x=2, d_y=3, activation="tanh", biases=True) -> RNN:
    return RNN(
        rng.normal(size=(m, m)) / max(m, 1),
        rng.normal(size=(m, d_x)),
        rng.normal(size=m) * biases,
        rng.normal(size=(d_y, m)),
        rng.normal(size=d_y) * biases,
        activation,
    )


def problem(rng, n=40, T=4, tokens=False, **options) -> Problem:
    settings = {
        key: options.pop(key) for key in ("m", "d_x", "d_y", "activation") if key in options
    }
    net = options.pop("rnn", None) or network(rng, **settings)
    if tokens:
        x = rng.integers(0, net.d_x, size=(2 * n, T))
    else:
        x = rng.normal(size=(2 * n, T, net.d_x))
    y = rng.integers(0, net.d_y, size=2 * n) if net.d_y > 1 else rng.choice([-1, 1], size=2 * n)
    return Problem(net, x[:n], y[:n], x[n:], y[n:], **options)
