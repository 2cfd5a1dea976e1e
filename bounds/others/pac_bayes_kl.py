r"""`others.pac_bayes_kl`: a Gaussian around the weights against one fixed in advance.

kl(Psi^(Q) || Psi(Q)) <= (KL(Q || P) + ln(2 sqrt n/delta))/n for every Q at once (Maurer 2004). Q is
N(w, sigma^2) by block of weights, P is N(w_0, s^2): w_0 is fixed in advance, s is on a grid that is
paid for, and sigma is free. Psi^(Q) is estimated by drawing, with a confidence of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from bounds.assembly import COMPLEXITY, CONFIDENCE, EMPIRICAL
from bounds.others.code import BLOCKS
from bounds.problem import Problem
from bounds.relative_entropy import inverse_kl
from bounds.rounding import log_up, raised, roundings
from bounds.stratified import grid_weight
from bounds.terms import IID, VALID, Bound, Condition, Term
from pruning.checks import Array, as_generator, integer
from pruning.rnn import RNN

STATEMENT = r"\mathrm{kl}(\hat\Psi(Q)\|\Psi(Q)) \le \frac{KL(Q\|P)+\ln(2\sqrt n/\delta)}{n}"
SHARE = 0.1  # of delta, for the draws
NOISES = tuple(2.0**-j for j in range(8))  # sigma in units of a block's root mean square
SOURCE = "Maurer 2004 (as read); theory, section 9"
_STEPS = 2  # s is on the grid 2^{j/2}


@dataclass(frozen=True)
class _Posterior:
    """Standard deviations of Q by block, and KL(Q||P) with what the grid costs."""

    sigma: dict[str, float]
    divergence: float
    price: float


def pac_bayes_kl(
    problem: Problem,
    *,
    prior: RNN | None = None,
    chosen_from: int | None = None,
    draws: int = 2000,
    group: int = 8,
    rng: np.random.Generator | int | None = 0,
) -> Bound:
    """The bound on the error of a network that is drawn from Q anew for every sequence.

    Parameters
    ----------
    problem : Problem
    prior : RNN, optional
        w_0, with the shapes of the network: its initialisation. Zero where not given.
    chosen_from : int, optional
        m, where `prior` lives on k of m nodes that were chosen on the sample: ln C(m, k) is paid.
    draws : int
        Independent draws of a network, each with `group` random training sequences; their means are
        independent, lie in [0, 1] and have the mean Psi^(Q).
    rng : Generator or seed
        For the draws.
    """
    integer("draws", draws, 1)
    integer("group", group, 1)
    generator = as_generator("rng", rng)
    rnn, n = problem.rnn, problem.n
    centre = {b: np.zeros_like(getattr(rnn, b)) for b in BLOCKS}
    if prior is not None:
        if any(getattr(prior, b).shape != getattr(rnn, b).shape for b in BLOCKS):
            raise ValueError("prior must have the shapes of the network")
        centre = {b: getattr(prior, b) for b in BLOCKS}
    # The size k is paid for with the weights 1/((k + 1)(k + 2)), which sum to 1.
    nodes = math.log((rnn.m + 1) * (rnn.m + 2)) + problem.log_price
    if chosen_from is not None:
        nodes += math.log(math.comb(integer("chosen_from", chosen_from, rnn.m), rnn.m))

    # sigma may depend on the sample, so pilot draws choose it; fresh draws then measure.
    pilot = max(50, draws // 20)
    best: tuple[float, _Posterior] | None = None
    try:
        posteriors = [_posterior(rnn, centre, noise) for noise in NOISES]
    except OverflowError:
        said = "Squares of the weights are beyond the range of floats: +inf is what holds."
        term = Term(COMPLEXITY, math.inf, r"\infty", SOURCE)
        return Bound("others.pac_bayes_kl", STATEMENT, (term,), VALID, (), (said,))
    for posterior in posteriors:
        q = _mean_error(problem, posterior, pilot, group, generator)
        value = gibbs_risk(
            q, posterior.divergence + posterior.price + nodes, n, problem.delta, pilot
        )
        if best is None or value < best[0]:
            best = (value, posterior)
    assert best is not None
    chosen = best[1]
    q = _mean_error(problem, chosen, draws, group, generator)
    top = inverse_kl(min(1.0, q), raised(math.log(1 / (SHARE * problem.delta)) / draws))
    paid = chosen.divergence + chosen.price + nodes
    bare = inverse_kl(top, raised(paid / n))
    reached = gibbs_risk(q, paid, n, problem.delta, draws)
    inputs = {"n": n, "delta": problem.delta, "KL": chosen.divergence}
    gibbs = "The bound is on the error of networks drawn from Q, one for each sequence, not of f'."
    return Bound(
        "others.pac_bayes_kl",
        STATEMENT,
        (
            Term(
                EMPIRICAL,
                log_up(raised(q, 2)),
                r"\hat\Psi(Q)\text{, estimated}",
                "measured on the sample",
                {"draws": draws, "group": group},
            ),
            Term(
                "Monte Carlo",
                log_up(raised(max(top - q, 0.0), 2)),
                r"\mathrm{kl}^{-1}(\cdot; \ln(1/\delta_1)/N) - \cdot",
                "Chernoff; theory, section 9",
                {"draws": draws, "delta_1": SHARE * problem.delta},
            ),
            Term(
                COMPLEXITY,
                log_up(raised(max(bare - top, 0.0), 2)),
                r"\mathrm{kl}^{-1}(\cdot; KL(Q\|P)/n) - \cdot",
                SOURCE,
                {**inputs, "price of the grid": chosen.price, "price of the nodes": nodes},
            ),
            Term(
                CONFIDENCE,
                log_up(raised(max(reached - bare, 0.0), 2) + roundings(2)),
                r"\text{what } \ln(2\sqrt n/\delta) \text{ adds}",
                SOURCE,
                inputs,
            ),
        ),
        VALID,
        (
            IID,
            Condition(
                "prior fixed in advance",
                True if prior is None else None,
                "w_0 = 0." if prior is None else "w_0 was given; it must not depend on the sample.",
            ),
            Condition(
                "k fixed in advance, or paid for",
                True,
                f"k = {rnn.m} and what else was chosen were paid for with {nodes:.4g} nats.",
            ),
        ),
        (gibbs, f"sigma by block: {', '.join(f'{s:.3g}' for s in chosen.sigma.values())}."),
    )


def gibbs_risk(q: float, paid: float, n: int, delta: float, draws: int) -> float:
    """Return the bound on Psi(Q) from an estimate of Psi^(Q), whose own confidence is paid.

    Parameters
    ----------
    q : float
        Mean over the draws of a loss in [0, 1].
    paid : float
        KL(Q || P) and what the choice of P costs, in nats.
    n, draws : int
        Training sequences; independent draws from Q, made after Q was fixed.
    delta : float
        Of which a tenth goes to the estimate.
    """
    top = inverse_kl(min(1.0, q), raised(math.log(1 / (SHARE * delta)) / draws))
    rest = math.log(2 * math.sqrt(n) / ((1 - SHARE) * delta))
    return inverse_kl(top, raised((paid + rest) / n, 8))


def gaussian_divergence(distance2: float, p: int, sigma: float, s: float) -> float:
    """KL(N(w, sigma^2 I_p) || N(w_0, s^2 I_p)), distance2 = ||w - w_0||^2; rounded up."""
    ratio = (sigma / s) ** 2
    value = (p * (ratio - 1 - math.log(ratio)) + distance2 / s**2) / 2
    size = p * (1 + abs(math.log(ratio)) + ratio) + distance2 / s**2
    return max(value, 0.0) + roundings(16, size)


def _posterior(rnn: RNN, centre: dict[str, Array], noise: float) -> _Posterior:
    sigma, divergence, price = {}, 0.0, 0.0
    for block in BLOCKS:
        weights = getattr(rnn, block)
        with np.errstate(over="ignore"):
            size = float(np.sqrt(np.mean(np.square(weights)))) if weights.size else 0.0
        sigma[block] = noise * (size or 1.0)
        if not weights.size:
            continue
        with np.errstate(over="ignore"):
            distance2 = float(np.square(weights - centre[block]).sum())
        # The s^2 that minimises KL is sigma^2 + distance^2/p, here on the grid.
        best = math.sqrt(sigma[block] ** 2 + distance2 / weights.size)
        j = round(_STEPS * math.log2(best))
        s = 2.0 ** (j / _STEPS)
        divergence += gaussian_divergence(distance2, weights.size, sigma[block], s)
        price -= math.log(grid_weight(j))
    return _Posterior(sigma, divergence, price)


def _mean_error(
    problem: Problem, posterior: _Posterior, draws: int, group: int, rng: np.random.Generator
) -> float:
    """Mean over draws of the share of errors among `group` random training sequences."""
    rnn = problem.rnn
    errors, left = 0, draws
    at_once = max(1, min(draws, (1 << 21) // max(1, rnn.m * (rnn.m + rnn.d_x + group))))
    while left:
        count = min(at_once, left)
        left -= count
        drawn = {
            b: getattr(rnn, b)
            + posterior.sigma[b] * rng.standard_normal((count, *getattr(rnn, b).shape))
            for b in BLOCKS
        }
        picked = rng.integers(problem.n, size=(count, group))
        f = _outputs(rnn, drawn, problem.x[picked.ravel()].reshape(*picked.shape, *_shape(problem)))
        y = problem.y[picked]
        if rnn.d_y == 1:
            errors += int((f[..., 0] * y <= 0).sum())
        else:
            own = np.take_along_axis(f, y[..., None], axis=-1)[..., 0]
            np.put_along_axis(f, y[..., None], -np.inf, axis=-1)
            errors += int((own <= f.max(axis=-1)).sum())
    return errors / (draws * group)


def _outputs(rnn: RNN, drawn: dict[str, Array], x: Array) -> Array:
    """Outputs at the last step, (draws, group, d_y), of one network a draw."""
    W, U, V = (drawn[b].transpose(0, 2, 1) for b in ("w_hidden", "w_input", "w_output"))
    h = np.zeros((len(x), x.shape[1], rnn.m))
    for t in range(x.shape[2]):
        if x.ndim == 3:
            driven = U[np.arange(len(x))[:, None], x[:, :, t]]
        else:
            driven = x[:, :, t] @ U
        h = rnn.activation.apply(h @ W + driven + drawn["b_hidden"][:, None, :])
    return h @ V + drawn["b_output"][:, None, :]


def _shape(problem: Problem) -> tuple[int, ...]:
    return tuple(problem.x.shape[1:])
