"""What a method of selection is asked, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pruning.checks import Array, Nodes


@dataclass(frozen=True, eq=False)
class Selection:
    """The nodes to keep, with what their reconstruction needs.

    Attributes
    ----------
    nodes : (k,) integer array
        J, distinct, in increasing order.
    tau : (k,) array
        Regulariser of each kept node: the one asked for, or that of the draws where the method
        has its own.
    theta : float or None
        Weight of L_A in the objective; None where the nodes were not chosen by it.
    """

    nodes: Nodes
    tau: Array
    theta: float | None = None


@dataclass(frozen=True, eq=False)
class Request:
    """The checked arguments of `pruning.selection.dispatch.select`.

    S, weight, tau and lam are in units in which no square is beyond floats; `all_tau` is not.

    Attributes
    ----------
    method : str
    S : (m, m) array
    k : int or None
    weight : (m, m) array or None
    tau, all_tau : (m,) arrays
        The regulariser in the units of S, and as it was given.
    own_tau : bool
        No regulariser was given: a method that has its own answers with that.
    exponent : int
        `S` is in units of 4^exponent.
    lam : float or None
    rng : numpy Generator or None
    theta : float or None
    """

    method: str
    S: Array
    k: int | None
    weight: Array | None
    factor: Array | None
    tau: Array
    all_tau: Array
    own_tau: bool
    exponent: int
    lam: float | None
    rng: np.random.Generator | None
    theta: float | None

    def size(self) -> int:
        """Return k, which this method needs."""
        if self.k is None:
            raise ValueError(f"k must be given for the method {self.method!r}, got None")
        return self.k

    def by_objective(self, nodes: Nodes) -> Selection:
        """Answer with nodes that were chosen by the objective Tr[weight C]."""
        nodes = np.sort(nodes)
        return Selection(nodes, self.all_tau[nodes], self.theta)

    def without_objective(self, nodes: Nodes) -> Selection:
        """Answer with nodes that the objective had no part in."""
        nodes = np.sort(nodes)
        return Selection(nodes, self.all_tau[nodes])
