r"""The parts that every generalization bound of section 7 of the theory is put together from.

A `Setting` (sample, loss, method), the loss class of F(k; R) with its constants, and the four terms
``empirical loss``, ``approximation``, ``complexity`` and ``confidence``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from bounds.covering import ClassCover, class_cover
from bounds.lipschitz import Radii, outputs, parameter_lipschitz
from bounds.loss_constants import LossConstants, check_loss, loss_constants
from bounds.rounding import Upward, add_up, exp_up, log_sum_up, log_up
from bounds.terms import IID, Bound, Condition, Label, Term
from bounds.uniform import METHODS, Deviation, deviation
from pruning.activations import Activation
from pruning.checks import Array, choice, integer, nonnegative, probability, time_weights

EMPIRICAL, APPROXIMATION = "empirical loss", "approximation"
COMPLEXITY, CONFIDENCE = "complexity", "confidence"


@dataclass(frozen=True)
class Setting:
    """What a uniform bound needs to know, apart from the class.

    Attributes
    ----------
    n : int
        Sequences in the sample.
    T : int
        Steps of a sequence.
    empirical_loss : float
        Psi^ of the network that `fixed_nodes_bound` says, on the sample.
    delta : float
        Failure probability, in (0, 1).
    weights : (T,) array, ``last`` or ``mean``
        Time weights of the loss.
    loss : str
        One of `bounds.loss_constants.LOSSES`.
    gamma : float
        Margin of the ramp, fixed in advance.
    label_bound : float or None
        R_y, for the squared and absolute losses.
    complexity : str
        ``dudley`` (published), ``chain``, ``net``, ``net_chain`` or ``net_kl``.
    split : str
        ``equal`` (published) or ``minimising``, of the cover over the blocks of weights.
    eps : float or tuple of float
        For ``net_kl``: fixed in advance; delta is shared among several.
    log_price : float
        Added to log(1/delta) for what was chosen on the data.

    Examples
    --------
    >>> from rnnbounds import Setting
    >>> setting = Setting(n=1000, T=8, empirical_loss=0.1)
    >>> setting.delta, setting.loss, setting.complexity
    (0.05, 'margin_ramp', 'dudley')
    """

    n: int
    T: int
    empirical_loss: float
    delta: float = 0.05
    weights: Any = "last"
    loss: str = "margin_ramp"
    gamma: float = 1.0
    label_bound: float | None = None
    complexity: str = "dudley"
    split: str = "equal"
    eps: float | tuple[float, ...] = tuple(2.0**-j for j in range(3, 9))
    log_price: float = 0.0

    def __post_init__(self) -> None:
        integer("n", self.n, 1)
        integer("T", self.T, 1)
        nonnegative("empirical_loss", self.empirical_loss)
        probability("delta", self.delta)
        time_weights(self.weights, self.T)
        choice("complexity", self.complexity, METHODS)
        nonnegative("log_price", self.log_price)
        check_loss(self.loss, self.label_bound)

    @property
    def w(self) -> Array:
        """Time weights, (T,)."""
        return time_weights(self.weights, self.T)

    @property
    def log_inv_delta(self) -> float:
        """log(1/delta) plus the price, rounded up."""
        return add_up(-math.log(self.delta), self.log_price)


@dataclass(frozen=True)
class LossClass:
    """The loss class of F(k; R): its constants, its cover and its diameter."""

    radii: Radii
    k: int
    loss: LossConstants
    cover: ClassCover
    log_diameter: float


def loss_class(
    setting: Setting, radii: Radii, k: int, d_x: int, d_y: int, s: str | Activation
) -> LossClass:
    """Return the loss class of F(k; R) for this setting.

    The diameter D is the smallest of B/2 (c = B/2), rho_psi sum_t w_t (R_o H_t + R_c) (c the loss
    of the prediction 0) and sum over blocks of R L (c the loss of the centre of the class).
    """
    reach = outputs(radii, setting.T, s, k)
    largest = reach[-1]  # R_o H_t + R_c never decreases in t
    loss = loss_constants(
        setting.loss,
        d_y=d_y,
        gamma=setting.gamma,
        output=largest,
        label=setting.label_bound,
    )
    spread = Upward(0)
    for weight, value in zip(setting.w, reach):
        spread = spread + value * float(weight)
    spread = spread * loss.lipschitz
    half = loss.range * 0.5
    cover = class_cover(
        radii,
        setting.T,
        s,
        k,
        d_x,
        d_y,
        weights=setting.weights,
        loss_lipschitz=loss.lipschitz,
        split=setting.split,
        constants=parameter_lipschitz(radii, setting.T, s, k),
    )
    from_centre = log_sum_up(cover.log_reach.tolist())
    log_diameter = min(half.log(), spread.log(), from_centre)
    return LossClass(radii, k, loss, cover, log_diameter)


def class_deviation(setting: Setting, members: LossClass, empirical: float) -> Deviation:
    """The gap between risk and empirical loss, uniform over the loss class."""
    return deviation(
        setting.complexity,
        members.cover,
        setting.n,
        members.loss.range.log(),
        setting.log_inv_delta,
        members.log_diameter,
        empirical=empirical,
        eps=setting.eps,
    )


def assemble(
    id: str,
    setting: Setting,
    members: LossClass,
    approximation: Bound | None,
    label: Label,
    conditions: list[Condition],
    notes: tuple[str, ...] = (),
) -> Bound:
    """Put the four terms together."""
    first = Term(
        EMPIRICAL,
        log_up(setting.empirical_loss),
        r"\hat\Psi(\hat f)" if approximation is not None else r"\hat\Psi(f')",
        "theory, section 6",
        {"n": setting.n, "loss": setting.loss},
    )
    second = approximation_term(members.loss, approximation)
    shifted = exp_up(log_sum_up([first.log_value, second.log_value]))
    gap = class_deviation(setting, members, shifted)
    inputs = {
        "k": members.k,
        "n": setting.n,
        "T": setting.T,
        "delta": setting.delta,
        "log price": setting.log_price,
        "cover": f"covering.class, {setting.split} split",
        "log B": members.loss.range.log(),
        "log D": _json(members.log_diameter),
        "log rho_psi": members.loss.lipschitz.log(),
        "log eps": list(gap.eps),
        "log R L": dict(zip(members.cover.names, members.cover.log_reach.tolist())),
    }
    terms = (
        first,
        second,
        Term(
            COMPLEXITY,
            gap.log_complexity,
            FORMULAS[setting.complexity][0],
            f"uniform.{setting.complexity}",
            inputs,
        ),
        Term(
            CONFIDENCE,
            gap.log_confidence,
            FORMULAS[setting.complexity][1],
            CONFIDENCE_SOURCE[setting.complexity],
            {"n": setting.n, "delta": setting.delta, "log price": setting.log_price},
        ),
    )
    # A total of B less rounding says as little as B.
    if log_sum_up(term.log_value for term in terms) >= members.loss.range.log() - 1e-9:
        notes += ("The total is not below B, the largest possible loss: the bound is vacuous.",)
    shown = [term.formula for term in terms if term is not second or approximation is not None]
    statement = r"\Psi(f') \le " + " + ".join(shown)
    return Bound(id, statement, terms, label, tuple(conditions), notes)


def approximation_term(loss: LossConstants, approximation: Bound | None) -> Term:
    """rho_psi times a bound on ||f^ - f'||_{n,w}, with that bound's own terms as parts."""
    if approximation is None:
        return Term(APPROXIMATION, -math.inf, "0", "the empirical loss is that of f' itself")
    log_rho = loss.lipschitz.log()
    parts = tuple(
        Term(
            part.name,
            add_up(log_rho, part.log_value),
            rf"\rho_\psi \cdot {part.formula}",
            part.source,
            part.inputs,
        )
        for part in approximation.terms
    )
    return Term(
        APPROXIMATION,
        log_sum_up(part.log_value for part in parts),
        r"\rho_\psi \|\hat f - f'\|_{n,w}",
        approximation.id,
        {"log rho_psi": log_rho, "rho_psi": loss.formula},
        parts,
    )


def common_conditions(
    setting: Setting, members: LossClass, activation: Activation, paid: str = ""
) -> list[Condition]:
    """The hypotheses shared by all of section 7; `paid` says how radii and k were paid for."""
    radii, s = members.radii, activation
    zero = "s(0) = 0." if s.at_zero == 0 else f"s(0) = {s.at_zero:g}; the shifted form is used."
    if radii.data_fixed:
        inputs = f"||x_t|| <= R_x = {radii.data:g} was declared to hold almost surely."
    else:
        inputs = f"R_x = {radii.data:g} is the largest ||x_t|| of the sample."
        if inputs_bounded(setting, members):
            inputs += " Only empirical complexity is bounded, so this is allowed."
    if radii.fixed:
        fixed = "The radii were declared to be fixed before the data were seen."
    else:
        fixed = "Measured radii were plugged into a theorem for radii fixed in advance."
    size = f"k = {members.k} must not have been chosen on the sample."
    conditions = [
        Condition("s(0) = 0, or the shifted form", True, zero),
        Condition("radii fixed in advance", radii.fixed or bool(paid), paid or fixed),
        Condition("||x_t|| <= R_x", inputs_bounded(setting, members), inputs),
        Condition("k fixed in advance", True if paid else None, paid or size),
        IID,
    ]
    if setting.loss == "margin_ramp":
        detail = f"gamma = {setting.gamma:g} must not have been chosen on the sample."
        conditions.append(Condition("gamma fixed in advance", None, detail))
    return conditions


def inputs_bounded(setting: Setting, members: LossClass) -> bool:
    """Whether R_x may stand where it does: almost surely, or for the sample alone."""
    empirical = setting.complexity in ("dudley", "chain") and not members.loss.needs_outputs
    return members.radii.data_fixed or empirical


def _json(log_value: float) -> float | None:
    return None if log_value == -math.inf else log_value


_NET_ROOT = r"B\sqrt{\frac{\log N(\epsilon) + \log(1/\delta)}{2n}}"
FORMULAS = {
    "dudley": (
        r"2 \min\Bigl(D, \inf_{a} 4a + \frac{12}{\sqrt n}"
        r"\int_a^{D/2} \sqrt{\log N(\epsilon)}\,d\epsilon\Bigr)",
        r"3B\sqrt{\frac{\log(2/\delta)}{2n}}",
    ),
    "chain": (
        r"2 \Bigl(\epsilon_L + \sum_{j} \epsilon_{j-1}\sqrt{\frac{2\log N(\epsilon_j)}{n}}\Bigr)",
        r"3B\sqrt{\frac{\log(2/\delta)}{2n}}",
    ),
    "net": (
        r"2\epsilon + B\sqrt{\frac{\log N(\epsilon)}{2n}}",
        _NET_ROOT + r" - B\sqrt{\frac{\log N(\epsilon)}{2n}}",
    ),
    "net_chain": (
        r"2\epsilon_L + \sum_j 2\epsilon_{j-1}\sqrt{\frac{\log N_j}{2n}}",
        r"\sum_j 2\epsilon_{j-1}\Bigl(\sqrt{\frac{\log N_j + \log(L/\delta)}{2n}}"
        r" - \sqrt{\frac{\log N_j}{2n}}\Bigr)",
    ),
    "net_kl": (
        r"\mathrm{kl}^{-1}\bigl(q + \epsilon; \tfrac{\log N(\epsilon)}{n}\bigr) + \epsilon - q",
        r"\mathrm{kl}^{-1}\bigl(q + \epsilon; \tfrac{\log N(\epsilon) + \log(1/\delta)}{n}\bigr)"
        r" - \mathrm{kl}^{-1}\bigl(q + \epsilon; \tfrac{\log N(\epsilon)}{n}\bigr)",
    ),
}
CONFIDENCE_SOURCE = {
    "dudley": "uniform.rademacher",
    "chain": "uniform.rademacher",
    "net": "uniform.net",
    "net_chain": "uniform.net_chain",
    "net_kl": "uniform.net_kl",
}
