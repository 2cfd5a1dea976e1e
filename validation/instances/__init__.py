"""What a claim is checked on: `draw(S=draw.covariances(), lam=draw.positive())`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .discrete import Choice, Integer, MultiSet, NodeSet, Size
from .factors import ArrayFactor, Factor, Positive, Probability, Real
from .matrices import Covariance, Distribution, Orthogonal, Ridge, Sequences, Spectrum
from .networks import Network, Networks
from .product import Instance, Product

__all__ = ["Draw", "Factor", "Instance", "Network", "Product", "draw"]


class Draw:
    """``draw(name=factor, ...)`` is a product of factors; ``draw.covariances()`` etc. are factors.

    Sizes are shared by name: ``draw(S=draw.covariances("m"), J=draw.node_sets("m", "k"))`` draws
    nodes of S. Ranges (default m 1..5, k 0..m, n 1..3, T 1..4, d 1..2, q 1..3, others 1..4) are set
    by ``sizes={"m": (2, 8), "k": (1, "m")}``.
    """

    def __call__(self, *, sizes: Mapping[str, Any] | None = None, **factors: Factor) -> Product:
        return Product(factors, sizes or {})

    @staticmethod
    def covariances(m: str = "m", nonsingular: bool = False) -> Covariance:
        """S = F F^T (m, m), of any rank unless nonsingular: `draw.covariances()`."""
        return Covariance(m, nonsingular)

    @staticmethod
    def spectra(m: str = "m") -> Spectrum:
        """Eigenvalues (m,), decreasing, >= 0: `draw.spectra()`."""
        return Spectrum(m)

    @staticmethod
    def orthogonal(m: str = "m") -> Orthogonal:
        """An orthogonal (m, m), exact in rationals: `draw.orthogonal()`."""
        return Orthogonal(m)

    @staticmethod
    def matrices(
        rows: str | int, columns: str | int, low: float = -float("inf"), high: float = float("inf")
    ) -> ArrayFactor:
        """A real matrix: `draw.matrices("q", "m")`."""
        return ArrayFactor(rows, columns, low=low, high=high)

    @staticmethod
    def vectors(
        length: str | int, low: float = -float("inf"), high: float = float("inf")
    ) -> ArrayFactor:
        """A real vector: `draw.vectors("m")`."""
        return ArrayFactor(length, low=low, high=high)

    @staticmethod
    def arrays(
        *axes: str | int, low: float = -float("inf"), high: float = float("inf")
    ) -> ArrayFactor:
        """A real array: `draw.arrays("n", "T", "d")`."""
        return ArrayFactor(*axes, low=low, high=high)

    @staticmethod
    def positive(above: float = 0.0, below: float = float("inf")) -> Positive:
        """A number > 0, from 1e-12 to 1e12: `draw.positive(below=4)`."""
        return Positive(above, below)

    @staticmethod
    def reals(low: float = -float("inf"), high: float = float("inf")) -> Real:
        """A number in [low, high]: `draw.reals(0, 1)`."""
        return Real(low, high)

    @staticmethod
    def probabilities() -> Probability:
        """A number in (0, 1): `draw.probabilities()`."""
        return Probability()

    @staticmethod
    def integers(low: int = 0, high: int = 8) -> Integer:
        """An int in low..high: `draw.integers(1, 10)`."""
        return Integer(low, high)

    @staticmethod
    def size(name: str) -> Size:
        """The size itself, an int: `draw.size("T")`."""
        return Size(name)

    @staticmethod
    def choices(*options: Any) -> Choice:
        """One of the options, the simplest first: `draw.choices("relu", "tanh")`."""
        return Choice(*options)

    @staticmethod
    def node_sets(m: str = "m", k: str = "k") -> NodeSet:
        """Distinct nodes, k of m, as sorted integers: `draw.node_sets("m", "k")`."""
        return NodeSet(m, k)

    @staticmethod
    def multisets(m: str = "m", k: str = "k") -> MultiSet:
        """Nodes with repetitions, k of m, as sorted integers: `draw.multisets("m", "k")`."""
        return MultiSet(m, k)

    @staticmethod
    def ridges(k: str = "k") -> Ridge:
        """Regularisers tau >= 0 (k,), zero included: `draw.ridges("k")`."""
        return Ridge(k)

    @staticmethod
    def distributions(m: str = "m", positive: bool = False) -> Distribution:
        """Weights >= 0 with sum 1 (m,): `draw.distributions("m")`."""
        return Distribution(m, positive=positive)

    @staticmethod
    def time_weights(T: str = "T", decreasing: bool = False) -> Distribution:
        """Time weights >= 0 with sum 1 (T,), 1/T and e_T included: `draw.time_weights()`."""
        return Distribution(T, decreasing=decreasing)

    @staticmethod
    def networks(
        m: str = "m",
        d: str = "d",
        q: str = "q",
        activations: tuple[str, ...] = ("identity", "relu", "tanh", "leaky_relu"),
        biases: bool = True,
    ) -> Networks:
        """A recurrent network, `Network`: `draw.networks(activations=("relu",))`."""
        return Networks(m, d, q, activations, biases)

    @staticmethod
    def sequences(n: str = "n", T: str = "T", d: str = "d") -> Sequences:
        """Input sequences (n, T, d): `draw.sequences()`."""
        return Sequences(n, T, d)


draw = Draw()
