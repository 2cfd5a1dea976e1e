"""`others.parameter_count`: the explicit-constant bound by the number of parameters, unpruned."""

from __future__ import annotations

from dataclasses import replace

from bounds.assembly import Setting, assemble, common_conditions, inputs_bounded, loss_class
from bounds.problem import Problem
from bounds.terms import FIXED_RADII, VALID, Bound, Condition, violated


def parameter_count(
    problem: Problem,
    complexity: str = "net_kl",
    *,
    split: str = "minimising",
    eps: float | tuple[float, ...] = Setting.eps,
) -> Bound:
    """The bound of sections 4 to 6 for the class of the network itself.

    Parameters
    ----------
    problem : Problem
        Where nothing was pruned, all parameters of the m-node network count.
    complexity : str
        ``dudley``, ``chain``, ``net``, ``net_chain`` or ``net_kl``.
    split, eps
        See `bounds.assembly.Setting`.

    Notes
    -----
    Source: theory, sections 4 to 6 and 9. T enters inside the logarithm of the cover, so that the
    bound grows like sqrt(T) where rho R_h > 1.
    """
    rnn, radii = problem.rnn, problem.measured
    setting = problem.setting(complexity=complexity, split=split, eps=eps)
    members = loss_class(setting, radii, rnn.m, rnn.d_x, rnn.d_y, rnn.activation)
    inside = radii.contain(rnn)
    conditions = [
        *common_conditions(setting, members, rnn.activation),
        Condition("f in the class", inside, "The norms of the weights against the radii."),
    ]
    label = VALID if radii.fixed and inputs_bounded(setting, members) else FIXED_RADII
    if not inside:
        label = violated("f in the class of its radii")
    id = f"others.parameter_count.{complexity}"
    bound = assemble(id, setting, members, None, label, conditions)
    parameters = sum(weight.size for weight in rnn.weights.values())
    return replace(bound, notes=(*bound.notes, f"{parameters} parameters."))
