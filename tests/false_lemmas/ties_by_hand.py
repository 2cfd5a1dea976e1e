"""A counterexample to every lemma of `ties` and `ties_of_matrices`, found without the search.

By hand, as the lemma's `why` says, or where that is not possible by plain random draws of small
integers in NumPy (`cube_convex`, `leverage_order`).
"""

from __future__ import annotations

import numpy as np

from validation import Instance


def instance(sizes, **raw):
    """An instance of numbers and nested lists of numbers."""
    made = {
        name: value if isinstance(value, int | float) else np.array(value, dtype=np.float64)
        for name, value in raw.items()
    }
    return Instance(sizes, made)


ONE = [[1, 0], [0, 0]]
EYE = [[1, 0], [0, 1]]


def corner(entries: list[list[float]], rows: int, columns: int) -> np.ndarray:
    """A matrix of zeros but for the upper left corner."""
    made = np.zeros((rows, columns))
    made[: len(entries), : len(entries[0])] = entries
    return made


def column(entries: list[float], columns: int) -> np.ndarray:
    """Rows that are multiples of the first axis."""
    return corner([[x] for x in entries], len(entries), columns)


VECTORS = {
    "weighted_samples": instance({"n": 2, "d": 4}, x=column([1, 2], 4)),
    "fourth_moments": instance({"n": 2, "d": 3}, x=column([1, 1.5], 3)),
    "kantorovich": instance({"m": 2}, nu=[3, 1], p=[1, 1]),
    "hilbert": instance({"m": 4}, x=[3, 1.75, 1.25, 1]),
    "autocorrelation": instance({"T": 3, "d": 3}, x=column([1, 1.5, 1], 3)),
    "second_difference": instance({"T": 5, "d": 2}, x=column([1, -3.25, 4.5, -3.25, 1], 2)),
    "power_traces": instance({"m": 3}, W=[[0, 1, 0], [0, 0, 1], [1, 0, 0]], T=3),
    "aligned_steps": instance({"m": 4, "T": 2}, W=corner(ONE, 4, 4), x=column([1, 1], 4)),
    "carried_error": instance(
        {"m": 3, "T": 3}, W=corner([[3]], 3, 3), V=corner([[2]], 3, 3), x=column([1, -3, 0], 3)
    ),
    "relu_forgets": instance({"m": 2}, W=[[1, -1], [1, -1]], b=[1, 0], h=[-0.5, 0], g=[0, 0], T=2),
    "tanh_lipschitz": instance(
        {"m": 3, "T": 2}, W=corner([[2]], 3, 3), x=column([2**-6, 2**-6], 3), y=np.zeros((2, 3))
    ),
    "identity_lipschitz": instance({"m": 4, "T": 2}, W=corner([[1]], 4, 4), x=column([1, 1], 4)),
    "peak_of_states": instance({"T": 6, "d": 3}, a=1.0, x=column([1, 1, 1, 1, -1, -1], 3)),
    "product_of_many": instance({"T": 3}, x=[6, 3, 2]),
    "means_of_samples": instance({"n": 2, "d": 5}, x=column([1, 1], 5)),
}

MATRICES = {
    "greedy_pair": instance({}, F=[[1, 1, 0.5], [2, 0, 0], [0, 2, 0]]),
    "dof_submodular": instance(
        {"m": 2}, A=[[3 / 32], [1 / 32]], B=[[1 / 32], [-1 / 32]], C=[[0.75], [0]], lam=0.5
    ),
    "cube_convex": instance({"n": 2, "m": 2}, F=[[[-2, -1], [-2, 0]], [[0, 1], [0, 0]]]),
    "minors_of_three": instance({"m": 3}, S=[[4, 0, 0], [3, 2.5, 0], [3, 1, 2.25]]),
    "commutator": instance({"m": 2}, P=[[0.5, 0], [0, -0.5]], Q=[[0, 1], [0, 0]]),
    "minkowski": instance({"m": 2}, A=EYE, B=EYE),
    "squares_of_sums": instance({"n": 2, "m": 3}, F=[corner([[1]], 3, 3)] * 2),
    "dof_of_mean": instance(
        {"n": 2, "m": 3},
        F=[1024 * corner(ONE, 3, 3), 1024 * np.diag([0, 1, 0])],
        lam=1.0,
    ),
    "leverage_floor": instance({"m": 4}, F=np.ones((4, 4)), lam=0.25390625),
    "blocks": instance({"n": 2, "m": 3, "d": 3}, A=[corner([[1]], 3, 3)] * 2),
    "bell": instance({"d": 2}, A=[[1, 1], [1, -1]], U=EYE, V=[[1, 1], [1, -1]]),
    "best_node": instance({"m": 2}, F=[[1.0625, 0.234375], [0.234375, 1.0625]]),
    "welch": instance({"n": 2, "d": 2}, x=EYE),
    "signed_sums": instance({"n": 3, "d": 2}, x=[[1, 0], [0.5, 0.875], [-0.5, 0.875]]),
    "leverage_order": instance({"m": 3}, F=[[2, 0, 0], [0, 1, 0], [-1, 0, 0]], lam=0.25),
}

COUNTEREXAMPLES: dict[str, Instance] = {
    **{f"false.ties.{name}": found for name, found in VECTORS.items()},
    **{f"false.ties_of_matrices.{name}": found for name, found in MATRICES.items()},
}
