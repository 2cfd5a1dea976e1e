r"""The generalization bounds of a pruned RNN, term by term (theory, section 7).

Psi(f') <= Psi^(f^) + rho_psi ||f^ - f'||_{n,w} + complexity + confidence, for a class F(k; R) whose
k and radii were fixed before the data were seen, or paid for. The label of a bound says which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bounds.assembly import Setting, assemble, common_conditions, inputs_bounded, loss_class
from bounds.lipschitz import Radii
from bounds.problem import Problem
from bounds.terms import FIXED_RADII, VALID, Bound, Condition, violated
from pruning.checks import choice, positive, time_weights

if TYPE_CHECKING:
    from pruning.spectral import PrunedRNN

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
    problem: Problem,
    approximation: Bound | None = None,
    *,
    whole: Problem | None = None,
    lam: float | None = None,
    complexity: str = Setting.complexity,
    split: str = Setting.split,
    eps: float | tuple[float, ...] = Setting.eps,
) -> Bound:
    """The bound of a theorem of section 7, by its name, for a sample that is already measured.

    Parameters
    ----------
    theorem : str
        One of `THEOREMS`; the same names wherever a parameter is called so.
    pruned : PrunedRNN
        Both networks.
    problem : Problem
        The sample, and the network whose class is meant: the large one for `BY_NODES`, else the
        compressed one. Of the radii given to ``stratified`` only that of the inputs is read.
    approximation : Bound or None
        As for `fixed_nodes_bound`; those of `BY_NODES` have their own.
    whole : Problem, optional
        The sample with the large network, where that has been measured already: its loss is the
        empirical one of `BY_NODES`, and wherever there is an approximation error.
    lam : float, optional
        For those of `BY_NODES`.
    complexity, split, eps
        See `Setting`.
    """
    choice("theorem", theorem, THEOREMS)
    by_nodes = theorem in BY_NODES
    of, name = (pruned.original, "large") if by_nodes else (pruned.pruned, "compressed")
    if problem.rnn is not of:
        raise ValueError(f"problem must be of the {name} network for {theorem}, got another one")
    through = by_nodes or approximation is not None
    if whole is None:
        whole = problem.of(pruned.original) if through and not by_nodes else problem
    if through and whole.rnn is not pruned.original:
        raise ValueError("whole must be of the large network, got another one")
    source = whole if through else problem
    setting = source.setting(complexity, split=split, eps=eps)
    return _by_name(theorem, pruned, setting, problem.measured, approximation, lam)


def _by_name(
    theorem: str,
    pruned: PrunedRNN,
    setting: Setting,
    radii: Radii,
    approximation: Bound | None,
    lam: float | None,
) -> Bound:
    if theorem == "fixed_nodes":
        return fixed_nodes_bound(pruned, setting, radii, approximation)
    if theorem == "stratified":
        from bounds.stratified import stratified_bound

        return stratified_bound(
            pruned, setting, approximation, radii.data, data_fixed=radii.data_fixed
        )
    from bounds import node_theorems

    bound = (
        node_theorems.degrees_of_freedom_bound
        if theorem == "degrees_of_freedom"
        else node_theorems.determinantal_bound
    )
    S, k, e = pruned.covariance, len(pruned.nodes), pruned.exponent
    if lam is not None and e:
        lam = float(np.ldexp(positive("lam", lam), -2 * e))
    return bound(pruned.original, S, k, setting, radii, lam=lam, pruned=pruned, exponent=e)


def fixed_nodes_bound(
    pruned: PrunedRNN,
    setting: Setting,
    radii: Radii,
    approximation: Bound | None,
) -> Bound:
    """The bound of `theorem.fixed_nodes` for a pruned network.

    Parameters
    ----------
    pruned : PrunedRNN
        The pair of networks; the compressed one has k nodes.
    setting : Setting
        With the empirical loss Psi^(f^) of the large network; or, where `approximation` is None,
        Psi^(f') of the compressed one.
    radii : Radii
        Of the class that f' must lie in; `Radii.of(pruned.pruned, x_max)` are measured ones, which
        the label then says.
    approximation : Bound or None
        A bound on ||f^ - f'||_{n,w} on the sample, for the weights w of the setting, as from
        `approximation_bound`.

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
    >>> from rnnbounds import Radii, Setting, fixed_nodes_bound, initial_rnn, spectral_prune
    >>> rnn = initial_rnn(6, d_x=2, d_y=2, activation="tanh", rng=0)
    >>> x = np.random.default_rng(0).normal(size=(40, 5, 2)).clip(-1, 1)
    >>> setting = Setting(n=40, T=5, empirical_loss=0.5)
    >>> pruned = spectral_prune(rnn, x, 3)
    >>> radii = Radii.of(pruned.pruned, 2**0.5, data_fixed=True)
    >>> bound = fixed_nodes_bound(pruned, setting, radii, None)
    >>> [term.name for term in bound.terms]
    ['empirical loss', 'approximation', 'complexity', 'confidence']
    >>> str(bound.label)
    'valid if the radii were fixed in advance'
    """
    small = pruned.pruned
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


def _distance(pruned: PrunedRNN, x: Any, w: Any, method: str) -> Bound:
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
