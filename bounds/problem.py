"""What a bound on one network is given: one network, one sample, one margin.

Every theorem of section 7 takes a `Problem`, or a `StatedProblem` where there is no sample: a plan,
or a population that is known. Two kinds of functions take neither. The counts of nodes read nothing
but a spectrum, lam and a probability (`bounds.node_counts`, `bounds.tradeoffs.tradeoff_order`). The
bounds of `bounds.constrained` are of a class that was fixed before there was a sample, with its own
T, gamma, eps and delta; of the sample they read one number, and n.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np

from bounds.assembly import EMPIRICAL, Setting
from bounds.loss_constants import check_loss
from bounds.others.unbiased import Unbiased, measure
from bounds.radii import Radii
from bounds.rounding import log_up, raised
from bounds.sample import empirical_loss, largest_input, last_margins, mean_loss, ramp
from bounds.terms import FIXED_RADII, VALID, Bound, Condition, Label, Term
from pruning.checks import Array, choice, nonnegative, positive, probability, time_weights
from pruning.rnn import RNN

if TYPE_CHECKING:
    from pruning.pruned_rnn import PrunedRNN


class Complexity(TypedDict, total=False):
    """How the complexity of a class is bounded: fields of `Setting`, whose defaults stand."""

    complexity: str
    split: str
    eps: float | tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Problem:
    """A network and its sample: every bound on the network is put together from this.

    Most bounds are of networks that classify sequences at their last step; the theorems of section
    7 also take targets of every step and other losses.

    Attributes
    ----------
    rnn : RNN
        The network that is bounded; it may have been trained and pruned on the sample.
    x : (n, T, d_x) floats or (n, T) integer tokens
        Training sequences.
    y : (n,) integer array
        Labels; -1 and 1 where the network has one output. Other targets as in
        `pruning.losses.loss_values`, of the last step or of every.
    x_test, y_test : arrays as `x` and `y`, or None
        Sequences that nothing was chosen on.
    gamma : float
        Margin of the ramp loss, fixed in advance.
    delta : float
        Failure probability of every single bound, in (0, 1).
    radii : Radii or None
        Of a class fixed in advance; measured where not given.
    input_bound : float or None
        R_x >= ||x_t|| almost surely, known in advance; the largest of the sample otherwise.
    size : (n, T) or None
        As if the sample had n sequences of T steps, everything measured being the same.
    log_price : float
        Added to log(1/delta) for what was chosen on the sample: a preprocessing, gamma, eps. All
        training-set bounds for a fixed margin pay it; those with measured norms are not valid
        anyway.
    targets : str
        ``last`` or ``every``: of which steps y are the targets.
    weights : (T,) array, optional
        Time weights where the targets are of every step; 1/T by default.
    loss : str
        One of `bounds.loss_constants.LOSSES`.
    label_bound : float or None
        R_y, for the squared and absolute losses.
    norm : str
        ``spectral`` or ``frobenius``, for measured radii.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Problem, initial_rnn
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> problem = Problem(rnn, x, y, delta=0.05)
    >>> problem.n, problem.T
    (40, 5)
    """

    rnn: RNN
    x: Any
    y: Any
    x_test: Any = None
    y_test: Any = None
    gamma: float = Setting.gamma
    delta: float = Setting.delta
    radii: Radii | None = None
    input_bound: float | None = None
    size: tuple[int, int] | None = None
    log_price: float = Setting.log_price
    targets: str = "last"
    weights: Any = None
    loss: str = Setting.loss
    label_bound: float | None = Setting.label_bound
    norm: str = "spectral"

    def __post_init__(self) -> None:
        positive("gamma", self.gamma)
        probability("delta", self.delta)
        choice("targets", self.targets, ("last", "every"))
        check_loss(self.loss, self.label_bound)
        if self.targets == "last" and self.weights is not None:
            raise ValueError("weights must not be given with targets 'last', which has its own")
        if (self.x_test is None) != (self.y_test is None):
            raise ValueError("x_test and y_test must be given together")
        for name, x in (("x", self.x), ("x_test", self.x_test)):
            if x is not None:
                object.__setattr__(self, name, self.rnn.check_input(x))
        for name, y, x in (("y", self.y, self.x), ("y_test", self.y_test, self.x_test)):
            if x is None:
                continue
            labels = np.asarray(y)
            whole = self.reads_labels and x.shape[1] > 1
            if (labels.shape if whole else labels.shape[:1]) != (len(x),):
                raise ValueError(
                    f"{name} must hold one label a sequence, shape ({len(x)},), got {labels.shape}"
                )
            object.__setattr__(self, name, labels)

    @property
    def n(self) -> int:
        """Sequences of the sample."""
        return len(self.x) if self.size is None else self.size[0]

    @property
    def T(self) -> int:
        """Steps of a sequence."""
        return int(self.x.shape[1]) if self.size is None else self.size[1]

    @property
    def reads_labels(self) -> bool:
        """Whether a sequence has one label, which the margin ramp reads."""
        return self.targets == "last" and self.loss == "margin_ramp"

    @property
    def time_weights(self) -> Any:
        """Time weights of the loss, as `Setting.weights`."""
        if self.targets == "last":
            return "last"
        return "mean" if self.weights is None else self.weights

    @cached_property
    def empirical(self) -> float:
        """Psi^, the mean loss on the sample, rounded up; of all bounds on this network."""
        if self.reads_labels and self.y.ndim == 1:
            return self.ramp
        w = time_weights(self.time_weights, self.x.shape[1])
        return empirical_loss(self.rnn, self.x, self.y, self.loss, w, self.gamma)

    @cached_property
    def margins(self) -> Array:
        """Margin of every training sequence, (n,)."""
        return last_margins(self.rnn, self.x, self.y)

    @cached_property
    def test_margins(self) -> Array:
        """Margin of every test sequence."""
        if self.x_test is None:
            raise ValueError("x_test must be given for a bound on held-out data")
        return last_margins(self.rnn, self.x_test, self.y_test)

    @property
    def ramp(self) -> float:
        """Empirical ramp risk at the last step, rounded up."""
        return mean_loss(ramp(self.margins, self.gamma), "margin_ramp")

    @property
    def errors(self) -> int:
        """Training sequences with a margin <= 0; a tie is an error."""
        count = int((self.margins <= 0).sum())
        return count if self.size is None else -(-count * self.n // len(self.x))

    @cached_property
    def unbiased(self) -> Unbiased:
        """What bounds without biases and for l1-norms measure."""
        return measure(self.rnn, self.x)

    @cached_property
    def data_bound(self) -> float:
        """R_x, which no input of the sample exceeds."""
        largest = largest_input(self.x)
        if self.input_bound is None:
            return largest
        return _at_least("input_bound", nonnegative("input_bound", self.input_bound), largest)

    @cached_property
    def measured(self) -> Radii:
        """The radii of the class: those given, or the network's norms."""
        if self.radii is not None:
            _at_least("the radius of the inputs", self.radii.data, largest_input(self.x))
            return self.radii
        fixed = self.input_bound is not None
        return Radii.of(self.rnn, self.data_bound, self.norm, data_fixed=fixed)

    @property
    def label(self) -> Label:
        """The label of a bound whose only doubtful hypothesis is that radii were fixed."""
        return VALID if self.measured.fixed else FIXED_RADII

    def setting(self, **how: Unpack[Complexity]) -> Setting:
        """Of a uniform bound for this network's own loss; see `Setting` for the parameters."""
        return Setting(
            self.n,
            self.T,
            self.empirical,
            delta=self.delta,
            weights=self.time_weights,
            loss=self.loss,
            gamma=self.gamma,
            label_bound=self.label_bound,
            log_price=self.log_price,
            **how,
        )

    def as_if(self, n: int | None = None, T: int | None = None) -> Problem:
        """As if the sample had n sequences of T steps, everything measured being the same."""
        if n is None and T is None:
            return self
        other = replace(self, size=(n or self.n, T or self.T))
        _ = self.margins, self.unbiased, self.measured  # once for all sizes
        for name in ("margins", "test_margins", "empirical", "data_bound", "measured", "unbiased"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def of(self, rnn: RNN) -> Problem:
        """The same sample with another network, whose radii are measured."""
        return replace(self, rnn=rnn, radii=None)

    def empirical_term(self, zero_one: bool = False) -> Term:
        """The empirical ramp risk, or the share of errors."""
        value = raised(self.errors / self.n, 1) if zero_one else self.ramp
        formula = r"\tfrac1n \#\{\mu_i \le 0\}" if zero_one else r"\hat\Psi_\gamma(f')"
        inputs = {"n": self.n, "errors": self.errors, "gamma": self.gamma}
        return Term(EMPIRICAL, log_up(value), formula, "measured on the sample", inputs)

    def share_term(self) -> Term:
        """The share of training sequences whose margin is at most gamma."""
        share = float((self.margins <= self.gamma).mean())
        share = raised(share, 4)
        formula, inputs = r"P_n(\mu \le \gamma)", {"n": self.n, "gamma": self.gamma}
        return Term(EMPIRICAL, log_up(share), formula, "measured on the sample", inputs)

    def gamma_condition(self) -> Condition:
        """The margin must not have been chosen on the sample; nobody can see whether it was."""
        detail = f"gamma = {self.gamma:g} must not have been chosen on the sample."
        return Condition("gamma fixed in advance", None, detail)


@dataclass(frozen=True, eq=False)
class StatedProblem:
    """A problem without a sample: its numbers are stated, and nothing is measured.

    For planning, with the n, T and loss that are hoped for, and for populations that are known.

    Attributes
    ----------
    rnn : RNN
        The network that is bounded.
    stated : Setting
        With the loss Psi^ of `rnn`; of the large network where there is an approximation error.
    measured : Radii
        Of the class.

    Examples
    --------
    >>> from rnnbounds import Radii, Setting, StatedProblem, initial_rnn
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> radii = Radii(2.0, 2.0, 2.0, 1.0, 1.0, 1.0, fixed=True, data_fixed=True)
    >>> plan = StatedProblem(rnn, Setting(n=10_000, T=5, empirical_loss=0.1), radii)
    >>> plan.setting(complexity="net").complexity, plan.setting().complexity
    ('net', 'dudley')
    """

    rnn: RNN
    stated: Setting
    measured: Radii

    def setting(self, **how: Unpack[Complexity]) -> Setting:
        """What was stated, but for `how`."""
        return replace(self.stated, **how)

    def of(self, rnn: RNN) -> StatedProblem:
        """The same numbers, stated of another network."""
        return replace(self, rnn=rnn)


def setting_of(
    theorem: str,
    pruned: PrunedRNN,
    problem: Problem | StatedProblem,
    approximation: Bound | None,
    whole: Problem | StatedProblem | None,
    how: Complexity,
) -> Setting:
    """Return the setting of a theorem for the compressed network.

    The empirical loss is that of the large network where there is an error to add to it.
    """
    check_network(problem, pruned.pruned, "problem", "compressed", theorem)
    if approximation is None:
        return problem.setting(**how)
    if whole is None:
        whole = problem.of(pruned.original)
    check_network(whole, pruned.original, "whole", "large", theorem)
    return whole.setting(**how)


def check_network(
    problem: Problem | StatedProblem, rnn: RNN, name: str, size: str, theorem: str
) -> None:
    """Raise a ValueError where a problem is of another network than `rnn`."""
    if problem.rnn is not rnn:
        raise ValueError(f"{name} must be of the {size} network for {theorem}, got another one")


def _at_least(name: str, radius: float, largest: float) -> float:
    if largest > raised(radius, 512):  # not by the rounding of the norms alone
        raise ValueError(f"{name} must be at least every ||x_t||, got {radius!r} and {largest!r}")
    return radius


def radii_condition(what: str) -> Condition:
    """Norms measured on the trained network stand where radii fixed in advance should."""
    return Condition(
        "radii fixed in advance", False, f"{what} were measured on the trained network."
    )
