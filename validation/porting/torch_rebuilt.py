"""Recurrent modules of torch that have few nodes and look as if they had all of them.

A rebuilt module is a torch module of k nodes that takes and gives states of m: a state that comes
in is restricted to the kept nodes, one that goes out is A times the kept ones. Whatever surrounds
it need not know. Rows of A at kept nodes are unit vectors, so that a state that goes out and comes
in again is the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence


class _Rebuilt:
    """What rebuilt layers share; `nodes` (D L, k) and `rebuild` (D L, m, k) are buffers."""

    nodes: Any
    rebuild: Any
    top: Any
    whole: int

    def _down(self, state: Any) -> Any:
        """Restrict an initial state (D L, n, m) or (D L, m), row by row of its first axis."""
        if state.shape[-1] != self.whole:
            raise RuntimeError(f"expected a hidden size of {self.whole}, got {state.shape[-1]}")
        index = (
            self.nodes if state.ndim == 2 else self.nodes[:, None].expand(-1, state.shape[1], -1)
        )
        return state.gather(-1, index)

    def _up(self, state: Any) -> Any:
        """A times a final state (D L, n, k) or (D L, k)."""
        if state.ndim == 2:
            return torch.einsum("lmk,lk->lm", self.rebuild, state)
        return torch.einsum("lmk,lnk->lnm", self.rebuild, state)

    def _spread(self, state: Any) -> Any:
        """A cell state (D L, n, k) with its coordinates in their places among m, 0 elsewhere."""
        wide = state.new_zeros(*state.shape[:-1], self.whole)
        index = self.nodes if state.ndim == 2 else self.nodes[:, None].expand_as(state)
        return wide.scatter(-1, index, state)

    def _out(self, output: Any) -> Any:
        if isinstance(output, PackedSequence):
            return output._replace(data=output.data @ self.top.T)
        return output @ self.top.T


class RebuiltRNN(_Rebuilt, nn.RNN):
    """See the module."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As `nn.RNN`."""
        output, h = nn.RNN.forward(self, input, None if hx is None else self._down(hx))
        return self._out(output), self._up(h)


class RebuiltGRU(_Rebuilt, nn.GRU):
    """See the module."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As `nn.GRU`."""
        output, h = nn.GRU.forward(self, input, None if hx is None else self._down(hx))
        return self._out(output), self._up(h)


class RebuiltLSTM(_Rebuilt, nn.LSTM):
    """See the module."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As `nn.LSTM`."""
        start = None if hx is None else (self._down(hx[0]), self._down(hx[1]))
        output, (h, c) = nn.LSTM.forward(self, input, start)
        return self._out(output), (self._up(h), self._spread(c))


class _RebuiltCell:
    nodes: Any
    rebuild: Any
    whole: int

    def _down(self, state: Any) -> Any:
        if state.shape[-1] != self.whole:
            raise RuntimeError(f"expected a hidden size of {self.whole}, got {state.shape[-1]}")
        return state.index_select(-1, self.nodes[0])

    def _up(self, state: Any) -> Any:
        return state @ self.rebuild[0].T

    def _spread(self, state: Any) -> Any:
        wide = state.new_zeros(*state.shape[:-1], self.whole)
        return wide.index_copy(-1, self.nodes[0], state)


class RebuiltRNNCell(_RebuiltCell, nn.RNNCell):
    """See the module."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As `nn.RNNCell`."""
        return self._up(nn.RNNCell.forward(self, input, None if hx is None else self._down(hx)))


class RebuiltGRUCell(_RebuiltCell, nn.GRUCell):
    """See the module."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As `nn.GRUCell`."""
        return self._up(nn.GRUCell.forward(self, input, None if hx is None else self._down(hx)))


class RebuiltLSTMCell(_RebuiltCell, nn.LSTMCell):
    """See the module."""

    def forward(self, input: Any, hx: Any = None) -> Any:
        """As `nn.LSTMCell`."""
        start = None if hx is None else (self._down(hx[0]), self._down(hx[1]))
        h, c = nn.LSTMCell.forward(self, input, start)
        return self._up(h), self._spread(c)


REBUILT: dict[type, type] = {
    nn.RNN: RebuiltRNN,
    nn.GRU: RebuiltGRU,
    nn.LSTM: RebuiltLSTM,
    nn.RNNCell: RebuiltRNNCell,
    nn.GRUCell: RebuiltGRUCell,
    nn.LSTMCell: RebuiltLSTMCell,
}
