"""Every bound side by side on one network and sample (theory, sections 7 to 9).

All of them bound the risk of one network, the pruned one: its margin ramp risk or its error, which
is no larger. None is ranked outside its hypotheses: see the label of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bounds import others
from bounds.approximation import approximation_bound
from bounds.assembly import Setting
from bounds.generalization import BY_NODES, theorem_bound
from bounds.others.occam import FORM_OF, FORMS, Description, describe
from bounds.problem import Problem
from bounds.radii import Radii
from bounds.terms import Bound
from bounds.uniform import METHODS
from pruning.bisection import last_holding
from pruning.checks import Array, choice, time_weights
from pruning.covariance import StateCovariance
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, prune_to

BELOW_ONE = -1e-9
"""log of a total that counts as smaller than 1: less rounding, it says more than nothing."""


@dataclass(frozen=True)
class Theorem:
    """A theorem of section 7 in one of its forms.

    Attributes
    ----------
    theorem : str
        One of `bounds.generalization.THEOREMS`.
    complexity : str
        One of `bounds.uniform.METHODS`.
    through : bool
        Through the large network, with the approximation error as a term.
    published : bool
        With the constants and the equal split of the paper.
    """

    theorem: str
    complexity: str = "dudley"
    through: bool = False
    published: bool = False


THEOREMS: dict[str, Theorem] = {
    "theorem.fixed_nodes": Theorem("fixed_nodes", through=True, published=True),
    **{
        f"theorem.fixed_nodes.approximation.{method}": Theorem("fixed_nodes", method, through=True)
        for method in METHODS
    },
    "theorem.degrees_of_freedom": Theorem("degrees_of_freedom", through=True, published=True),
    "theorem.determinantal": Theorem("determinantal", through=True, published=True),
    **{f"theorem.fixed_nodes.{method}": Theorem("fixed_nodes", method) for method in METHODS},
    **{f"theorem.stratified.{method}": Theorem("stratified", method) for method in METHODS},
}

OTHERS: dict[str, Callable[[Problem], Bound]] = {
    "others.tu2020": others.tu2020,
    "others.joukovsky2021": others.joukovsky2021,
    "others.chen2020": others.chen2020,
    "others.cheng2024": others.cheng2024,
    "others.zhang2018": others.zhang2018,
    "others.akpinar2019": others.akpinar2019,
}
"""Bounds of section 9 that need a problem and nothing else; a new one is a module and a line."""

_PARAMETERS = {f"others.parameter_count.{method}": method for method in METHODS}


@dataclass(frozen=True, eq=False)
class Comparison:
    """The bounds of one pruned network, at its own sample size and length or as if at others.

    Attributes
    ----------
    pruned : PrunedRNN
        Both networks; a network that was not pruned is its own pruned version.
    problem : Problem
        The pruned network and the sample.
    eps : float or tuple of float, optional
        Of ``net_kl``, fixed in advance.
    prior : RNN, optional
        Centre of the prior of `others.pac_bayes_kl`, see there.
    seed : int
        For the draws of `others.pac_bayes_kl`.
    sharpest : bool
        Search the bound on the approximation error that takes minutes, too.
    """

    pruned: PrunedRNN
    problem: Problem
    eps: float | tuple[float, ...] | None = None
    prior: RNN | None = None
    seed: int = 0
    sharpest: bool = False
    _distances: dict[tuple[int, bool], Bound] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def whole(self) -> Problem:
        """The network before pruning, and the sample."""
        return self.problem.of(self.pruned.original) if self.was_pruned else self.problem

    @property
    def was_pruned(self) -> bool:
        """Whether the two networks differ."""
        return self.pruned.original.m > self.pruned.pruned.m

    @property
    def chosen_eps(self) -> float | tuple[float, ...]:
        """Of ``net_kl``: `eps`, or the default of `Setting`."""
        return Setting.eps if self.eps is None else self.eps

    @cached_property
    def per_step(self) -> Array | None:
        """Covariance of every step, (T, m, m)."""
        return StateCovariance.from_network(
            self.pruned.original, self.problem.x, per_step=True
        ).per_step

    @cached_property
    def description(self) -> Description:
        """The code of the pruned network."""
        return describe(self.problem)

    def bounds(self) -> list[Bound]:
        """Every bound, at the sample at hand."""
        own = [*self.theorems(), *self.others(), *self.occam()]
        # A prior on the nodes that were kept depends on the sample through J.
        chosen = self.pruned.original.m if self.prior is not None and self.was_pruned else None
        own.append(
            others.pac_bayes_kl(self.problem, prior=self.prior, chosen_from=chosen, rng=self.seed)
        )
        if self.problem.x_test is not None:
            own += [others.maurer_pontil(self.problem), others.test_set_binomial(self.problem)]
        return own

    def as_if(self, n: int | None = None, T: int | None = None) -> list[Bound]:
        """The bounds as if the sample had n sequences of T steps, all else being the same.

        Left out are those that would need new data: PAC-Bayes and the bounds on held-out data.
        """
        return [*self.theorems(n, T), *self.others(n, T), *self.occam(n)]

    def theorems(self, n: int | None = None, T: int | None = None) -> list[Bound]:
        """The theorems of section 7, for this n and T."""
        result = []
        for name in self.names():
            bound = self.theorem(name, n, T)
            if bound is not None:
                result.append(bound)
        return result

    def names(self) -> list[str]:
        """What `theorem` knows: the id of each theorem, and how the complexity is bounded."""
        return [id for id, form in THEOREMS.items() if self.was_pruned or not form.through]

    def theorem(self, name: str, n: int | None = None, T: int | None = None) -> Bound | None:
        """One of the theorems; None where it does not apply, as for k = 0."""
        form = THEOREMS[choice("name", name, THEOREMS)]
        by_nodes = form.theorem in BY_NODES
        if (form.through and not self.was_pruned) or (by_nodes and self.pruned.pruned.m == 0):
            return None
        whole = self.whole.as_if(n, T) if form.through else None
        distance = None
        if form.through and not by_nodes:
            distance = self._distance(self.problem.T if T is None else T, form.published)
        found = theorem_bound(
            form.theorem,
            self.pruned,
            (self.whole if by_nodes else self.problem).as_if(n, T),
            distance,
            whole=whole,
            complexity=form.complexity,
            split="equal" if form.published else "minimising",
            eps=self.chosen_eps,
        )
        return found if by_nodes else replace(found, id=name)

    def others(self, n: int | None = None, T: int | None = None) -> list[Bound]:
        """The bounds of section 9 that need no held-out data and no draws."""
        problem = self.problem.as_if(n, T)
        return [
            *(self._parameter_count(method, n, T) for method in METHODS),
            *(bound(problem) for bound in OTHERS.values()),
        ]

    def _parameter_count(self, method: str, n: int | None, T: int | None) -> Bound:
        return others.parameter_count(self.whole.as_if(n, T), method, eps=self.chosen_eps)

    def occam(self, n: int | None = None, forms: Sequence[str] = FORMS) -> list[Bound]:
        """The bounds by the length of the code, which does not depend on n."""
        shown = self.description
        shown = replace(shown, problem=shown.problem.as_if(n))
        problem = self.problem.as_if(n)
        return [others.occam(problem, form, description=shown) for form in forms]

    def bound(self, id: str, n: int | None = None, T: int | None = None) -> Bound | None:
        """One bound of `as_if` by its id; None where it does not apply to the network.

        Raises
        ------
        ValueError
            If no bound has this id.
        """
        choice("id", id, [*THEOREMS, *_PARAMETERS, *OTHERS, *FORM_OF])
        if id in THEOREMS:
            return self.theorem(id, n, T) if id in self.names() else None
        if id in _PARAMETERS:
            return self._parameter_count(_PARAMETERS[id], n, T)
        if id in OTHERS:
            return OTHERS[id](self.problem.as_if(n, T))
        return self.occam(n, [FORM_OF[id]])[0]

    def _distance(self, T: int, published: bool) -> Bound:
        own = self.problem.x.shape[1]
        if (T, published) not in self._distances:
            # At a length that was not measured only the time-mean covariance is there.
            per_step = self.per_step if own == T else None
            sharper = "sharpest" if self.sharpest else "best"
            method = "weighted_from_mean" if published or per_step is None else sharper
            self._distances[T, published] = approximation_bound(
                self.pruned, T, method, weights=time_weights("last", T), per_step=per_step
            )
        return self._distances[T, published]


def comparison(
    network: PrunedRNN | RNN,
    x: ArrayLike,
    y: ArrayLike,
    x_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    *,
    gamma: float = Problem.gamma,
    delta: float = Problem.delta,
    radii: Radii | None = None,
    input_bound: float | None = None,
    eps: float | tuple[float, ...] | None = None,
    prior: RNN | None = None,
    seed: int = 0,
    log_price: float = 0.0,
    sharpest: bool = False,
) -> Comparison:
    """Return the comparison; see `compare` for the parameters."""
    if isinstance(network, RNN):
        network = prune_to(network, x, np.arange(network.m), reconstruct=False)
    problem = Problem(
        network.pruned, x, y, x_test, y_test, gamma, delta, radii, input_bound, log_price=log_price
    )
    return Comparison(network, problem, eps, prior, seed, sharpest)


def compare(
    network: PrunedRNN | RNN,
    x: ArrayLike,
    y: ArrayLike,
    x_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    **options: Any,
) -> list[Bound]:
    """Return every bound on the risk of a pruned network.

    Parameters
    ----------
    network : PrunedRNN or RNN
        A pair of networks, or one that was trained at its size.
    x, y : arrays
        The sample: (n, T, d_x) floats or (n, T) tokens, one label a sequence.
    x_test, y_test : arrays, optional
        Sequences on which nothing was chosen.
    gamma, delta : float
        Margin of the ramp loss, and the failure probability of every single bound.
    radii : Radii, optional
        Of the class of the pruned network, fixed in advance; measured where not given.
    input_bound : float, optional
        R_x >= ||x_t|| almost surely, known in advance.
    eps : float or tuple of float, optional
        Of `uniform.net_kl`, fixed in advance.
    prior : RNN, optional
        Centre of the prior of `others.pac_bayes_kl`: the initialisation, on the nodes kept.
    seed : int
        For the draws of `others.pac_bayes_kl`.
    log_price : float
        Added to log(1/delta) for settings that were chosen on the sample.
    sharpest : bool
        Search the bound on the approximation error that takes minutes, too.

    Returns
    -------
    list of Bound
        Each with its label; a bound whose hypotheses fail is shown as such and never replaced.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import compare, initial_rnn, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> found = compare(spectral_prune(rnn, x, 3), x, y, input_bound=2**0.5)
    >>> all(bound.label for bound in found)
    True
    >>> "theorem.fixed_nodes" in {bound.id.split("[")[0] for bound in found}
    True
    """
    return comparison(network, x, y, x_test, y_test, **options).bounds()


def informative_from(
    comparison: Comparison, ids: Sequence[str] | None = None, largest: int = 10**18
) -> dict[str, int | None]:
    """Return for each bound the smallest n at which its total is smaller than 1, all else equal.

    Found to three digits by bisection, which takes the totals to fall with n. None: not at any n up
    to `largest`. Bounds whose hypotheses fail, and mere orders, are left out.
    """
    result: dict[str, int | None] = {}
    for bound in comparison.as_if():
        if not bound.label.is_bound or (ids is not None and bound.id not in ids):
            continue

        def enough(n: int, id: str = bound.id) -> bool:
            found = comparison.bound(id, n)
            return found is not None and found.log_total < BELOW_ONE

        result[bound.id] = _smallest(enough, largest)
    return result


def _smallest(enough: Any, largest: int) -> int | None:
    """Smallest n, to 3 digits, of a condition that stays true once it is."""
    if not enough(largest):
        return None
    high = math.log10(largest)
    found = last_holding(lambda log_n: bool(enough(max(1, round(10**log_n)))), high, 0.0, atol=5e-4)
    return round(10**found)


__all__ = ["BELOW_ONE", "Comparison", "compare", "comparison", "informative_from"]
