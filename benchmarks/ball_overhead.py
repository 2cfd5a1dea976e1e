"""How many times slower than float64 is a certified verdict, on claims of section 2?

Prints, for each body and size, the time of one evaluation and comparison in balls of 128 bits over
that in float64, and exits with 1 if a ratio exceeds the limit (30 at m = 8, 80 at m = 16).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from validation.arithmetic import FLOAT64, Arithmetic, balls

LIMITS = {4: None, 8: 30, 16: 80}
LAM = 0.37


def trace_bound(xp: Any, S: Any, lam: Any) -> tuple[Any, Any]:
    """N(lam) <= Tr S / lam."""
    N = xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))
    return N, xp.linalg.trace(S) / lam


def leverage_below_one(xp: Any, S: Any, lam: Any) -> tuple[Any, Any]:
    """l_j(lam) < 1."""
    scores = xp.linalg.diagonal(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))
    return scores, 1


def spectrum_split(xp: Any, S: Any, lam: Any) -> tuple[Any, Any]:
    """sum_{mu_j <= lam} mu_j <= 2 lam N(lam)."""
    mu = xp.linalg.eigvalsh(S)
    tail = xp.sum(mu * xp.astype(mu <= lam, xp.float64))
    N = xp.linalg.trace(xp.linalg.solve(S + lam * xp.eye(S.shape[0]), S))
    return tail, 2 * lam * N


def eckart_young(xp: Any, S: Any, lam: Any) -> tuple[Any, Any]:
    """sum_{j>k} mu_j <= L_A(J)."""
    m = S.shape[0]
    k = m // 2
    loss = xp.linalg.trace(_schur(xp, S, k, lam))
    return xp.sum(xp.linalg.eigvalsh(S)[: m - k]), loss


def residual(xp: Any, S: Any, lam: Any) -> tuple[Any, Any]:
    """R <= C, in the Loewner order."""
    m = S.shape[0]
    k = m // 2
    kept = S[:k, :k] + lam * xp.eye(k)
    A = xp.linalg.solve(kept, S[:k, :]).mT
    R = S - A @ S[:k, :] - S[:, :k] @ A.mT + A @ S[:k, :k] @ A.mT
    return R, _schur(xp, S, k, lam)


def _schur(xp: Any, S: Any, k: int, tau: Any) -> Any:
    kept = S[:k, :k] + tau * xp.eye(k)
    return S - S[:, :k] @ xp.linalg.solve(kept, S[:k, :])


BODIES: list[tuple[Callable[..., Any], str]] = [
    (trace_bound, "scalar"),
    (leverage_below_one, "elementwise"),
    (spectrum_split, "scalar"),
    (eckart_young, "scalar"),
    (residual, "loewner"),
]


def seconds(arithmetic: Arithmetic, body: Callable[..., Any], order: Any, F: Any) -> float:
    """Return the shortest processor time of one verdict, among several rounds."""

    def once() -> None:
        with arithmetic.active():
            factor = arithmetic.lift(F)
            S = factor @ factor.mT / F.shape[1]
            arithmetic.compare(*body(arithmetic.xp, S, arithmetic.lift(LAM)), order=order)

    once()
    best = float("inf")
    repeats = 200 if arithmetic is FLOAT64 else 10
    for _ in range(7):
        start = time.process_time()
        for _ in range(repeats):
            once()
        best = min(best, (time.process_time() - start) / repeats)
    return best


def main() -> int:
    """Print the table; return 1 if a ratio exceeds its limit."""
    rng = np.random.default_rng(5)
    failed = False
    print(f"{'claim':<20} {'m':>3} {'float64':>10} {'balls(128)':>11} {'ratio':>6} {'limit':>6}")
    for body, order in BODIES:
        for m, limit in LIMITS.items():
            F = rng.normal(size=(m, m))
            fast = seconds(FLOAT64, body, order, F)
            slow = seconds(balls(128), body, order, F)
            ratio = slow / fast
            failed |= limit is not None and ratio > limit
            print(
                f"{body.__name__:<20} {m:>3} {fast * 1e6:>8.1f}us {slow * 1e6:>9.1f}us "
                f"{ratio:>6.1f} {limit or '-':>6}",
                flush=True,
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
