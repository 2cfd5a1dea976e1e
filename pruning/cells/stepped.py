"""One step of a cell from each state of a sequence that is none of its runs.

Theory, section 11, `approximation.comparator`, and its gated forms in section 12: for any states
c_0..c_T, c_0 the start, p_t = step(c_{t-1}, x_t) - c_t is their defect, and the cell's own run
h'_t on the same inputs obeys h'_t - c_t = J_t (h'_{t-1} - c_{t-1}) + p_t exactly, J_t the secant
factors between the run and the steps. A state of an LSTM is the pair of its h and its c.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from pruning.cells.gated_secants import GatedSecants, gru_secants, lstm_secants
from pruning.cells.gru import GRU
from pruning.cells.gru_steps import GRURun
from pruning.cells.lstm import LSTM
from pruning.cells.lstm_steps import LSTMRun
from pruning.cells.plain import PlainRun
from pruning.cells.secants import PlainSecants, plain_secants
from pruning.checks import Array


@dataclass(frozen=True, eq=False)
class _PlainSteps(PlainRun):
    given: Array

    @property
    def before(self) -> Array:
        """c_0..c_{T-1}: what the steps began from."""
        return self.given


@dataclass(frozen=True, eq=False)
class _GRUSteps(GRURun):
    given: Array

    @property
    def before(self) -> Array:
        """c_0..c_{T-1}: what the steps began from."""
        return self.given


@dataclass(frozen=True, eq=False)
class _LSTMSteps(LSTMRun):
    given: Array
    given_c: Array

    @property
    def before(self) -> Array:
        """The h of c_0..c_{T-1}: what the steps began from."""
        return self.given

    @property
    def before_c(self) -> Array:
        """The c of the same."""
        return self.given_c


def beside_states(
    cell: Any, run: Any, along: Array, x: Array
) -> tuple[PlainSecants | GatedSecants, Array]:
    """The recursion of h'_t - c_t, and that difference.

    Parameters
    ----------
    cell : Plain, LRU, GRU or LSTM
    run : Run
        Of the cell on `x`.
    along : (T, n, k) array, (T, n, 2 k) for an LSTM
        c_1..c_T; h and c side by side.
    x : (T, n, d_x) array

    Returns
    -------
    secants
        J_t, with births p_t.
    e : (T, n, k) array
        h'_t - c_t, of an LSTM that of its h.
    """
    k, nodes = cell.m, np.arange(cell.m)
    states = along[..., :k]
    given = np.concatenate([run.start[None], states[:-1]])
    found: Any
    if isinstance(cell, LSTM):
        given_c = np.concatenate([run.start_c[None], along[:-1, :, k:]])
        steps = _steps(cell, x, given, given_c)
        lstm = _LSTMSteps(**_fields(steps), given=given, given_c=given_c)
        found = lstm_secants(cell, lstm, cell, run, nodes, x)
        births = np.concatenate([steps.h, steps.c], axis=-1) - along
    elif isinstance(cell, GRU):
        steps = _steps(cell, x, given)
        found = gru_secants(cell, _GRUSteps(**_fields(steps), given=given), cell, run, nodes, x)
        births = steps.h - along
    else:
        steps = _steps(cell, x, given)
        found = plain_secants(cell, _PlainSteps(**_fields(steps), given=given), cell, run, nodes, x)
        births = steps.h - along
    return replace(found, births=births), run.h - states


def _steps(cell: Any, x: Array, *given: Array) -> Any:
    """The cell's run of one step from each state given, all arrays (T, n, .)."""
    T, n, d = x.shape
    flat = [state.reshape(T * n, cell.m) for state in given]
    start = flat[0] if len(flat) == 1 else tuple(flat)
    run = cell.run(x.reshape(1, T * n, d), start)
    shaped = {
        name: value.reshape(T, n, cell.m) for name, value in _fields(run).items() if value.ndim == 3
    }
    return replace(run, **shaped)


def _fields(run: Any) -> dict[str, Array]:
    return {field.name: getattr(run, field.name) for field in fields(run)}
