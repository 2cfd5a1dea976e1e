r"""Blocks of lags: what is added as it is before norms, or inner products, are taken.

Theory, section 11. The error is a sum over the lags j = t - s of what was born at step s, and
q_t = (W_o' h_{t,J} + b_o') - (W_o h_t + b_o) is born at lag 0. Of any partition of the lags into
parts v_b, the sums of their terms,

    ||f' - f^||^2 = sum_{b,b'} <v_b, v_b'> <= sum_{b,b'} |<v_b, v_b'>| <= (sum_b ||v_b||)^2,

inner products over the sample and the time weights. The last form is Minkowski's; where parts are
nearly orthogonal, as steps of a random walk are, it is too large by the root of their number, and
the one before it is not. Both give nothing for what different parts cancel, and after a fit of the
small network's own run they cancel. One lag a part gives least for it; one part of all lags is the
error itself, and so says nothing: it is refused. Between them a block of L lags says what the
error is made of where the small network is set back onto the large one's run every L steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bounds.approximation.recursion import log_state_norms
from bounds.rounding import log_sum_up, up
from bounds.terms import VALID, Bound, Condition, Term
from pruning.checks import Array, integer


@dataclass(frozen=True)
class Blocks:
    """Parts of `size` consecutive lags each, from lag 0 on; the last one may be shorter.

    Attributes
    ----------
    size : int
        L >= 1.
    with_read_out : bool
        Whether q_t is added to the first part; it is a part of its own otherwise.
    products : bool
        Whether the absolute inner products of parts are summed, and not their norms.
    """

    size: int = 1
    with_read_out: bool = False
    products: bool = False

    @property
    def apart(self) -> bool:
        """Whether q_t has a norm of its own."""
        return not self.with_read_out

    @property
    def shown(self) -> dict[str, int]:
        """L, where it is not 1."""
        return {"L": self.size} if self.size > 1 else {}

    def formula(self, carried: str) -> str:
        """LaTeX of the sum of norms; `carried` is one term."""
        if self.size == 1 and self.apart:
            return rf"\sum_{{s \le t}} \|{carried}\|"
        first = "" if self.apart else r"[b = 0]\,q_t + "
        lag = "t - s" if self.size == 1 else rf"\lfloor (t - s)/{self.size} \rfloor"
        return rf"\sum_b \bigl\|{first}\sum_{{s:\,{lag} = b}} {carried}\bigr\|"

    def formula_of_lags(self, carried: str) -> str:
        """The same for norms and inner products over the sample; `carried` is the term of lag j."""
        lags = "j = b" if self.size == 1 else rf"\lfloor j/{self.size} \rfloor = b"
        part = rf"\sum_{{j:\,{lags}}} {carried}"
        if self.with_read_out:
            part = rf"[b = 0]\,q + {part}"
        if self.products:
            first = "" if self.with_read_out else r",\; v_{-1} = q"
            root = r"\bigl(\sum_{b,b'} |\langle v_b, v_{b'} \rangle_{n,w}|\bigr)^{1/2}"
            return rf"{root},\; v_b = {part}{first}"
        if self.size == 1 and self.apart:
            return rf"\sum_j \|{carried}\|_{{n,w}}"
        return rf"\sum_b \bigl\|{part}\bigr\|_{{n,w}}"

    def summed(self, terms: Array, q: Array | None = None) -> Array:
        """Sums over the parts, (..., parts, d), of terms (..., lags, d), lag 0 first.

        q (..., d) goes into the first part; it is not read where it is apart.
        """
        lags = terms.shape[-2]
        if self.size > 1 and lags > 1:
            terms = np.add.reduceat(terms, np.arange(0, lags, self.size), axis=-2)
        if self.with_read_out and q is not None:
            if lags == 0:
                return np.asarray(q[..., None, :])
            first = terms[..., :1, :] + q[..., None, :]
            terms = np.concatenate([first, terms[..., 1:, :]], axis=-2)
        return terms


def checked_blocks(block: int, with_read_out: bool, w: Array, products: bool = False) -> Blocks:
    """Return the blocks asked for, where they leave more than one part at some step that is read.

    Raises
    ------
    ValueError
        If a single block holds all lags of every step of a weight > 0.
    """
    size = integer("block", block, 1)
    last = int(np.flatnonzero(w)[-1]) + 1
    if size >= last and (size > 1 or with_read_out or products):
        words = "q with it, " if with_read_out else ""
        raise ValueError(
            f"block must be below {last}, the number of lags of the last step that is read, "
            f"got {size}: {words}one block of all lags is the error itself, and no bound on it"
        )
    return Blocks(size, bool(with_read_out), bool(products))


def along_bound(
    id: str,
    blocks: Blocks,
    read_out: Sequence[float],
    spread: Sequence[float],
    carried: str,
    inputs: Mapping[str, Any],
    runs: Condition,
) -> Bound:
    """The bound of norms of blocks, from log sum_i sum_t w_t |.|^2 of batches of sequences.

    Parameters
    ----------
    id : str
    blocks : Blocks
    read_out, spread : lists of float
        Of q_t, empty where it stands in the first block; of the sums of norms.
    carried : str
        LaTeX of one term.
    inputs : mapping
        ``n`` with others.
    runs : Condition
    """
    formula = blocks.formula(carried)
    parts = [("propagated", spread, rf"\bigl\|{formula}\bigr\|_{{n,w}}")]
    if blocks.apart:
        parts.insert(0, ("read-out", read_out, r"\|q\|_{n,w}"))
    half_n = 0.5 * math.log(inputs["n"])
    shown = {**inputs, **blocks.shown}
    terms = tuple(
        Term(name, up(0.5 * log_sum_up(np.array(logs)) - half_n), text, id, shown)
        for name, logs, text in parts
    )
    statement = rf"\|f' - \hat f\|_{{n,w}} \le {' + '.join(text for _, _, text in parts)}"
    return Bound(id, statement, terms, VALID, (runs,))


def log_gap_norms(
    e: Array, w_output: Array, q: Array, unseen: Array, unsure_q: Array | float = -math.inf
) -> Array:
    """Log of ||q_t + W_o' e_t||, (n, T), rounded up: the error that the blocks sum to.

    `unseen` is added to its entries, `unsure_q` is the log of what q may be off by in norm.
    """
    d_y = q.shape[-1]
    both = np.concatenate([np.asarray(w_output), np.eye(d_y)], axis=1)
    logs = log_state_norms(np.concatenate([e, q], axis=-1), both, unseen)
    return up(np.logaddexp(logs, unsure_q), 8)
