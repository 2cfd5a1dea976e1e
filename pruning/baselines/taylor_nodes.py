"""Keep the k nodes whose removal changes the loss most, to first order.

Criterion of Molchanov, Tyree, Karras, Aila and Kautz (2017), activation times gradient, for nodes
that act at every step.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pruning.backpropagation import check_data
from pruning.baselines.magnitude_nodes import largest
from pruning.checks import Array, Inputs, Targets, as_generator, integer
from pruning.covariance import Moments
from pruning.losses import value_and_gradient
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, prune_to

_NUMBERS_AT_ONCE = 1 << 22


def taylor_nodes(
    rnn: RNN,
    covariance_or_x: Moments,
    k: int,
    rng: np.random.Generator | int | None = None,
    reconstruct: bool = False,
    tau: ArrayLike | None = None,
    *,
    x: ArrayLike,
    y: ArrayLike,
    targets: str = "last",
    sequences: int = 2000,
) -> PrunedRNN:
    """Prune to the k nodes of largest `taylor_scores`.

    Parameters
    ----------
    rnn, covariance_or_x, k, tau
        As in `pruning.prune_to`.
    rng : numpy Generator or seed
        Draws the sequences where there are more than `sequences`.
    reconstruct : bool
        By default the 0/1 embedding of the nodes, as is usual with this choice.
    x, y, targets
        Training data, as in `pruning.gradients`; the loss is the cross-entropy.
    sequences : int
        Scores are means over at most so many sequences.
    """
    k = integer("k", k, low=0, high=rnn.m)
    n = integer("sequences", sequences, low=1)
    x, y = np.asarray(x), np.asarray(y)
    if len(x) > n:
        drawn = np.sort(as_generator("rng", rng).choice(len(x), n, replace=False))
        x, y = x[drawn], y[drawn]
    scores = taylor_scores(rnn, x, y, targets)
    return prune_to(rnn, covariance_or_x, largest(scores, k), tau, reconstruct, "Taylor nodes")


def taylor_scores(rnn: RNN, x: ArrayLike, y: ArrayLike, targets: str = "last") -> Array:
    """Return the mean over sequences of |d loss / d c_j| at c = 1, shape (m,).

    c_j is a factor on node j wherever its state is read, by the recurrence and by the output, at
    every step: the derivative is sum_t h_{t,j} d loss / d h_{t,j}, and c_j = 0 removes the node.

    Parameters
    ----------
    rnn, x, y, targets
        As in `pruning.gradients`; the loss is the cross-entropy.
    """
    inputs, labels = check_data(rnn, x, y, "cross_entropy", targets)
    n, T = inputs.shape[:2]
    batch = max(1, _NUMBERS_AT_ONCE // (T * max(rnn.m, rnn.d_y if targets == "every" else 1)))
    total = np.zeros(rnn.m)
    with np.errstate(over="ignore", invalid="ignore"):
        for begin in range(0, n, batch):
            part = slice(begin, begin + batch)
            total += np.abs(_derivatives(rnn, inputs[part], labels[part])).sum(axis=0)
    result: Array = total / n
    return result


def _derivatives(rnn: RNN, x: Inputs, y: Targets) -> Array:
    """Return d loss / d c_j of each sequence, (n, m)."""
    h = rnn.states(x)
    n, T, _ = h.shape
    if y.ndim == 1:
        pulled = np.zeros_like(h)
        pulled[:, -1] = _pulled(rnn, h[:, -1], y)
    else:
        pulled = _pulled(rnn, h.reshape(n * T, -1), y.reshape(-1)).reshape(h.shape) / T
    result = np.zeros((n, rnn.m))
    g = np.zeros((n, rnn.m))
    for t in range(T - 1, -1, -1):
        g = pulled[:, t] + (g if t < T - 1 else 0)
        result += h[:, t] * g
        g = (g * rnn.activation.slope(h[:, t])) @ rnn.w_hidden
    return result


def _pulled(rnn: RNN, h: Array, y: Targets) -> Array:
    f = h @ rnn.w_output.T + rnn.b_output
    return np.asarray(value_and_gradient("cross_entropy", f, y, 1.0)[1] @ rnn.w_output)
