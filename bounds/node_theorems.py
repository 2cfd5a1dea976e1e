r"""Generalization bounds whose k comes from the degrees of freedom (theory, section 7).

`theorem.degrees_of_freedom` [paper] and `theorem.determinantal` [sharper] promise *some* set of at
most k nodes. With N_max(k) the largest N(lam) that k nodes serve, the radii R_h alpha and
R_o alpha, alpha >= ||A||_F, are fixed with k and the radii of the large network; N(lam) is not.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import ArrayLike

from bounds.assembly import Setting, assemble, common_conditions, inputs_bounded, loss_class
from bounds.degrees_of_freedom import degrees_of_freedom, lam_for_degrees_of_freedom, spectrum
from bounds.formerly import by_nodes, formerly
from bounds.lipschitz import Radii, matrix_norm
from bounds.node_counts import largest_degrees_of_freedom, node_count
from bounds.problem import Complexity, Problem, StatedProblem
from bounds.rounding import add_up, exp_up, log_up, raised, roundings
from bounds.terms import FIXED_RADII, VALID, Bound, Condition, Term, violated
from pruning.checks import integer, positive
from pruning.rnn import RNN

if TYPE_CHECKING:
    from pruning.pruned_rnn import PrunedRNN

_COUNTS = {
    "theorem.degrees_of_freedom": "leverage.existence",
    "theorem.determinantal": "dpp.tradeoff_norm",
}
# What each theorem promises of the residual, as a multiple of lam N(lam).
RESIDUAL_FACTOR = {"theorem.degrees_of_freedom": 4.0, "theorem.determinantal": 3.0}
_CONDITION = {
    "theorem.degrees_of_freedom": "k >= max(1, 5 N log 80 N)",
    "theorem.determinantal": "k >= max(1, 3 N)",
}


@formerly(by_nodes)
def degrees_of_freedom_bound(
    problem: Problem | StatedProblem,
    S: ArrayLike,
    k: int,
    *,
    lam: float | None = None,
    pruned: PrunedRNN | None = None,
    exponent: int = 0,
    **how: Unpack[Complexity],
) -> Bound:
    """`theorem.degrees_of_freedom`: for some J of at most k >= max(1, 5 N log(80 N)) nodes.

    Parameters
    ----------
    problem : Problem or StatedProblem
        Of the large network f^, m nodes, with the radii of a class that f^ lies in; those of f'
        follow: R_h and R_o times sqrt((20/3) m N_max(k)).
    S : (m, m) or (m,) array
        Its time-mean covariance on the sample, or the eigenvalues of that.
    k : int
        Number of nodes, 1..m, fixed in advance.
    lam : float, optional
        lam > 0; by default the smallest that k nodes serve. It may depend on the sample.
    pruned : PrunedRNN, optional
        The network at hand: whether the bound was shown for its very nodes is then a condition.
    exponent : int
        S and lam are in units of 4^exponent, as `PrunedRNN.covariance` is for extreme states; with
        `pruned` it must be that of `pruned`.
    **how
        `complexity`, `split` and `eps` of `Setting`.

    Returns
    -------
    Bound
        Labelled *hypothesis violated* where k is too small for this lam, unless the residuals and
        the norm that the theorem promises are met by the nodes of `pruned`.

    Notes
    -----
    Source: F22, S20 (reconstructed), theory, sections 2a and 7.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Problem, StateCovariance, degrees_of_freedom_bound, initial_rnn
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> S = StateCovariance.from_network(rnn, x).matrix
    >>> bound = degrees_of_freedom_bound(Problem(rnn, x, y, input_bound=2**0.5), S, 4)
    >>> bound.id
    'theorem.degrees_of_freedom'
    """
    return _bound("theorem.degrees_of_freedom", problem, S, k, lam, pruned, exponent, how)


@formerly(by_nodes)
def determinantal_bound(
    problem: Problem | StatedProblem,
    S: ArrayLike,
    k: int,
    *,
    lam: float | None = None,
    pruned: PrunedRNN | None = None,
    exponent: int = 0,
    **how: Unpack[Complexity],
) -> Bound:
    """`theorem.determinantal`: for some J of at most k >= max(1, 3 N) nodes.

    Arguments and result as for `degrees_of_freedom_bound`, with L_A(J) <= 3 lam N(lam) and
    ||A||_F^2 <= 3 (N (m - N) + sum_j kap_j^2) of `dpp.tradeoff` in place of section 2a. The radii
    need the largest value of that over all spectra with N <= k/3: sum kap^2 <= min(N, N^2).

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Problem, StateCovariance, determinantal_bound, initial_rnn
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> S = StateCovariance.from_network(rnn, x).matrix
    >>> bound = determinantal_bound(Problem(rnn, x, y, input_bound=2**0.5), S, 4)
    >>> bound.id
    'theorem.determinantal'
    """
    return _bound("theorem.determinantal", problem, S, k, lam, pruned, exponent, how)


def log_norm_of_reconstruction(id: str, m: int, N: float) -> float:
    """Log of the largest ||A||_F that a theorem leaves up to N degrees of freedom, rounded up."""
    if N == 0:
        return -math.inf
    if id == "theorem.degrees_of_freedom":
        return add_up(math.log(20 * m) / 2, -math.log(3) / 2, math.log(N) / 2)
    # N (m - N) + min(N, N^2) increases up to (m + 1)/2, for m >= 1.
    top = min(N, max((m + 1) / 2, 1.0))
    return add_up(math.log(3 * (top * (m - top) + min(top, top * top))) / 2, roundings(16))


def _bound(
    id: str,
    problem: Problem | StatedProblem,
    S: ArrayLike,
    k: int,
    lam: float | None,
    pruned: PrunedRNN | None,
    exponent: int,
    how: Complexity,
) -> Bound:
    original, radii = problem.rnn, problem.measured
    if pruned is not None and pruned.original is not original:
        name = id.removeprefix("theorem.")
        raise ValueError(f"problem must be of the large network for {name}, got another one")
    if pruned is not None and pruned.exponent != exponent:
        raise ValueError(
            f"exponent must be that of `pruned`, {pruned.exponent}, whose residuals are compared "
            f"with S, got {exponent}"
        )
    mu = spectrum(S)
    m = original.m
    if len(mu) != m:
        raise ValueError(f"S must be that of a network with {m} nodes, got one with {len(mu)}")
    k = integer("k", k, 1, m)
    largest = largest_degrees_of_freedom(k, _COUNTS[id], m) * (1 + 1e-9)
    lam = _smallest_lam(mu, largest / (1 + 2e-9)) if lam is None else positive("lam", lam)
    # Above what the eigenvalues' own rounding can hide, and never above m.
    N = raised(degrees_of_freedom(mu, lam), 4096) + roundings(m * m, float(mu[0]) / lam)
    N = min(N, m)
    log_alpha = log_norm_of_reconstruction(id, m, N)
    setting = problem.setting(**how)
    approximation = _a_priori(id, original, setting, lam, N, log_alpha, exponent)
    class_radii = _scaled(radii, log_norm_of_reconstruction(id, m, largest))
    s = original.activation
    members = loss_class(setting, class_radii, k, original.d_x, original.d_y, s)

    count = node_count(mu, lam, _COUNTS[id])
    enough = count.nodes <= k
    detail = f"The theorem {count.detail.rstrip('.')}; k is {k}."
    inside = radii.contain(original)
    where = "within" if inside else "not all within"
    conditions = [
        *common_conditions(setting, members, s),
        Condition(
            "f^ in its class", inside, f"The norms of f^ are {where} the radii of its class."
        ),
        Condition(_CONDITION[id], enough, detail),
    ]
    notes = []
    if count.empty:
        notes.append(f"The condition is empty on this network: it {count.detail}")
    promised, trace = RESIDUAL_FACTOR[id] * lam * N, float(mu.sum())
    if promised >= trace > 0:
        notes.append(
            f"At this lam the promised residual, {promised:.4g}, is no smaller than Tr S = "
            f"{trace:.4g}, which no node at all gives as well."
        )
    shown = False
    if pruned is not None:
        these = _these_nodes(id, pruned, lam, N, log_alpha, class_radii)
        conditions.append(these)
        shown = bool(these.holds)
        notes.append(
            "The bound was shown for the very nodes at hand."
            if shown
            else "The theorem promises some set of k nodes; it was not shown for the one at hand."
        )
    if not inside:
        label = violated("f^ in the class of its radii")
    elif not (enough or shown):
        label = violated(f"{_CONDITION[id]}: {count.nodes} nodes needed, k = {k}, m = {m}")
    elif radii.fixed and inputs_bounded(setting, members):
        label = VALID
    else:
        label = FIXED_RADII
    return assemble(id, setting, members, approximation, label, conditions, tuple(notes))


def _smallest_lam(mu: np.ndarray, N: float) -> float:
    """The smallest lam with N(lam) <= N; where every lam has, one that makes the error vanish."""
    if np.count_nonzero(mu) > N:
        return lam_for_degrees_of_freedom(mu, N)
    return float(mu[0]) * 2.0**-133 or 1.0


def _a_priori(
    id: str,
    original: RNN,
    setting: Setting,
    lam: float,
    N: float,
    log_alpha: float,
    exponent: int,
) -> Bound:
    """`approximation.a_priori` for some J, for any time weights.

    Weights other than 1/T follow from `approximation.weighted_from_mean`, all of whose right-hand
    side is in the time-mean norm.
    """
    from bounds.approximation.a_priori import log_loss_factor
    from bounds.approximation.kernels import log_geometric_sum, log_powers, log_toeplitz_norm

    T, w = setting.T, setting.w
    even = bool((w == w[0]).all())
    log_h, log_o = (
        log_up(matrix_norm(W, "spectral")) for W in (original.w_hidden, original.w_output)
    )
    log_rho = log_up(original.activation.lipschitz)
    log_a = add_up(log_rho, log_h, log_alpha)
    read_gain, gain = 0.0, log_geometric_sum(log_a, T)
    if not even:
        read_gain = math.log(T * float(w.max())) / 2
        gain = add_up(log_toeplitz_norm(log_powers(log_a, T), w[1:]), math.log(T) / 2)
    rate = math.log(RESIDUAL_FACTOR[id] * lam) / 2
    if exponent:  # sqrt(lam) has the units of the states
        rate = add_up(rate, exponent * math.log(2), roundings(4, abs(exponent)))
    if id == "theorem.degrees_of_freedom":
        z_o, z_h = (log_loss_factor(W, N) for W in (original.w_output, original.w_hidden))
        z = r"\min(\|%s\|_F, \sqrt{N}\,\|%s\|_2)"
    else:
        z_o, z_h = add_up(log_o, log_up(N) / 2), add_up(log_h, log_up(N) / 2)
        z = r"\sqrt{N}\,\|%s\|_2"
    z = rf"\sqrt{{{RESIDUAL_FACTOR[id]:g}\lambda}}\," + z
    source = "approximation.a_priori"
    if id == "theorem.determinantal":
        source += " with dpp.tradeoff"
    if not even:
        source += ", approximation.weighted_from_mean"
    kernel = r"\Gamma_T(\rho\|W_h\|_2\alpha)"
    read_formula = z.replace("%s", "W_o")
    if not even:
        kernel = r"\sqrt{T}\,\|\mathrm{diag}(\sqrt{w_2}..\sqrt{w_T}) L_T(\rho\|W_h\|_2\alpha)\|_2"
        read_formula = r"\sqrt{T \max w}\," + read_formula
    propagated = add_up(log_o, log_alpha, log_rho, gain, rate, z_h)
    inputs: dict[str, float] = {"lam": lam, "N(lam)": N, "T": T}
    if exponent:
        inputs["exponent of lam's unit 4^e"] = exponent
    terms = (
        Term("read-out", add_up(read_gain, rate, z_o), read_formula, source, inputs),
        Term(
            "propagated",
            propagated,
            rf"\|W_o\|_2\,\alpha\,\rho\,{kernel}\," + z.replace("%s", "W_h"),
            source,
            {**inputs, "log alpha": None if log_alpha == -math.inf else log_alpha},
        ),
    )
    return Bound("approximation.a_priori", r"\|\hat f - f'\|_{n,w}", terms)


def _these_nodes(
    id: str, pruned: PrunedRNN, lam: float, N: float, log_alpha: float, radii: Radii
) -> Condition:
    """Whether the network at hand has the residuals, the norm and the class that were promised."""
    from bounds.approximation.a_priori import log_loss_factor

    full, margin = pruned.original, 1 - 1e-9
    frobenius = id == "theorem.degrees_of_freedom"

    def within(loss: float, W: np.ndarray) -> bool:
        log_z = log_loss_factor(W, N) if frobenius else log_up(matrix_norm(W, "spectral"))
        factor = RESIDUAL_FACTOR[id] * lam * (1 if frobenius else N) * margin
        if loss == 0 or not loss < math.inf or not factor > 0:
            return loss == 0  # a loss that floats cannot tell is within nothing
        return math.log(loss) <= math.log(factor) + 2 * log_z

    size = matrix_norm(pruned.reconstruction, "spectral")
    checks = {
        "||W_o r||^2": within(pruned.losses["output"], full.w_output),
        "||W_h[J,:] r||^2": within(pruned.losses["recurrent"], full.w_hidden),
        "||A||": log_up(size) <= log_alpha - 1e-9,
        "the radii": radii.contain(pruned.pruned),
    }
    missing = [name for name, holds in checks.items() if not holds]
    detail = "not as promised: " + ", ".join(missing) if missing else "residuals and norm are met"
    return Condition("the nodes at hand", not missing, f"For the nodes at hand: {detail}.")


def _scaled(radii: Radii, log_alpha: float) -> Radii:
    """R_h alpha and R_o alpha; alpha beyond floats is refused by `Radii`."""
    return replace(radii.scaled(exp_up(log_alpha), ("hidden", "output")), norm=radii.norm)
