"""One node set with the guarantee that determinantal or volume sampling gives on average.

Method of conditional expectations (theory, sections 2b and 2c). For `certified_nodes` the
expected residual, given which nodes were kept and which dropped, is a ridge Schur complement: kept
nodes have tau = 0, undecided ones tau = lam, dropped ones tau = infinity (`dpp.conditional`). A
decision is then an update of rank one, and the marginal probability of an undecided node j is
T_jj/lam, T that complement, in units of lam T_jj.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg.blas import dger

from pruning.checks import (
    Array,
    Nodes,
    covariance,
    covariance_in_units,
    from_units,
    in_units,
    integer,
    positive,
    positive_in_units,
    unit_exponent,
)
from pruning.factor import rank_tolerance
from pruning.reconstruction import (
    information_loss,
    reconstruction_matrix,
    ridge_schur_complement,
    weight_matrix,
)
from pruning.selection.determinantal import fill_up, log_elementary
from pruning.selection.leverage import spectrum


@dataclass(frozen=True)
class NodeCertificate:
    """A node set with the numbers that certify it, all computed from the set itself.

    Attributes
    ----------
    nodes : (k,) integer array
        In increasing order.
    lam : float
        The regulariser of the guarantee.
    degrees_of_freedom : float
        N(lam).
    loss : float
        L_A(J) at tau = 0.
    squared_norm : float
        ||A||_F^2, A the reconstruction matrix at tau = 0.
    expected : float
        E L_A = lam N, or lam Tr[M S (S + lam)^{-1}] for a weight M, which `loss` is then of, too.
        It and `loss` are infinite where they are beyond floats.
    share : float
        `loss` over `expected`, whatever their units; 0 where the weight is 0 on the range of S, and
        +inf where floats cannot tell.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import certified_nodes, NodeCertificate
    >>> found = certified_nodes(np.diag([4.0, 1.0, 0.25]), lam=0.5)
    >>> isinstance(found, NodeCertificate), found.nodes
    (True, array([0, 1]))
    """

    nodes: Nodes
    lam: float
    degrees_of_freedom: float
    loss: float
    squared_norm: float
    expected: float
    share: float

    @property
    def value(self) -> float:
        """|J|/N + L_A(J)/E L_A, at most 2 up to rounding; 0 where S = 0.

        With a weight that is 0 on the range of S the second summand is 0 and the most is 1.
        """
        if not len(self.nodes):
            return self.share
        N = self.degrees_of_freedom
        return (len(self.nodes) / N if N > 0 else math.inf) + self.share


def certified_nodes(S: ArrayLike, lam: float, weight: ArrayLike | None = None) -> NodeCertificate:
    """Return a node set with |J|/N(lam) + L_A(J)/(lam N(lam)) <= 2 and its certificate.

    With a weight M it is |J|/N(lam) + Tr[M C]/(lam Tr[M S (S + lam)^{-1}]) <= 2: the process stays
    DPP(S/lam), and `dpp.residual` gives E C (`balanced.determinantal`).

    In particular at most 2 N(lam) nodes and L_A <= 2 lam N(lam). Theory section 2b,
    `dpp.existence` and `dpp.conditional`. Costs O(m^3). Rounding can lift the sum above 2 by its
    own size where nothing is gained by any decision: S = lam I has the sum 2 for every set.

    Parameters
    ----------
    S : (m, m) array
        Symmetric positive semidefinite; may be singular or zero.
    lam : float
        > 0.
    weight : (m, m) array, optional
        M, symmetric positive semidefinite.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import certified_nodes
    >>> found = certified_nodes(np.diag([4.0, 1.0, 0.25]), lam=0.5)
    >>> found.nodes, found.value <= 2
    (array([0, 1]), True)
    """
    lam = positive("lam", lam)
    _, S, exponent = covariance_in_units("S", S)
    # Nothing that is decided depends on units, and in these no sum is beyond floats.
    unit_lam = positive_in_units(lam, exponent)
    mu, U = spectrum(S)
    with np.errstate(over="ignore"):
        ratio = unit_lam / mu
        kap = 1 / (1 + ratio)
        N = float(kap.sum())
        # lam mu/(mu + lam), with the quotient that is at most 1.
        each = np.where(unit_lam <= mu, unit_lam * kap, mu / (1 + mu / unit_lam))
    M, deciding, own, sees = None, None, 0, True
    if weight is not None:
        M = weight_matrix(weight, len(S))
        own = unit_exponent(M)
        M = in_units(M, own)
        read = np.einsum("ij,ij->j", U, M @ U)
        # Both are l_j up to a factor; of large lam the one, of small the other is no float.
        scores = kap if unit_lam <= mu.max(initial=0.0) else each
        # Below this it is rounding: the weight sees nothing of the range of S.
        floor = 64 * len(S) * float(np.finfo(np.float64).eps) * float(np.trace(M))
        sees = float(scores @ read) > floor * float(scores.max(initial=0.0))
        # Only the ratio of the summands matters; a weight that sees nothing decides nothing.
        deciding = M * (float(scores.sum() / (scores @ read)) if sees else 0.0)
        each = each * read if sees else np.zeros_like(each)
    nodes = decided_nodes(ratio, U, deciding)
    A = reconstruction_matrix(S, nodes, 0.0)
    loss, expected = information_loss(S, nodes, 0.0, M), float(each.sum())
    return NodeCertificate(
        nodes=nodes,
        lam=lam,
        degrees_of_freedom=N,
        loss=float(from_units(np.array(loss), exponent + own)),
        squared_norm=float(np.sum(A * A)),
        expected=float(from_units(np.array(expected), exponent + own)),
        share=_share(loss, expected) if sees else 0.0,
    )


def _share(loss: float, expected: float) -> float:
    """`loss` over `expected`, both >= 0: 0/0 is 0, and what floats cannot tell infinite."""
    if expected > 0:
        share = loss / expected
        return share if math.isfinite(share) else math.inf
    return 0.0 if loss == 0 else math.inf


def decided_nodes(ratio: Array, U: Array, weight: Array | None = None) -> Nodes:
    """Decide one node after the other so that |J| + Tr[M C]/lam never grows in expectation.

    M is the identity where no weight is given: Tr C = L_A.
    ratio is lam/mu, with mu and U of `pruning.selection.leverage.spectrum`: units drop out.
    """
    m = len(U)
    # T = S (S + lam)^{-1}, in units of lam: everything is undecided.
    T = np.asfortranarray((U / (1 + ratio)) @ U.T)
    undecided, kept = np.ones(m, dtype=bool), np.zeros(m, dtype=bool)
    # Below this a node is spanned by those that were kept, and T_jj is rounding.
    floor = 64 * np.finfo(float).eps * m * np.maximum(np.diag(T), 0)

    def weighed(columns: Array) -> Array:
        return columns if weight is None else weight @ columns

    # T_{:j}^T M T_{:j}, and squared norms over the undecided rows; updated with T.
    over_all = np.einsum("ij,ij->j", T, weighed(T))
    over_undecided = np.einsum("ij,ij->j", T, T)
    while True:
        diagonal = np.diag(T)
        candidates = np.flatnonzero(undecided & (diagonal > floor))
        if not candidates.size:
            return np.flatnonzero(kept).astype(np.int64)
        own = diagonal[candidates]
        moved = over_all[candidates] + over_undecided[candidates] - own**2
        keep, drop = _changes(own, moved)
        j = int(candidates[np.argmin(np.minimum(keep, drop))])
        # The decision itself is made on sums that have not been updated.
        column, own_j = T[:, j].copy(), float(T[j, j])
        moved_j = column @ weighed(column) + column[undecided] @ column[undecided] - own_j**2
        keep_j, drop_j = _changes(np.array([own_j]), np.array([moved_j]))
        kept[j] = keep_j[0] <= drop_j[0]
        factor = -1 / own_j if kept[j] else 1 / (1 - own_j)
        over_undecided -= T[j] * T[j]
        undecided[j] = False
        free = np.where(undecided, column, 0.0)
        for sums, rows in ((over_all, weighed(column)), (over_undecided, free)):
            sums += factor * column * (2 * (rows @ T) + factor * (rows @ column) * column)
        T = dger(factor, column, column, a=T, overwrite_a=True)


def _changes(own: Array, moved: Array) -> tuple[Array, Array]:
    """What keeping and what dropping a node adds to E|J| + E L_A/lam.

    p = T_jj is the probability that j is kept. Keeping j adds -T_{:j} T_{j:}/T_jj to T,
    dropping it adds T_{:j} T_{j:}/(1 - T_jj): weighted by p and 1 - p these sum to 0. The
    objective moves by the trace, by the diagonal over the undecided nodes, and by j itself.
    """
    free = 1 - own
    with np.errstate(divide="ignore"):
        drop = np.where(free > 0, moved / np.maximum(free, 0) - own, np.inf)
    return free - moved / own, drop


def volume_nodes(S: ArrayLike, k: int) -> Nodes:
    """Return k nodes with L_A(J) <= (k + 1)/(k + 1 - i) sum_{j > i} mu_j for every i <= k.

    Theory section 2c, `volume.expectation`, derandomised: each node is the one that leaves the
    smallest expected loss of volume sampling the rest. Costs k eigendecompositions. Where k exceeds
    the rank of S the first unused nodes fill up, since nothing is left to gain.

    Parameters
    ----------
    S : (m, m) array
        Symmetric positive semidefinite.
    k : int
        0..m.
    """
    S = covariance("S", S)
    S = in_units(S, unit_exponent(S))
    m = len(S)
    k = integer("k", k, low=0, high=m)
    nodes: list[int] = []
    rest = S
    while len(nodes) < k:
        left = k - len(nodes)
        # What is left of a node that the kept ones span, or of a dead one, is rounding.
        spent = np.diag(rest) <= rank_tolerance(m) * np.diag(S)
        spent[nodes] = True
        candidates = np.flatnonzero(~spent)
        if not candidates.size:
            break
        rest = np.where(spent[:, None] | spent, 0.0, rest)
        mu, U = spectrum(rest)
        gains = (U * U) @ mu
        # After node j the rest has e_i = sum_l p_jl e_i(mu without mu_l), p_jl = U_jl^2 mu_l/gain.
        shares = (U[candidates] ** 2) * mu / gains[candidates, None]
        with np.errstate(divide="ignore"):
            logs = np.log(shares)
        expected = _log_mean(logs, _without(np.log(mu), left))
        if np.isfinite(expected).all():
            expected -= _log_mean(logs, _without(np.log(mu), left - 1))
            j = int(candidates[np.argmin(expected)])
        else:  # the rank is used up: any independent nodes leave nothing
            j = int(candidates[np.argmax(gains[candidates])])
        nodes.append(j)
        rest = ridge_schur_complement(S, np.array(nodes), 0.0)
    return fill_up(np.array(sorted(nodes), dtype=np.int64), k, m)


def _without(log_mu: Array, i: int) -> Array:
    """Return log e_i of all but mu_l, for every l."""
    r = len(log_mu)
    if i > r - 1:
        return np.full(r, -np.inf)
    before = log_elementary(log_mu, i)
    after = log_elementary(log_mu[::-1], i)
    # e_i without l = sum_a e_a(before l) e_{i-a}(after l).
    return np.array([np.logaddexp.reduce(before[n] + after[r - 1 - n][::-1]) for n in range(r)])


def _log_mean(log_shares: Array, log_values: Array) -> Array:
    if not np.isfinite(log_values).any():
        return np.full(len(log_shares), -math.inf)
    result: Array = np.logaddexp.reduce(log_shares + log_values, axis=1)
    return result
