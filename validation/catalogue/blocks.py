"""Section 11 of the theory: the error along both runs, by norms of blocks of lags."""

from __future__ import annotations

from typing import Any

from validation.catalogue.approximation import mean_square
from validation.catalogue.balanced import ANY_SMALL, run_any
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("11")
BLOCKS = draw(
    **ANY_SMALL,
    L=draw.size("L"),
    sizes={"m": (1, 3), "k": (1, "m"), "T": (1, 4), "L": (1, "T")},
)


def terms_by_lag(xp, both):
    """W_o' Delta_T W_h' ... Delta_s d_s for s = T..1, each (n, q): lag 0 first."""
    terms: list[Any] = []
    before = 0 * both.error[0]
    for e, d in zip(both.error, both.drive, strict=True):
        change = before @ both.small.w_hidden.T + d
        still = change == 0
        # Where nothing changes the terms sum to 0 in that entry, and any slope is right.
        slope = e / xp.where(still, xp.ones_like(change), change)
        slope = xp.where(still, xp.zeros_like(change), slope)
        terms = [slope * (p @ both.small.w_hidden.T) for p in terms] + [slope * d]
        before = e
    return [p @ both.small.w_output.T for p in terms[::-1]]


def parts_of(terms, q, L):
    """Q with the terms of lags 0..L-1, the terms of lags L..2L-1, and so on."""
    parts = [q]
    for j, term in enumerate(terms):
        if j and j % L == 0:
            parts.append(term)
        else:
            parts[-1] = parts[-1] + term
    return parts


@section.sharper(
    "approximation.general_blocks",
    r"\|f'_T - f_T\|_n \le \sum_b \bigl\|[b = 0]\, q_T + \sum_{s:\, \lfloor (T - s)/L \rfloor = b}"
    r" W_o' \Delta_T W_h' \cdots \Delta_s d_s\bigr\|_n,\; 1 \le L \le T",
    BLOCKS,
    code="bounds.approximation.general_bound",
    proof="`approximation.general_recursion` unrolled with Delta the slopes of the secants of both "
    "runs: all terms sum to f' - f. Minkowski over the blocks; L = T is the error itself.",
)
def general_blocks(xp, net, x, J, V_h, V_i, v_h, V_o, v_o, L):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    parts = parts_of(terms_by_lag(xp, both), both.offset[-1], L)
    right = xp.sqrt(mean_square(xp, parts[0]))
    for part in parts[1:]:
        right = right + xp.sqrt(mean_square(xp, part))
    return xp.sqrt(mean_square(xp, both.output_error[-1])), right


@section.sharper(
    "approximation.general_products",
    r"\|f'_T - f_T\|_n^2 \le \sum_{b,b'} |\langle v_b, v_{b'} \rangle_n| \le"
    r" \bigl(\sum_b \|v_b\|_n\bigr)^2,\; v_b = [b = 0]\, q_T +"
    r" \sum_{s:\, \lfloor (T - s)/L \rfloor = b} W_o' \Delta_T W_h' \cdots \Delta_s d_s",
    BLOCKS,
    code="bounds.approximation.along_runs.along_runs_bound",
    proof="The left side is the sum of all inner products of the blocks, without absolute values; "
    "Cauchy-Schwarz for each of them gives the second inequality.",
)
def general_products(xp, net, x, J, V_h, V_i, v_h, V_o, v_o, L, *, c=1):
    both = run_any(xp, net, x, J, V_h, V_i, v_h, V_o, v_o)
    parts = parts_of(terms_by_lag(xp, both), both.offset[-1], L)
    n = x.shape[0]
    squares = [mean_square(xp, part) for part in parts]
    products, norms = squares[0], xp.sqrt(squares[0])
    for b in range(1, len(parts)):
        products, norms = products + squares[b], norms + xp.sqrt(squares[b])
        for a in range(b):
            products = products + 2 * c * xp.abs(xp.sum(parts[a] * parts[b]) / n)
    return xp.stack([mean_square(xp, both.output_error[-1]), products]), xp.stack(
        [products, norms * norms]
    )
