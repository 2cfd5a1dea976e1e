"""What a claim is checked on: `draw(S=draw.covariances(), lam=draw.positive())`."""

from __future__ import annotations

from collections.abc import Mapping

from validation.arithmetic.values import Value
from validation.instances.discrete import Choice, Integer, MultiSet, NodeSet, Size
from validation.instances.enumeration import expectation, subsets
from validation.instances.factors import ArrayFactor, Bound, Factor, Positive, Probability, Real
from validation.instances.matrices import (
    Covariance,
    Distribution,
    Orthogonal,
    Ridge,
    Sequences,
    Spectrum,
)
from validation.instances.networks import ACTIVATIONS, Network, Networks
from validation.instances.permutations import Permutation, Subset
from validation.instances.product import Instance, Product
from validation.instances.structured import (
    Correlation,
    CovarianceStack,
    Nonsingular,
    OrderedPair,
    Stochastic,
    Symmetric,
    Triangular,
    UnitRows,
)

INFINITY = float("inf")

__all__ = [
    "Draw",
    "Factor",
    "Instance",
    "Network",
    "Product",
    "draw",
    "expectation",
    "subsets",
]


class Draw:
    """``draw(name=factor, ...)`` is a product of factors; ``draw.covariances()`` etc. are factors.

    Sizes are shared by name: ``draw(S=draw.covariances("m"), J=draw.node_sets("m", "k"))`` draws
    nodes of S; an int in the place of a name is a fixed length. Ranges (default m 1..5, k
    0..m, n 1..3, T 1..4, d 1..2, q 1..3, others 1..4) are set by
    ``sizes={"m": (2, 8), "k": (1, "m"), "T": 3}``.
    """

    def __call__(self, *, sizes: Mapping[str, Value] | None = None, **factors: Factor) -> Product:
        return Product(factors, sizes or {})

    @staticmethod
    def covariances(m: str | int = "m", nonsingular: bool = False) -> Covariance:
        """S = F F^T (m, m), of any rank unless nonsingular: `draw.covariances()`."""
        return Covariance(m, nonsingular)

    @staticmethod
    def spectra(m: str | int = "m") -> Spectrum:
        """Eigenvalues (m,), decreasing, >= 0: `draw.spectra()`."""
        return Spectrum(m)

    @staticmethod
    def orthogonal(m: str | int = "m") -> Orthogonal:
        """An orthogonal (m, m), exact in rationals: `draw.orthogonal()`."""
        return Orthogonal(m)

    @staticmethod
    def matrices(
        rows: str | int, columns: str | int, low: Bound = -INFINITY, high: Bound = INFINITY
    ) -> ArrayFactor:
        """A real matrix: `draw.matrices("q", "m")`."""
        return ArrayFactor(rows, columns, low=low, high=high)

    @staticmethod
    def vectors(length: str | int, low: Bound = -INFINITY, high: Bound = INFINITY) -> ArrayFactor:
        """A real vector: `draw.vectors("m")`."""
        return ArrayFactor(length, low=low, high=high)

    @staticmethod
    def arrays(*axes: str | int, low: Bound = -INFINITY, high: Bound = INFINITY) -> ArrayFactor:
        """A real array: `draw.arrays("n", "T", "d")`."""
        return ArrayFactor(*axes, low=low, high=high)

    @staticmethod
    def symmetric(m: str | int = "m") -> Symmetric:
        """A symmetric (m, m) of any signature: `draw.symmetric()`."""
        return Symmetric(m)

    @staticmethod
    def nonsingular(m: str | int = "m") -> Nonsingular:
        """A general (m, m) that is nonsingular for certain: `draw.nonsingular()`."""
        return Nonsingular(m)

    @staticmethod
    def triangular(
        m: str | int = "m", upper: bool = False, nonsingular: bool = False
    ) -> Triangular:
        """A lower (or upper) triangular (m, m): `draw.triangular(upper=True)`."""
        return Triangular(m, upper, nonsingular)

    @staticmethod
    def ordered_pairs(m: str | int = "m") -> OrderedPair:
        """A pair (S, S') of covariances, S <= S': `draw.ordered_pairs()`; `S, more = pair`."""
        return OrderedPair(m)

    @staticmethod
    def covariance_stacks(n: str | int = "n", m: str | int = "m") -> CovarianceStack:
        """A stack (n, m, m) of covariances of any rank: `draw.covariance_stacks()`."""
        return CovarianceStack(n, m)

    @staticmethod
    def correlations(m: str | int = "m") -> Correlation:
        """A covariance (m, m) with ones on its diagonal: `draw.correlations()`."""
        return Correlation(m)

    @staticmethod
    def stochastic_matrices(rows: str | int = "m", columns: str | int = "m") -> Stochastic:
        """A matrix >= 0 with rows that sum to 1: `draw.stochastic_matrices("n", "m")`."""
        return Stochastic(rows, columns)

    @staticmethod
    def unit_vectors(length: str | int = "m") -> UnitRows:
        """A vector of norm 1, exactly so in rationals: `draw.unit_vectors("m")`."""
        return UnitRows(None, length)

    @staticmethod
    def unit_rows(rows: str | int = "n", length: str | int = "m") -> UnitRows:
        """A matrix whose rows have norm 1: `draw.unit_rows("n", "m")`."""
        return UnitRows(rows, length)

    @staticmethod
    def permutations(m: str | int = "m") -> Permutation:
        """An order of 0..m-1 as an integer array: `draw.permutations("m")`."""
        return Permutation(m)

    @staticmethod
    def subsets(m: str | int = "m") -> Subset:
        """Some of 0..m-1, any number, as sorted integers: `draw.subsets("m")`."""
        return Subset(m)

    @staticmethod
    def positive(above: Bound = 0.0, below: Bound = INFINITY) -> Positive:
        """A number > 0, from 1e-12 to 1e12: `draw.positive(below=4)`."""
        return Positive(above, below)

    @staticmethod
    def reals(low: Bound = -INFINITY, high: Bound = INFINITY) -> Real:
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
    def choices(*options: Value) -> Choice:
        """One of the options, the simplest first: `draw.choices("relu", "tanh")`."""
        return Choice(*options)

    @staticmethod
    def node_sets(m: str | int = "m", k: str | int = "k") -> NodeSet:
        """Distinct nodes, k of m, as sorted integers: `draw.node_sets("m", "k")`."""
        return NodeSet(m, k)

    @staticmethod
    def multisets(m: str | int = "m", k: str | int = "k") -> MultiSet:
        """Nodes with repetitions, k of m, as sorted integers: `draw.multisets("m", "k")`."""
        return MultiSet(m, k)

    @staticmethod
    def ridges(k: str | int = "k") -> Ridge:
        """Regularisers tau >= 0 (k,), zero included: `draw.ridges("k")`."""
        return Ridge(k)

    @staticmethod
    def distributions(m: str | int = "m", positive: bool = False) -> Distribution:
        """Weights >= 0 with sum 1 (m,): `draw.distributions("m")`."""
        return Distribution(m, positive=positive)

    @staticmethod
    def time_weights(T: str | int = "T", decreasing: bool = False) -> Distribution:
        """Time weights >= 0 with sum 1 (T,), 1/T and e_T included: `draw.time_weights()`."""
        return Distribution(T, decreasing=decreasing)

    @staticmethod
    def networks(
        m: str | int = "m",
        d: str | int = "d",
        q: str | int = "q",
        activations: str | tuple[str, ...] = ACTIVATIONS,
        biases: bool = True,
    ) -> Networks:
        """A recurrent network, `Network`: `draw.networks(activations=("relu",))`."""
        return Networks(m, d, q, activations, biases)

    @staticmethod
    def sequences(n: str | int = "n", T: str | int = "T", d: str | int = "d") -> Sequences:
        """Input sequences (n, T, d): `draw.sequences()`."""
        return Sequences(n, T, d)


draw = Draw()
