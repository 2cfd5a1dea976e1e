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
from bounds.rounding import raised
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
    **options: Any,
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
    options
        The other fields of `Setting`: delta, loss, gamma, label_bound, complexity, split, eps.
    """
    choice("theorem", theorem, THEOREMS)
    choice("targets", targets, ("last", "every"))
    checked = pruned.original.check_input(x)
    n, T = checked.shape[:2]
    if targets == "last" and weights is not None:
        raise ValueError("weights must not be given with targets 'last', which has its own")
    w = time_weights("last" if targets == "last" else "mean" if weights is None else weights, T)
    by_nodes = theorem in BY_NODES
    network = pruned.original if by_nodes or approximation is not None else pruned.pruned
    gamma = options.get("gamma", Setting.gamma)
    loss = empirical_loss(network, checked, y, options.get("loss", Setting.loss), w, gamma)
    setting = Setting(n, T, loss, weights=w, **options)
    largest = largest_input(checked)
    if radii is None:
        r_x = largest if input_bound is None else input_bound
        of = pruned.original if by_nodes else pruned.pruned
        radii = Radii.of(of, r_x, norm, data_fixed=input_bound is not None)
    if largest > raised(radii.data, 512):  # not by the rounding of the norms alone
        name = "input_bound" if input_bound is not None else "the radius of the inputs"
        raise ValueError(
            f"{name} must be at least every ||x_t||, got {radii.data!r} and {largest!r}"
        )
    error = None
    if not by_nodes and approximation is not None:
        error = _distance(pruned, checked, w, approximation)
    return theorem_bound(theorem, pruned, setting, radii, error, lam=lam)


def theorem_bound(
    theorem: str,
    pruned: PrunedRNN,
    setting: Setting,
    radii: Radii,
    approximation: Bound | None = None,
    *,
    lam: float | None = None,
) -> Bound:
    """The bound of a theorem of section 7, by its name, for a setting that is already there.

    Parameters
    ----------
    theorem : str
        One of `THEOREMS`; the same names wherever a parameter is called so.
    pruned, setting
        As for `fixed_nodes_bound`.
    radii : Radii
        As for the theorem: of the large network for `BY_NODES`. Of those given to ``stratified``
        only the radius of the inputs is read.
    approximation : Bound or None
        As for `fixed_nodes_bound`; those of `BY_NODES` have their own.
    lam : float, optional
        For those of `BY_NODES`.
    """
    choice("theorem", theorem, THEOREMS)
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


def empirical_loss(
    rnn: Any,
    x: ArrayLike,
    y: ArrayLike,
    loss: str,
    weights: ArrayLike,
    gamma: float = Setting.gamma,
) -> float:
    """Psi^, the mean over the sample of sum_t w_t psi(y_t, f_t), rounded up.

    Parameters
    ----------
    rnn : RNN
        The network.
    x, y : array
        Inputs and targets; targets of the last step where the weights are those of the last step.
    loss : str
        A name of `pruning.losses.loss_values`.
    weights : (T,) array
        Time weights.
    gamma : float
        Margin of the ramp.
    """
    from pruning.losses import loss_values

    positive("gamma", gamma)
    x, y = rnn.check_input(x), np.asarray(y)
    w = np.asarray(weights, dtype=np.float64)
    if len(w) == 1 and y.ndim == (3 if loss == "squared" else 2):
        y = y[:, 0]  # of one step every one is the last
    last_only = w[-1] == 1
    total = []
    start = 0
    for h in rnn.state_batches(x):
        targets = y[start : start + len(h)]
        start += len(h)
        h = h[:, -1] if last_only else h
        values = loss_values(loss, h @ rnn.w_output.T + rnn.b_output, targets, gamma)
        total.append(values if last_only else values @ w)
    losses = np.concatenate(total)
    if len(y) != len(losses):
        raise ValueError(f"y must have one target a sequence, {len(losses)}, got {len(y)}")
    return raised(float(losses.mean()), 128)


def largest_input(x: Any) -> float:
    """The largest ||x_t|| of a sample, rounded up; tokens stand for one-hot vectors."""
    if x.ndim == 2:
        return 1.0
    exponent = int(np.frexp(np.abs(x).max(initial=0.0))[1])
    if abs(exponent) > 400:  # squares would leave the range of floats: 0 is no upper end
        with np.errstate(over="ignore"):
            return float(np.ldexp(largest_input(np.ldexp(x, -exponent)), exponent))
    return raised(float(np.sqrt(np.square(x).sum(axis=-1).max())), 128)


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
