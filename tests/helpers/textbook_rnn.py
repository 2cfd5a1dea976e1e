"""Section 0 of the theory one sequence, one step, one node at a time, in complex numbers.

An oracle for states and, by complex steps, for derivatives: the imaginary part of F(w + i 1e-30)
over 1e-30 is the derivative of F at w up to rounding, with no difference taken. Piecewise linear
functions decide by the real part, so away from their kinks the same holds for them.
"""

from __future__ import annotations

import cmath

import numpy as np

from pruning.rnn import RNN

STEP = 1e-30
PIECEWISE = ("relu", "leaky_relu:0.25")
SMOOTH = ("tanh", "identity", "logistic")


def activate(name, a):
    if name == "relu":
        return a if a.real > 0 else 0 * a
    if name == "leaky_relu:0.25":
        return a if a.real > 0 else 0.25 * a
    if name == "tanh":
        return cmath.tanh(a)
    if name == "logistic":
        return 1 / (1 + cmath.exp(-a))
    return a


def run(weights, name, x):
    """States and predictions of one sequence x (T, d_x), and the smallest |a| met."""
    w_h, w_i, b_h, w_o, b_o = weights
    m = len(b_h)
    h = [0.0] * m
    states, predictions, nearest = [], [], np.inf
    for x_t in x:
        a = [
            sum(w_h[j][i] * h[i] for i in range(m))
            + sum(w_i[j][i] * x_t[i] for i in range(len(x_t)))
            + b_h[j]
            for j in range(m)
        ]
        nearest = min([nearest, *(abs(complex(value).real) for value in a)])
        h = [activate(name, complex(value)) for value in a]
        states.append(h)
        predictions.append(
            [sum(w_o[j][i] * h[i] for i in range(m)) + b_o[j] for j in range(len(b_o))]
        )
    return np.array(states).reshape(len(x), m), np.array(predictions), nearest


def loss(name, f, y, gamma):
    """Loss of one prediction f, and its distance from the nearest kink."""
    if name == "squared":
        return sum((a - b) ** 2 for a, b in zip(f, y)) / 2, np.inf
    if name == "cross_entropy":
        top = max(a.real for a in f)
        return cmath.log(sum(cmath.exp(a - top) for a in f)) + top - f[y], np.inf
    if len(f) == 1:
        mu, gap = y * f[0], np.inf
    else:
        rivals = sorted((a for j, a in enumerate(f) if j != y), key=lambda a: -a.real)
        mu = f[y] - rivals[0]
        gap = rivals[0].real - rivals[1].real if len(rivals) > 1 else np.inf
    value = 1 if mu.real <= 0 else 0 if mu.real >= gamma else 1 - mu / gamma
    return value + 0 * mu, min(gap, abs(mu.real), abs(mu.real - gamma))


def objective(weights, name, x, y, kind, targets, gamma):
    """Mean loss over the sample, and the distance from the nearest kink of s or of the loss."""
    total, nearest = 0.0, np.inf
    for x_i, y_i in zip(x, y):
        _, f, near = run(weights, name, x_i)
        if name in PIECEWISE:
            nearest = min(nearest, near)
        pairs = [(f[-1], y_i)] if targets == "last" else list(zip(f, y_i))
        for f_t, y_t in pairs:
            value, near = loss(kind, f_t, y_t, gamma)
            total += value / (len(pairs) * len(x))
            nearest = min(nearest, near)
    return total, nearest


def derivatives(rnn: RNN, x, y, kind, targets, gamma):
    """Value, partial derivatives by complex steps, and the distance from the nearest kink."""
    named = {key: array.astype(complex) for key, array in rnn.weights.items()}
    weights = tuple(named.values())
    name = rnn.activation.name
    value, nearest = objective(weights, name, x, y, kind, targets, gamma)
    gradient = {}
    for key, array in named.items():
        gradient[key] = np.zeros(array.shape)
        for index in np.ndindex(array.shape):
            array[index] += 1j * STEP
            moved, _ = objective(weights, name, x, y, kind, targets, gamma)
            gradient[key][index] = complex(moved).imag / STEP
            array[index] = array[index].real
    return complex(value).real, gradient, nearest


def one_hot(tokens, d_x):
    return np.eye(d_x)[tokens]


def random_rnn(rng, m, d_x, d_y, activation, scale=1.0):
    return RNN(
        scale * rng.standard_normal((m, m)) / max(m, 1) ** 0.5,
        rng.standard_normal((m, d_x)),
        rng.standard_normal(m),
        rng.standard_normal((d_y, m)),
        rng.standard_normal(d_y),
        activation,
    )


def random_targets(rng, loss, shape, d_y):
    if loss == "squared":
        return rng.standard_normal((*shape, d_y))
    if loss == "margin_ramp" and d_y == 1:
        return rng.choice([-1, 1], shape)
    return rng.integers(0, d_y, shape)
