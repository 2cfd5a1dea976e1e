"""Reconstruction of all nodes from the kept ones, and what is lost (theory, section 1).

``A = S_{:J} (S_J + I_tau)^+`` with the Moore-Penrose inverse where S_J + I_tau is singular: dead
nodes and exact copies are normal. Singular means singular to the tolerance of `pruning.factor`.

Accuracy: rounding in S of relative size eps changes C and R by about eps (1 + ||A||^2) ||S||, in
any algorithm, A the exact minimiser. Its norm is at most sqrt(||S||/min tau)/2, and small for nodes
that were chosen greedily.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import qr, solve_triangular

from pruning.checks import (
    Array,
    Nodes,
    covariance,
    factored_covariance,
    from_units,
    in_units,
    node_set,
    real_array,
    ridge,
    ridge_in_units,
    unit_exponent,
)
from pruning.factor import pivoted_cholesky


def reconstruction_matrix(S: ArrayLike, nodes: ArrayLike, tau: ArrayLike | None = None) -> Array:
    """Return A, the minimiser of ||phi - A phi_J||^2_{n,T} + ||A||^2_tau.

    Source: F22 (reconstructed), theory section 1, `reconstruction.closed_form`.

    Parameters
    ----------
    S : (m, m) array
        Time-mean covariance of the hidden states, positive semidefinite.
    nodes : (k,) integer array
        J, distinct, in any order.
    tau : float or (k,) array, optional
        Regulariser >= 0, one value a kept node in the order of `nodes`; None means 1e-8 Tr S/m.

    Returns
    -------
    (m, k) array
        Columns belong to the nodes in increasing order. The minimiser of least Frobenius norm
        where there are several. Rows of nodes kept with tau = 0 are unit vectors if S_J is regular.

    Raises
    ------
    ValueError
        If S is not symmetric positive semidefinite, a node is out of range or repeated, or
        tau < 0.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import reconstruction_matrix
    >>> S = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> reconstruction_matrix(S, [0], tau=0.0)
    array([[1. ],
           [0.5]])
    """
    S, nodes, tau = _checked(S, nodes, tau)
    exponent = unit_exponent(S)
    return _solve(in_units(S, exponent), nodes, ridge_in_units(tau, exponent))[0]


def ridge_schur_complement(S: ArrayLike, nodes: ArrayLike, tau: ArrayLike | None = None) -> Array:
    """Return C = S - S_{:J} (S_J + I_tau)^+ S_{J:}, symmetric, shape (m, m).

    Parameters and errors as in `reconstruction_matrix`.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import ridge_schur_complement
    >>> ridge_schur_complement(np.array([[1.0, 0.5], [0.5, 1.0]]), [0], tau=0.0)
    array([[0.  , 0.  ],
           [0.  , 0.75]])
    """
    S, nodes, tau = _checked(S, nodes, tau)
    exponent = unit_exponent(S)
    C = _schur(in_units(S, exponent), nodes, ridge_in_units(tau, exponent))
    return from_units(C, exponent)


def _schur(S: Array, nodes: Nodes, tau: Array) -> Array:
    A, W = _solve(S, nodes, tau)
    C = S - W.T @ W
    # C[:, J] = A I_tau, without cancellation where tau is small; a large tau magnifies errors of A.
    small = tau <= np.diag(S)[nodes]
    J = nodes[small]
    kept = (A * tau)[:, small]
    kept[J] = (kept[J] + kept[J].T) / 2
    C[:, J] = kept
    C[J, :] = kept.T
    np.fill_diagonal(C, np.maximum(np.diag(C), 0))
    return C


def residual_covariance(S: ArrayLike, nodes: ArrayLike, A: ArrayLike) -> Array:
    """Return R, the covariance of the residuals r_t = h_t - A h_{t,J}, for any (m, k) matrix A.

    Theory section 1, `selection.residual_covariance`. Columns of A belong to `nodes` in the order
    in which they are given; for a matrix of `reconstruction_matrix` that is increasing order.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import reconstruction_matrix, residual_covariance
    >>> S = np.array([[1.0, 0.5], [0.5, 1.0]])
    >>> residual_covariance(S, [0], reconstruction_matrix(S, [0], tau=0.0))
    array([[0.  , 0.  ],
           [0.  , 0.75]])
    """
    S = covariance("S", S)
    nodes, order = _sorted_nodes(nodes, len(S))
    A = real_array("A", A, (len(S), len(nodes)))[:, order]
    exponent = unit_exponent(S)
    return from_units(residual(in_units(S, exponent), nodes, A), exponent)


def information_loss(
    S: ArrayLike,
    nodes: ArrayLike,
    tau: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> float:
    """Return Tr[weight C] >= 0; with weight None it is L_A(J) = Tr C.

    Source: F22 (reconstructed), theory section 1: L_B(J) for Z is the weight Z^T Z, and
    theta L_A + (1 - theta) L_B is the weight M of `pruning.selection_weight`.

    Parameters
    ----------
    S, nodes, tau
        As in `reconstruction_matrix`.
    weight : (m, m) array, optional
        Symmetric positive semidefinite.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import information_loss
    >>> S = np.diag([4.0, 1.0, 0.25])
    >>> information_loss(S, [0], tau=0.0), information_loss(S, [0, 1], tau=0.0)
    (1.25, 0.25)
    """
    S, nodes, tau = _checked(S, nodes, tau)
    exponent = unit_exponent(S)
    C = _schur(in_units(S, exponent), nodes, ridge_in_units(tau, exponent))
    if weight is None:
        return float(from_units(np.trace(C), exponent))
    M = weight_matrix(weight, len(C))
    own = unit_exponent(M)
    loss = max(float(np.vdot(in_units(M, own), C)), 0.0)
    return float(from_units(np.array(loss), exponent + own))


def residual(S: Array, nodes: Nodes, A: Array) -> Array:
    """`residual_covariance` of arguments that were checked already."""
    G = S - A @ S[nodes]
    R = G - G[:, nodes] @ A.T
    return (R + R.T) / 2


def missed_share(readers: Array, S: Array, nodes: Nodes, A: Array) -> float:
    """Return Tr[Z R Z^T]/Tr[Z S Z^T]: of what Z reads, the share that reconstruction misses.

    Parameters
    ----------
    readers : (rows, m) array
        Z.
    S : (m, m) array
    nodes : (k,) integer array
    A : (m, k) array
        R is the residual covariance of the nodes at this A.

    Returns
    -------
    float
        0 where nothing is read, and +inf where floats cannot tell.
    """
    # The share knows no units; in these no square is beyond the range of floats.
    largest = np.abs(readers).max(initial=0.0)
    Z = np.ldexp(readers, -int(np.frexp(largest)[1])) if largest > 0 else readers
    unit = in_units(S, unit_exponent(S))
    with np.errstate(over="ignore", invalid="ignore"):
        read, lost = (float(np.vdot(Z @ C, Z)) for C in (unit, residual(unit, nodes, A)))
    if not read > 0:
        return 0.0 if read == 0 else math.inf
    share = lost / read
    return max(share, 0.0) if math.isfinite(share) else math.inf


def weight_matrix(weight: ArrayLike, m: int) -> Array:
    """Return `weight` as a symmetric positive semidefinite (m, m) matrix."""
    M = covariance("weight", weight)
    _check_shape(M, m)
    return M


def factored_weight(weight: ArrayLike, m: int) -> tuple[Array, Array | None]:
    """Return `weight_matrix` in units, and its Cholesky factor (lower) where it has one."""
    M, factor = factored_covariance("weight", weight)
    _check_shape(M, m)
    return M, factor


def _check_shape(M: Array, m: int) -> None:
    if M.shape != (m, m):
        raise ValueError(f"weight must have shape ({m}, {m}), got {M.shape}")


def _checked(S: ArrayLike, nodes: ArrayLike, tau: ArrayLike | None) -> tuple[Array, Nodes, Array]:
    S = covariance("S", S)
    nodes, order = _sorted_nodes(nodes, len(S))
    return S, nodes, ridge("tau", tau, len(nodes), S)[order]


def _sorted_nodes(nodes: ArrayLike, m: int) -> tuple[Nodes, Nodes]:
    """The nodes in increasing order, and where each of them stood."""
    checked = node_set("nodes", nodes, m)
    return checked, np.argsort(np.asarray(nodes).reshape(-1), kind="stable")


def _solve(S: Array, nodes: Nodes, tau: Array) -> tuple[Array, Array]:
    """A (m, k), and W (r, m) with W^T W = S_{:J} (S_J + I_tau)^+ S_{J:}."""
    m, k = len(S), len(nodes)
    F, pivots, r = pivoted_cholesky(S[np.ix_(nodes, nodes)], tau)
    A = np.zeros((m, k))
    if r == 0:
        return A, np.zeros((0, m))
    L, basis = F[:r], pivots[:r]
    W = solve_triangular(L, S[nodes[basis]], lower=True)
    A[:, basis] = solve_triangular(L, W, lower=True, trans="T").T
    if r < k:
        # Every minimiser is A plus rows in the null space of S_J + I_tau. Of these the least is
        # orthogonal to it.
        null = np.zeros((k, k - r))
        null[basis] = -solve_triangular(L, F[r:].T, lower=True, trans="T")
        null[pivots[r:], np.arange(k - r)] = 1.0
        Q = qr(null, mode="economic")[0]
        A -= (A @ Q) @ Q.T
    else:
        exact = np.flatnonzero(tau == 0)
        A[nodes[exact]] = np.eye(k)[exact]
    return A, W
