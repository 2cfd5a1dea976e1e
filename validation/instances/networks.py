"""Recurrent networks as factors of an instance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from validation.arithmetic import Reading
from validation.arithmetic.values import Namespace, Value
from validation.instances import checks
from validation.instances.factors import Array, Factor, Parameters, Raw, Sizes, length
from validation.instances.sources import Source

ACTIVATIONS = ("identity", "relu", "tanh", "leaky_relu")
WEIGHTS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")


@dataclass(frozen=True)
class Network:
    """The weights of a network inside an arithmetic, with what a body needs to run it.

    Attributes
    ----------
    w_hidden : (m, m)
    w_input : (m, d)
    b_hidden : (m,)
    w_output : (q, m)
    b_output : (q,)
    activation : str
        ``relu``, ``tanh``, ``identity`` or ``leaky_relu`` (slope 1/4, an exact number); each has
        rho = 1 and s(0) = 0.
    """

    w_hidden: Value
    w_input: Value
    b_hidden: Value
    w_output: Value
    b_output: Value
    activation: str

    def apply(self, xp: Namespace, z: Value) -> Value:
        """s(z), elementwise."""
        if self.activation == "relu":
            return xp.maximum(z, 0 * z)
        if self.activation == "leaky_relu":
            return xp.maximum(z, z / 4)
        if self.activation == "tanh":
            return xp.tanh(z)
        if self.activation != "identity":
            raise ValueError(f"activation must be one of {ACTIVATIONS}, got {self.activation!r}")
        return z

    def states(self, xp: Namespace, x: Value) -> list[Value]:
        """h_1..h_T, each (n, m), for x of shape (n, T, d)."""
        n, T, _ = x.shape
        m = self.w_hidden.shape[0]
        h = xp.zeros((n, m))
        states = []
        for t in range(T):
            h = self.apply(xp, h @ self.w_hidden.T + x[:, t, :] @ self.w_input.T + self.b_hidden)
            states.append(h)
        return states


class Networks(Factor):
    """A network with m hidden nodes, d inputs and q outputs, of random and structured weights."""

    def __init__(
        self,
        m: str | int = "m",
        d: str | int = "d",
        q: str | int = "q",
        activations: str | Sequence[str] = ACTIVATIONS,
        biases: bool = True,
    ) -> None:
        self.m = checks.size("networks(m, d, q): m", m)
        self.d = checks.size("networks(m, d, q): d", d)
        self.q = checks.size("networks(m, d, q): q", q)
        self.sizes = tuple(dict.fromkeys((self.m, self.d, self.q)))
        names = (activations,) if isinstance(activations, str) else tuple(activations)
        unknown = [name for name in names if name not in ACTIVATIONS]
        if unknown or not names:
            raise ValueError(
                f"networks(activations) must be some of {', '.join(ACTIVATIONS)}, "
                f"got {activations!r}"
            )
        self.activations = names
        self.biases = checks.flag("networks(biases)", biases)

    def make(self, source: Source, sizes: Sizes) -> Raw:
        m, d, q = length(sizes, self.m), length(sizes, self.d), length(sizes, self.q)
        family = source.choice(
            ("zero", "identity", "plain", "plain", "plain", "nilpotent", "rank one", "expanding")
        )
        w_hidden = np.zeros((m, m))
        if family == "identity":
            w_hidden = np.eye(m)
        elif family == "plain":
            w_hidden = source.reals((m, m)) / np.sqrt(max(m, 1))
        elif family == "nilpotent":
            w_hidden = np.tril(source.reals((m, m)), -1)
        elif family == "rank one":
            w_hidden = source.reals((m, 1)) @ source.reals((1, m)) / max(m, 1)
        elif family == "expanding":
            w_hidden = source.reals((m, m)) * 2
        b_hidden, b_output = np.zeros(m), np.zeros(q)
        if self.biases and source.choice((False, True)):
            b_hidden, b_output = source.reals((m,)), source.reals((q,))
        return {
            "w_hidden": w_hidden,
            "w_input": source.reals((m, d)),
            "b_hidden": b_hidden,
            "w_output": source.reals((q, m)),
            "b_output": b_output,
            "activation": source.choice(self.activations),
        }

    def realise(self, arithmetic: Reading, raw: Raw) -> Value:
        return Network(
            **{name: arithmetic.lift(raw[name]) for name in WEIGHTS}, activation=raw["activation"]
        )

    def _free(self) -> tuple[str, ...]:
        return WEIGHTS if self.biases else ("w_hidden", "w_input", "w_output")

    def parameters(self, raw: Raw) -> Parameters:
        return Parameters.join([Parameters.of(raw[name]) for name in self._free()])

    def with_parameters(self, raw: Raw, values: Array) -> Raw:
        result = dict(raw)
        start = 0
        for name in self._free():
            size = raw[name].size
            result[name] = np.asarray(values[start : start + size]).reshape(raw[name].shape)
            start += size
        return result

    def drop(self, raw: Raw, size: str, index: int) -> Raw:
        axes: dict[str, dict[str, tuple[int, ...]]] = {
            self.m: {"w_hidden": (0, 1), "w_input": (0,), "b_hidden": (0,), "w_output": (1,)},
            self.d: {"w_input": (1,)},
            self.q: {"w_output": (0,), "b_output": (0,)},
        }
        result = dict(raw)
        for name, along in axes.get(size, {}).items():
            for axis in along:
                result[name] = np.delete(result[name], index, axis=axis)
        return result

    def simpler(self, raw: Raw) -> Iterator[Raw]:
        for name in ("b_hidden", "b_output", "w_hidden"):
            if raw[name].any():
                yield {**raw, name: np.zeros_like(raw[name])}
        for activation in self.activations[: self.activations.index(raw["activation"])]:
            yield {**raw, "activation": activation}
