r"""The generalization bounds of a pruned RNN, term by term (theory, section 7).

Psi(f') <= Psi^(f^) + rho_psi ||f^ - f'||_{n,w} + complexity + confidence, for a class F(k; R) whose
k and radii were fixed before the data were seen, or paid for. The label of a bound says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

import numpy as np
from numpy.typing import ArrayLike

from bounds.assembly import Setting, assemble, common_conditions, inputs_bounded, loss_class
from bounds.formerly import fixed_nodes, formerly
from bounds.lipschitz import Radii
from bounds.problem import Complexity, Problem, StatedProblem, check_network, setting_of
from bounds.terms import FIXED_RADII, VALID, Bound, Condition, violated
from pruning.checks import Array, Inputs, choice, positive, time_weights

if TYPE_CHECKING:
    from pruning.pruned_rnn import PrunedRNN

BY_NODES = ("degrees_of_freedom", "determinantal")
"""The theorems for some set of k nodes, whose error they bound themselves."""
THEOREMS = ("fixed_nodes", *BY_NODES, "stratified")
"""What a parameter `theorem` can be."""


def generalization_bound(
    pruned: PrunedRNN,
    x: ArrayLike,
    y: ArrayLike,
    theorem: str = "fixed_nodes",
    *,
    targets: str = "last",
    weights: ArrayLike | None = None,
    radii: Radii | None = None,
    input_bound: float | None = None,
    norm: str = "spectral",
    approximation: str | None = "best",
    lam: float | None = None,
    gamma: float = Problem.gamma,
    delta: float = Problem.delta,
    loss: str = Problem.loss,
    label_bound: float | None = Problem.label_bound,
    log_price: float = Problem.log_price,
    complexity: str = Setting.complexity,
    split: str = Setting.split,
    eps: float | tuple[float, ...] = Setting.eps,
) -> Bound:
    """The bound of a theorem of section 7 for a pruned network and its training sample.

    Parameters
    ----------
    pruned : PrunedRNN
        Both networks.
    x : (n, T, d_x) floats or (n, T) integer tokens
        The training inputs.
    y : array
        Targets, as `pruning.losses.loss_values` reads them: of the last step, (n,) or (n, d_y), or
        with ``targets="every"`` of every step, (n, T) or (n, T, d_y).
    theorem : str
        ``fixed_nodes``, ``degrees_of_freedom``, ``determinantal`` or ``stratified``.
    targets : str
        ``last`` or ``every``.
    weights : (T,) array, optional
        Time weights where the targets are of every step; 1/T by default.
    radii : Radii, optional
        Of the class; for ``degrees_of_freedom`` and ``determinantal`` that of the large network,
        from which those of the small one follow. Measured where not given, and labelled so.
        ``stratified`` measures them, and pays.
    input_bound : float, optional
        R_x >= ||x_t|| almost surely, known in advance. Without it R_x is the largest of the sample.
    norm : str
        ``spectral`` or ``frobenius``, for measured radii.
    approximation : str or None
        Method of `approximation_bound`, for ``fixed_nodes`` and ``stratified``. None: Psi^ is that
        of the compressed network, and there is no error to bound.
    lam : float, optional
        For ``degrees_of_freedom`` and ``determinantal``; by default the smallest that k allows.
    gamma, delta, loss, label_bound, log_price, complexity, split, eps
        The other fields of `Setting`.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import generalization_bound, initial_rnn, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> pruned = spectral_prune(rnn, x, 3)
    >>> bound = generalization_bound(pruned, x, y, input_bound=2**0.5, approximation="weighted")
    >>> [term.name for term in bound.terms]
    ['empirical loss', 'approximation', 'complexity', 'confidence']
    """
    choice("theorem", theorem, THEOREMS)
    by_nodes = theorem in BY_NODES
    problem = Problem(
        pruned.original if by_nodes else pruned.pruned,
        x,
        y,
        gamma=gamma,
        delta=delta,
        radii=radii,
        input_bound=input_bound,
        log_price=log_price,
        targets=targets,
        weights=weights,
        loss=loss,
        label_bound=label_bound,
        norm=norm,
    )
    error = None
    if not by_nodes and approximation is not None:
        w = time_weights(problem.time_weights, problem.T)
        error = _distance(pruned, problem.x, w, approximation)
    return theorem_bound(
        theorem, pruned, problem, error, lam=lam, complexity=complexity, split=split, eps=eps
    )


def theorem_bound(
    theorem: str,
    pruned: PrunedRNN,
    problem: Problem | StatedProblem,
    approximation: Bound | None = None,
    *,
    whole: Problem | StatedProblem | None = None,
    lam: float | None = None,
    **how: Unpack[Complexity],
) -> Bound:
    """The bound of a theorem of section 7, by its name, for a sample that is already measured.

    Parameters
    ----------
    theorem : str
        One of `THEOREMS`; the same names wherever a parameter is called so.
    pruned : PrunedRNN
        Both networks.
    problem : Problem or StatedProblem
        The sample, and the network whose class is meant: the large one for `BY_NODES`, else the
        compressed one. Of the radii given to ``stratified`` only that of the inputs is read.
    approximation : Bound or None
        As for `fixed_nodes_bound`; those of `BY_NODES` have their own.
    whole : Problem or StatedProblem, optional
        The sample with the large network, where that has been measured already: its loss is the
        empirical one wherever there is an approximation error.
    lam : float, optional
        For those of `BY_NODES`.
    **how
        `complexity`, `split` and `eps` of `Setting`.
    """
    choice("theorem", theorem, THEOREMS)
    if theorem not in BY_NODES:
        from bounds.stratified import stratified_bound

        bound = fixed_nodes_bound if theorem == "fixed_nodes" else stratified_bound
        return bound(pruned, problem, approximation, whole=whole, **how)
    from bounds.node_theorems import degrees_of_freedom_bound, determinantal_bound

    if whole is not None:
        check_network(whole, pruned.original, "whole", "large", theorem)
    e = pruned.exponent
    if lam is not None and e:
        lam = float(np.ldexp(positive("lam", lam), -2 * e))
    by_nodes = degrees_of_freedom_bound if theorem == "degrees_of_freedom" else determinantal_bound
    k = len(pruned.nodes)
    return by_nodes(problem, pruned.covariance, k, lam=lam, pruned=pruned, exponent=e, **how)


@formerly(fixed_nodes)
def fixed_nodes_bound(
    pruned: PrunedRNN,
    problem: Problem | StatedProblem,
    approximation: Bound | None = None,
    *,
    whole: Problem | StatedProblem | None = None,
    **how: Unpack[Complexity],
) -> Bound:
    """The bound of `theorem.fixed_nodes` for a pruned network.

    Parameters
    ----------
    pruned : PrunedRNN
        The pair of networks; the compressed one has k nodes.
    problem : Problem or StatedProblem
        Of the compressed network f', with the radii of the class that f' must lie in.
    approximation : Bound or None
        A bound on ||f^ - f'||_{n,w} on the sample, for the weights w of the problem, as from
        `approximation_bound`; the empirical loss is then Psi^(f^). None: it is Psi^(f').
    whole : Problem or StatedProblem, optional
        The sample with the large network f^, where that has been measured already.
    **how
        `complexity`, `split` and `eps` of `Setting`.

    Returns
    -------
    Bound
        Terms ``empirical loss``, ``approximation``, ``complexity`` and ``confidence``.

    Notes
    -----
    Source: F22 (reconstructed), theory, section 7. Free to depend on the data: J, A, lam, tau,
    theta, the eps of a net, the split, D and the lower limit of Dudley's integral.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import Problem, fixed_nodes_bound, initial_rnn, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> y = (x.sum(axis=(1, 2)) > 0).astype(int)
    >>> pruned = spectral_prune(rnn, x, 3)
    >>> bound = fixed_nodes_bound(pruned, Problem(pruned.pruned, x, y, input_bound=2**0.5))
    >>> [term.name for term in bound.terms]
    ['empirical loss', 'approximation', 'complexity', 'confidence']
    >>> str(bound.label)
    'valid if the radii were fixed in advance'
    """
    setting = setting_of("fixed_nodes", pruned, problem, approximation, whole, how)
    small, radii = pruned.pruned, problem.measured
    members = loss_class(setting, radii, small.m, small.d_x, small.d_y, small.activation)
    conditions = [
        *common_conditions(setting, members, small.activation),
        Condition(
            "f' in the class",
            radii.contain(small),
            "The norms of the compressed weights are "
            + ("within the radii." if radii.contain(small) else "not all within the radii."),
        ),
    ]
    label = VALID if radii.fixed and inputs_bounded(setting, members) else FIXED_RADII
    if approximation is not None:
        conditions += approximation.conditions
        if approximation.label != VALID:
            label = approximation.label
    if not radii.contain(small):
        label = violated("f' in the class F(k; R)")
    return assemble("theorem.fixed_nodes", setting, members, approximation, label, conditions)


def _distance(pruned: PrunedRNN, x: Inputs, w: Array, method: str) -> Bound:
    from bounds.approximation import approximation_bound, general_bound
    from bounds.approximation.general import keeps_reconstruction
    from pruning.covariance import StateCovariance

    if not keeps_reconstruction(pruned):
        # Section 3 speaks of reconstructions only; the theorem holds for whatever f' there is.
        return general_bound(pruned, x, "best", w)
    even = bool((w == w[0]).all())
    per_step = None
    if not even:
        per_step = StateCovariance.from_network(pruned.original, x, per_step=True).per_step
    return approximation_bound(
        pruned, x.shape[1], method, weights=None if even else w, per_step=per_step
    )
