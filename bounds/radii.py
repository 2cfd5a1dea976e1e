r"""Classes of networks by the norms of their weights (theory, section 4)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bounds.rounding import raised, spectral_norm_up
from pruning.checks import Array, choice, nonnegative
from pruning.rnn import RNN

BLOCKS = ("hidden", "input", "output", "bias_hidden", "bias_output")


@dataclass(frozen=True)
class Radii:
    """Radii of the class F(k; R) of section 4.

    Attributes
    ----------
    hidden, input, output : float
        R_h, R_i, R_o: bounds on the norms of W_h, W_i and W_o.
    bias_hidden, bias_output : float
        R_b, R_c: bounds on the Euclidean norms of the biases.
    data : float
        R_x: a bound on ||x_t||.
    norm : str
        ``spectral`` or ``frobenius``. A Frobenius ball lies in the spectral ball of the same
        radius, so the constants below hold for both.
    fixed : bool
        Whether the radii of the weights were fixed before the data were seen. Theorems for fixed
        radii need it; `Radii.of` measures them, and says False.
    data_fixed : bool
        Whether R_x bounds ||x_t|| almost surely and was fixed in advance. False: it is the
        maximum over the sample.
    centre : RNN or None
        A reference network fixed in advance, such as W_h = I; see `Radii.around`.
    spread : tuple of float or None
        Radii of the balls around the weights of `centre`, in the order of `BLOCKS`.

    Examples
    --------
    >>> from rnnbounds import initial_rnn, Radii
    >>> rnn = initial_rnn(6, d_x=2, d_y=1, activation="tanh", rng=0)
    >>> measured = Radii.of(rnn, 3.0)
    >>> measured.fixed, measured.data
    (False, 3.0)
    >>> Radii(1.0, 1.0, 1.0, 0.0, 0.0, 3.0, fixed=True).fixed
    True
    """

    hidden: float
    input: float
    output: float
    bias_hidden: float
    bias_output: float
    data: float
    norm: str = "spectral"
    fixed: bool = False
    data_fixed: bool = False
    centre: RNN | None = None
    spread: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in (*BLOCKS, "data"):
            object.__setattr__(self, name, nonnegative(name, getattr(self, name)))
        choice("norm", self.norm, ("spectral", "frobenius"))

    @classmethod
    def of(
        cls,
        rnn: RNN,
        x_max: float,
        norm: str = "spectral",
        *,
        data_fixed: bool = False,
    ) -> Radii:
        """Return the norms of a network's weights, rounded up.

        Parameters
        ----------
        rnn : RNN
            The network; for the theorems of section 7, the compressed one.
        x_max : float
            R_x >= 0.
        norm : str
            ``spectral`` or ``frobenius``, for the three matrices.
        data_fixed : bool
            Whether `x_max` is an almost-sure bound that was fixed in advance.
        """
        choice("norm", norm, ("spectral", "frobenius"))
        return cls(
            matrix_norm(rnn.w_hidden, norm),
            matrix_norm(rnn.w_input, norm),
            matrix_norm(rnn.w_output, norm),
            matrix_norm(rnn.b_hidden[:, None], "frobenius"),
            matrix_norm(rnn.b_output[:, None], "frobenius"),
            x_max,
            norm,
            False,
            data_fixed,
        )

    @classmethod
    def around(
        cls,
        centre: RNN,
        spread: Mapping[str, float],
        x_max: float,
        norm: str = "spectral",
        *,
        fixed: bool = False,
        data_fixed: bool = False,
    ) -> Radii:
        """Return the class of the networks that differ from a centre's weights by at most `spread`.

        Covers then need only the balls around the centre, while Lipschitz constants use the norms
        ||theta_0|| + spread that follow.

        Parameters
        ----------
        centre : RNN
            With k nodes, fixed before the data were seen.
        spread : mapping of block to float
            For every block of `BLOCKS`, a radius >= 0.
        x_max, norm, fixed, data_fixed
            As in `Radii` and `Radii.of`.
        """
        size = cls.of(centre, x_max, norm)
        radii = tuple(nonnegative(f"spread of {block}", spread[block]) for block in BLOCKS)
        total: dict[str, Any] = {
            block: math.nextafter(size[block] + r, math.inf) for block, r in zip(BLOCKS, radii)
        }
        return cls(
            **total,
            data=x_max,
            norm=norm,
            fixed=fixed,
            data_fixed=data_fixed,
            centre=centre,
            spread=radii,
        )

    def __getitem__(self, block: str) -> float:
        return float(getattr(self, choice("block", block, BLOCKS)))

    def ball(self, block: str) -> float:
        """The radius of the ball that a cover of this block's weights must cover."""
        return self[block] if self.spread is None else self.spread[BLOCKS.index(block)]

    def contain(self, rnn: RNN) -> bool:
        """Whether the network's weights are certainly within these radii (R_x aside).

        A norm within rounding of its radius counts as outside, except that 0 lies in radius 0.
        """
        if self.centre is None:
            own = Radii.of(rnn, self.data, self.norm)
            return all(own[block] <= self[block] for block in BLOCKS)
        if self.centre.w_input.shape != rnn.w_input.shape or self.centre.d_y != rnn.d_y:
            return False
        # The entries of a difference are rounded once, which `matrix_norm` allows for.
        apart = RNN(
            rnn.w_hidden - self.centre.w_hidden,
            rnn.w_input - self.centre.w_input,
            rnn.b_hidden - self.centre.b_hidden,
            rnn.w_output - self.centre.w_output,
            rnn.b_output - self.centre.b_output,
            rnn.activation,
        )
        own = Radii.of(apart, self.data, self.norm)
        return all(own[block] <= self.ball(block) for block in BLOCKS)

    def scaled(self, factor: float, blocks: Sequence[str]) -> Radii:
        """Return radii with the named blocks multiplied by a factor, rounded up; centred at 0."""
        values: dict[str, Any] = {
            block: math.nextafter(self[block] * factor, math.inf) if self[block] else 0.0
            for block in blocks
        }
        return replace(self, centre=None, spread=None, **values)


def matrix_norm(matrix: Array, norm: str) -> float:
    """Spectral or Frobenius norm, rounded up by more than the error of its computation."""
    if matrix.size == 0:
        return 0.0
    if norm == "frobenius" or 1 in matrix.shape:
        scale = float(np.abs(matrix).max())
        if scale == 0:
            return 0.0
        # Scaled, so that squares neither overflow nor underflow.
        scaled = matrix / scale
        value = scale * math.sqrt(math.fsum((scaled * scaled).ravel()))
        return raised(value, 16)
    return spectral_norm_up(matrix)
