"""Spectral pruning: from a network and its second moments to a smaller network (F22).

Theory, sections 0 and 1: W_h' = W_h[J,:] A, W_i' = W_i[J,:], b_h' = b_h[J], W_o' = W_o A and
b_o' = b_o.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pruning.checks import Array, Nodes, fraction, integer, node_set, real_array, ridge
from pruning.covariance import covariance_of
from pruning.reconstruction import reconstruction_matrix, residual
from pruning.rnn import RNN
from pruning.selection.dispatch import WEIGHTED, select_nodes
from pruning.selection.leverage import sample_leverage


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
    losses : mapping
        ||Z (phi - A phi_J)||^2_{n,T} + ||Z A||^2_tau = Tr[Z (R + A I_tau A^T) Z^T], unscaled, at
        the A in use: ``hidden`` for Z = I, ``output`` for Z = W_o, ``recurrent`` for W_h[J,:].
        With reconstruction these are L_A(J) and L_B(J); without it they are the plain mean squared
        errors Tr[Z R Z^T] of replacing dropped nodes by 0.
    exponent : int
        The covariance, tau and the losses are in units of 4^exponent, which is 0 unless the states
        are so large or so small that their squares are beyond the range of floats.
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

    @property
    def parameters(self) -> dict[str, int]:
        """The count of parameters of the pruned network, by the names of the weights."""
        return {name: int(array.size) for name, array in self.pruned.weights.items()}


def selection_weight(rnn: RNN, theta: float, normalise: bool = True) -> Array:
    """Return the fixed weight M of the selection's objective Tr[M C], shape (m, m).

    Source: F22 (reconstructed), theory section 1. M = theta I + (1 - theta) Z^T Z with
    Z = [W_o; W_h], all rows of W_h: with the kept rows only, M would move with J and the objective
    could grow when a node is added (`selection.monotone`).

    Parameters
    ----------
    rnn : RNN
    theta : float
        In [0, 1].
    normalise : bool
        Scale each block of Z by its Frobenius norm, and bring both parts to trace 1. Otherwise raw.
    """
    theta = fraction("theta", theta)
    blocks = [rnn.w_output, rnn.w_hidden]
    if normalise:
        blocks = [block / (np.linalg.norm(block) or 1.0) for block in blocks]
    Z = np.vstack(blocks)
    identity, output = np.eye(rnn.m), Z.T @ Z
    if normalise and rnn.m:
        identity /= rnn.m
        output /= np.trace(output) or 1.0
    return theta * identity + (1 - theta) * output


def spectral_prune(
    rnn: RNN,
    covariance_or_x: Any,
    k: int,
    theta: float = 0.5,
    tau: ArrayLike | None = None,
    reconstruct: bool = True,
    method: str = "greedy",
    rng: np.random.Generator | int | None = None,
    *,
    lam: float | None = None,
    normalise: bool = True,
) -> PrunedRNN:
    """Prune the hidden layer to k nodes.

    Source: F22 (reconstructed), theory sections 0 and 1.

    Parameters
    ----------
    rnn : RNN
        The trained network, m nodes.
    covariance_or_x : StateCovariance, (m, m) float array S, or inputs x
        Inputs are floats (n, T, d_x) or integer tokens (n, T); their states are streamed.
    k : int
        Nodes to keep, 0..m; with ``leverage`` the number of draws, at most m.
    theta : float
        Weight of L_A against L_B in the objective, in [0, 1].
    tau : float or (m,) array, optional
        Regulariser >= 0, one value a node of the original network. None means 1e-8 Tr S/m, and the
        merged tau of the draws with ``leverage``.
    reconstruct : bool
        False replaces the reconstruction matrix by the 0/1 embedding of the nodes.
    method : str
        See `select_nodes`.
    rng : numpy Generator or seed
        For the methods that draw.
    lam : float
        > 0, for ``leverage``.
    normalise : bool
        See `selection_weight`.

    Examples
    --------
    >>> import numpy as np
    >>> from pruning import RNN, spectral_prune
    >>> rng = np.random.default_rng(0)
    >>> rnn = RNN(np.eye(4), rng.normal(size=(4, 2)), np.zeros(4), np.ones((1, 4)), [0.0])
    >>> pruned = spectral_prune(rnn, rng.normal(size=(10, 5, 2)), k=2)
    >>> pruned.pruned.m, len(pruned.nodes)
    (2, 2)
    """
    S, exponent = covariance_of(rnn, covariance_or_x)
    k = integer("k", k, low=0, high=rnn.m)
    theta = fraction("theta", theta)
    tau, lam = (
        _in_units(tau, exponent),
        None if lam is None else float(np.ldexp(lam, -2 * exponent)),
    )
    if method == "leverage" and tau is None:
        if lam is None:
            raise ValueError("lam must be given for the method 'leverage', got None")
        nodes, kept_tau = sample_leverage(S, lam, k, rng)
    else:
        weight = selection_weight(rnn, theta, normalise)
        all_tau = ridge("tau", tau, rnn.m, S)
        nodes = select_nodes(S, k, method, weight, all_tau, lam, rng)
        kept_tau = all_tau[nodes]
    # Of the methods only these two look at the objective.
    used = theta if method in WEIGHTED else None
    return _assemble(rnn, S, exponent, nodes, kept_tau, reconstruct, used, method)


def prune_to(
    rnn: RNN,
    covariance_or_x: Any,
    nodes: ArrayLike,
    tau: ArrayLike | None = None,
    reconstruct: bool = True,
    method: str = "given nodes",
) -> PrunedRNN:
    """Prune the hidden layer to the given nodes.

    Parameters
    ----------
    rnn, covariance_or_x, reconstruct
        As in `spectral_prune`.
    nodes : (k,) integer array
        J, distinct.
    tau : float or (k,) array, optional
        Regulariser >= 0, one value a kept node in the order of `nodes`; None means 1e-8 Tr S/m.
    method : str
        What the result says about how the nodes were chosen.
    """
    S, exponent = covariance_of(rnn, covariance_or_x)
    checked = node_set("nodes", nodes, rnn.m)
    order = np.argsort(np.asarray(nodes).reshape(-1), kind="stable")
    kept_tau = ridge("tau", _in_units(tau, exponent), len(checked), S)[order]
    return _assemble(rnn, S, exponent, checked, kept_tau, reconstruct, None, method)


def _in_units(tau: ArrayLike | None, exponent: int) -> ArrayLike | None:
    """Tau in units of 4^exponent, those of the covariance."""
    if tau is None or not exponent:
        return tau
    return np.asarray(np.ldexp(real_array("tau", tau), -2 * exponent))


def _assemble(
    rnn: RNN,
    S: Array,
    exponent: int,
    nodes: Nodes,
    tau: Array,
    reconstruct: bool,
    theta: float | None,
    method: str,
) -> PrunedRNN:
    if reconstruct:
        A = reconstruction_matrix(S, nodes, tau)
    else:
        A = np.eye(rnn.m)[:, nodes]
        tau = np.zeros(len(nodes))
    pruned = RNN(
        rnn.w_hidden[nodes] @ A,
        rnn.w_input[nodes],
        rnn.b_hidden[nodes],
        rnn.w_output @ A,
        rnn.b_output,
        rnn.activation,
    )
    loss = residual(S, nodes, A) + (A * tau) @ A.T
    losses = {
        "hidden": float(np.trace(loss)),
        "output": float(np.vdot(rnn.w_output @ loss, rnn.w_output)),
        "recurrent": float(np.vdot(rnn.w_hidden[nodes] @ loss, rnn.w_hidden[nodes])),
    }
    losses = {name: max(0.0, value) for name, value in losses.items()}
    return PrunedRNN(rnn, pruned, nodes, tau, A, S, theta, method, losses, exponent)
