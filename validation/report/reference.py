"""One pruned network in full: every term, every step of the chain, the spectrum, the trade-off."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bounds.approximation import (
    StepLosses,
    a_priori_bound,
    approximation_bound,
    slack_chain,
    step_losses,
)
from bounds.approximation.a_priori import event_value, positive_tau
from bounds.degrees_of_freedom import degrees_of_freedom, spectrum
from bounds.generalization import BY_NODES, theorem_bound
from bounds.lipschitz import matrix_norm
from bounds.node_counts import largest_degrees_of_freedom, node_count
from bounds.problem import Problem
from bounds.terms import Bound
from bounds.tradeoffs import Tradeoff, lam_grid, tradeoff, tradeoff_order
from pruning.checks import Array, Nodes
from pruning.covariance import StateCovariance
from pruning.rnn import RNN
from pruning.spectral import PrunedRNN, are_logits, prune_to, spectral_prune, unobserved
from validation.data.dataset import Dataset
from validation.report.comparison import SideBySide, side_by_side
from validation.report.settings import Settings, reference_size
from validation.report.sharpness import Sharpness, sharpness
from validation.report.trials import Measured, measure

EXISTENCE = "leverage.existence"
OBSERVED = 1000  # sequences of the losses by step
LAMS = 81  # points of the curves over lam


@dataclass(frozen=True)
class Chains:
    """Measured error <= ... <= published bound for one pruned network.

    Attributes
    ----------
    k : int
        Nodes kept.
    mean : list of Bound
        Error averaged over time, ||.||_{n,T}.
    read : list of Bound
        Error in the norm of the theorem, ||.||_{n,w}, where that is another one: the last step.
    sharpest : Bound
        The smallest bound that was found on the error in the norm of the theorem.
    sharpness : Sharpness
        The bounds beside the chain, averaged over time and from S alone.
    """

    k: int
    mean: list[Bound]
    read: list[Bound]
    sharpest: Bound
    sharpness: Sharpness

    @property
    def steps(self) -> list[Bound]:
        """The chain in the norm of the theorem."""
        return self.read or self.mean


@dataclass(frozen=True)
class Need:
    """What a theorem asks of k, along a grid of lam.

    Attributes
    ----------
    lams : list of float
        Rising.
    freedom : list of float
        N(lam).
    published, sharper : list of int
        Nodes that `leverage.existence` and `dpp.tradeoff_norm` ask for.
    """

    lams: list[float]
    freedom: list[float]
    published: list[int]
    sharper: list[int]


@dataclass(frozen=True)
class Reference:
    """All that the page says of the one network whose terms it prints.

    Attributes
    ----------
    rnn, pruned
        The network, and its pruned version with k nodes.
    whole, measured : Measured
        What the two do on the data.
    bounds : list of Bound
        `theorem.fixed_nodes` first, with the published approximation bound in its middle term
        (the one whose bound the chain ends with);
        `theorem.stratified`, which pays for the radii, has the sharpest.
    chains : list of Chains
        By size.
    eigenvalues : list of float
        Of S, falling.
    need : Need
    largest_freedom : float
        The largest N(lam) that k nodes serve in `leverage.existence`.
    tradeoffs : dict
        The bounds over lam, by id, and their ``order``.
    side_by_side : SideBySide or None
        Every bound on this network; None where it is read out at every step.
    losses : dict
        What is lost at each step and what the output feels of it, for the nodes of the spectral
        and of the balanced objective; empty for one step, and where gradients cannot be had.
    logits : bool
        Whether what the output feels is what its softmax does.
    """

    rnn: RNN
    pruned: PrunedRNN
    whole: Measured
    measured: Measured
    bounds: list[Bound]
    chains: list[Chains]
    eigenvalues: list[float]
    need: Need
    largest_freedom: float
    tradeoffs: dict[str, Tradeoff]
    side_by_side: SideBySide | None
    losses: dict[str, StepLosses]
    logits: bool

    @property
    def k(self) -> int:
        """Nodes kept."""
        return self.pruned.pruned.m

    @property
    def S(self) -> Array:
        """Time-mean covariance of the states on the training sequences."""
        return self.pruned.covariance

    def bound(self, id: str) -> Bound | None:
        """Return the bound with this id, where there is one."""
        return next((bound for bound in self.bounds if bound.id == id), None)

    @property
    def chain(self) -> Chains:
        """The chains at k."""
        return next(chains for chains in self.chains if chains.k == self.k)

    @property
    def sharpest(self) -> Bound:
        """The smallest bound on the approximation error at k, in the norm of the theorem."""
        return self.chain.sharpest


def examine(
    settings: Settings, data: Dataset, rnn: RNN, balanced: Mapping[int, Nodes] | None = None
) -> Reference:
    """Prune a network and evaluate everything on it.

    Parameters
    ----------
    settings, data, rnn
    balanced : mapping, optional
        By size, the nodes of the balanced objective, as the report's rows keep them.
    """
    covariance = StateCovariance.from_network(rnn, data.x, per_step=True)
    sizes = settings.sizes(rnn.m)
    pruned = {k: spectral_prune(rnn, covariance, k, theta=settings.theta) for k in sizes}
    k = reference_size(sizes, rnn.m)
    chains = []
    for size in sizes:
        method = "sharpest" if settings.sharpest and size == k else "best"
        chains.append(_chains(pruned[size], data, covariance.per_step, method, settings.sharpest))
    sharpest = next(entry.sharpest for entry in chains if entry.k == k)
    # The form that the paper's information losses give; sharper ones are set beside it.
    weights = None if data.every_step else np.eye(data.T)[-1]
    published = "global" if data.every_step else "weighted_from_mean"
    middle = approximation_bound(
        pruned[k], data.T, published, weights=weights, per_step=covariance.per_step
    )
    whole = problem_of(rnn, settings, data)
    problem = whole.of(pruned[k].pruned)
    S = covariance.matrix
    bounds = [theorem_bound("fixed_nodes", pruned[k], problem, middle, whole=whole)]
    if k:
        bounds += [theorem_bound(theorem, pruned[k], whole) for theorem in BY_NODES]
    bounds.append(theorem_bound("stratified", pruned[k], problem, sharpest, whole=whole))
    return Reference(
        rnn=rnn,
        pruned=pruned[k],
        whole=measure(rnn, data, settings.gamma),
        measured=measure(pruned[k].pruned, data, settings.gamma),
        bounds=bounds,
        chains=chains,
        eigenvalues=[float(mu) for mu in spectrum(S)],
        need=_need(S),
        largest_freedom=largest_degrees_of_freedom(max(k, 1), EXISTENCE, rnn.m),
        tradeoffs=_tradeoffs(whole, S),
        side_by_side=None if data.every_step else side_by_side(settings, data, pruned[k]),
        losses=_losses(pruned[k], covariance, (balanced or {}).get(k), data),
        logits=are_logits(rnn, data.x, None),
    )


def _losses(
    pruned: PrunedRNN, covariance: StateCovariance, balanced: Nodes | None, data: Dataset
) -> dict[str, StepLosses]:
    if data.T == 1 or balanced is None:
        return {}
    x, rnn = data.x[:OBSERVED], pruned.original
    targets = "every" if data.every_step else "last"
    both = {"spectral": pruned, "balanced": prune_to(rnn, covariance, balanced)}
    try:
        seen = unobserved(rnn, x, targets, np.random.default_rng(0), None).update(x)
        return {name: step_losses(one, x, observability=seen) for name, one in both.items()}
    except ValueError:
        # A run or gradients beyond the range of floats.
        return {}


def problem_of(rnn: RNN, settings: Settings, data: Dataset) -> Problem:
    """Return what the theorems are given, with R_x fixed in advance where it can be."""
    return Problem(
        rnn,
        data.x,
        data.y,
        gamma=settings.gamma,
        delta=settings.delta,
        input_bound=data.x_bound,
        targets="every" if data.every_step else "last",
    )


def smallest_lam(pruned: PrunedRNN) -> float:
    """Return about the smallest lam for which this very J and tau meet the event of section 2a.

    The event is monotone in lam at fixed tau: G grows with lam, and (3/4)(S + lam) does too. It
    holds for every J at lam >= mu_1/3. Any lam with the event gives a true bound, so that a
    bisection that stops early only costs.
    """
    S = pruned.covariance
    tau = positive_tau(pruned.tau, S, len(pruned.nodes))
    top = float(spectrum(S)[0]) if len(S) else 0.0
    if top == 0:
        return 1.0
    low, high = math.log(top) - 40, math.log(top)
    while high - low > 1e-3:
        middle = (low + high) / 2
        if event_value(S, pruned.nodes, tau, math.exp(middle)) <= 0.75:
            high = middle
        else:
            low = middle
    return math.exp(high)


def _chains(
    pruned: PrunedRNN, data: Dataset, per_step: Array | None, method: str, sharpest: bool
) -> Chains:
    mean = slack_chain(pruned, data.x)
    mean.append(a_priori_bound(pruned, data.T, smallest_lam(pruned)))
    weights = None if data.every_step else np.eye(data.T)[-1]
    read = [] if weights is None else slack_chain(pruned, data.x, weights=weights)
    best = approximation_bound(pruned, data.T, method, weights=weights, per_step=per_step)
    return Chains(pruned.pruned.m, mean, read, best, sharpness(pruned, data.x, sharpest))


def _tradeoffs(whole: Problem, S: Array) -> dict[str, Tradeoff]:
    return {
        "theorem.degrees_of_freedom": tradeoff(whole, S),
        "theorem.determinantal": tradeoff(whole, S, theorem="determinantal"),
        "order": tradeoff_order(S, whole.n, lam_grid(S)),
    }


def _need(S: Array) -> Need:
    mu = spectrum(S)
    top = float(mu[0]) if mu[0] > 0 else 1.0
    lams = [top * 10**x for x in np.linspace(-8, 2, LAMS)]
    return Need(
        [float(lam) for lam in lams],
        [degrees_of_freedom(mu, lam) for lam in lams],
        [node_count(mu, lam, EXISTENCE).nodes for lam in lams],
        [node_count(mu, lam, "dpp.tradeoff_norm").nodes for lam in lams],
    )


def norms(rnn: RNN) -> dict[str, float]:
    """Return the spectral norms of the weights, for the reader."""
    return {
        name: matrix_norm(getattr(rnn, name), "spectral")
        for name in ("w_hidden", "w_input", "w_output")
    }


def factors(bounds: Sequence[Bound]) -> list[float | None]:
    """Return log10 of the ratio of each entry of a chain to the one before; None for the first."""
    logs = [bound.log10_total for bound in bounds]
    return [None] + [None if a is None or b is None else b - a for a, b in itertools.pairwise(logs)]
