"""A pair of networks, the large one and the small, and what lies between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pruning.checks import (
    Array,
    Nodes,
)
from pruning.rnn import RNN
from pruning.run_rounding import RunRounding


@dataclass(frozen=True, eq=False)
class PrunedRNN:
    """A pruned network, with all that its bounds need.

    Attributes
    ----------
    original, pruned : RNN
        Before, with m nodes, and after, with k.
    nodes : (k,) integer array
        J: node i of the pruned network is node ``nodes[i]`` of the original one.
    tau : (k,) array
        Regulariser of the reconstruction; 0 without reconstruction.
    reconstruction : (m, k) array
        A: the reconstruction matrix, or the 0/1 embedding of J.
    covariance : (m, m) array
        S, of the original network.
    theta : float or None
        Weight of L_A in the objective; None if the nodes were not chosen by it, as with ``volume``.
    method : str
        How the nodes were chosen.
    objective : str
        ``spectral`` (F22) or ``balanced`` (theory, section 11): the weight in Tr[M C].
    refit : str or None
        ``read-out`` or ``closed-loop`` where weights of `pruned` were fitted afterwards: then they
        are no longer those of the reconstruction, and `bounds.approximation.general_bound` is the
        bound on them.
    losses : mapping
        ||Z (phi - A phi_J)||^2_{n,T} + ||Z A||^2_tau = Tr[Z (R + A I_tau A^T) Z^T], unscaled, at
        the A in use: ``hidden`` for Z = I, ``output`` for Z = W_o, ``recurrent`` for W_h[J,:].
        With reconstruction these are L_A(J) and L_B(J); without it they are the plain mean squared
        errors Tr[Z R Z^T] of replacing dropped nodes by 0. A refit leaves them as they were.
    exponent : int
        The covariance, tau and the losses are in units of 4^exponent, which is 0 unless the states
        are so large or so small that their squares are beyond the range of floats.
    rounding : RunRounding or None
        How far the float64 run that the covariance is from may be from an exact one. None where the
        covariance was given: that it is the network's is then the caller's word.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import initial_rnn, PrunedRNN, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(20, 5, 2))
    >>> pruned = spectral_prune(rnn, x, k=3)
    >>> isinstance(pruned, PrunedRNN), pruned.pruned.m, pruned.reconstruction.shape
    (True, 3, (6, 3))
    >>> sorted(pruned.losses)
    ['hidden', 'output', 'recurrent']
    """

    original: RNN
    pruned: RNN
    nodes: Nodes
    tau: Array
    reconstruction: Array
    covariance: Array
    theta: float | None
    method: str
    losses: Mapping[str, float]
    exponent: int = 0
    objective: str = "spectral"
    refit: str | None = None
    rounding: RunRounding | None = None

    def __repr__(self) -> str:
        """Sizes and method on one line; the arrays are attributes."""
        refit = "" if self.refit is None else f", refit={self.refit!r}"
        return (
            f"PrunedRNN(k={self.pruned.m} of m={self.original.m}, method={self.method!r}, "
            f"objective={self.objective!r}{refit})"
        )

    @property
    def parameters(self) -> dict[str, int]:
        """The count of parameters of the pruned network, by the names of the weights."""
        return {name: int(array.size) for name, array in self.pruned.weights.items()}
