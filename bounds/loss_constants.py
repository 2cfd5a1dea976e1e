r"""Lipschitz constants and ranges of the losses (theory, section 4, `lipschitz.loss`)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bounds.rounding import Upward
from pruning.checks import choice, integer, nonnegative, positive

LOSSES = ("margin_ramp", "cross_entropy", "squared", "absolute")


@dataclass(frozen=True)
class LossConstants:
    """What the bounds need of a loss psi(y, f).

    Attributes
    ----------
    name : str
        One of `LOSSES`.
    lipschitz : Upward
        rho_psi in ||.||_2 of the prediction f.
    range : Upward
        B: the losses of the class lie in [0, B].
    formula : str
        LaTeX of rho_psi.
    needs_outputs : bool
        Whether rho_psi or B was derived from a bound R_f on ||f||, hence from R_x.
    gamma : float or None
        The margin of the ramp.
    """

    name: str
    lipschitz: Upward
    range: Upward
    formula: str
    needs_outputs: bool
    gamma: float | None = None


def loss_constants(
    name: str = "margin_ramp",
    *,
    d_y: int,
    gamma: float | None = None,
    output: Upward | float | None = None,
    label: float | None = None,
    norm: str = "sum",
) -> LossConstants:
    """Return rho_psi and B of a loss.

    margin_ramp at gamma: sqrt(2)/gamma (1/gamma for the scalar margin y f, d_y = 1), B = 1.
    cross_entropy: sqrt(2), B = log d_y + sqrt(2) R_f. squared, (1/2)||y - f||^2: R_y + R_f,
    B = (R_y + R_f)^2/2. absolute: sqrt(d_y) for the sum of absolute values, 1 for ||y - f||_2,
    B = rho_psi (R_y + R_f).

    Parameters
    ----------
    name : str
        One of `LOSSES`.
    d_y : int
        Dimension of a prediction, at least 1.
    gamma : float
        Margin of the ramp, positive; fixed in advance.
    output : Upward or float
        R_f, a bound on ||f_t|| for every t over the class of f' (`lipschitz.output_bound`);
        needed by all but the ramp. The large network need not obey it.
    label : float
        R_y, a bound on ||y_t||; needed by squared and absolute.
    norm : str
        For absolute: ``sum`` or ``euclidean``.

    Examples
    --------
    >>> import math
    >>> from rnnbounds import loss_constants
    >>> ramp = loss_constants("margin_ramp", d_y=10, gamma=0.5)
    >>> round(math.exp(ramp.lipschitz.log()), 6), ramp.range.log()
    (2.828427, 0.0)
    """
    choice("loss", name, LOSSES)
    integer("d_y", d_y, 1)
    if name == "margin_ramp":
        gamma = positive("gamma", gamma)
        lipschitz = (Upward(1) if d_y == 1 else Upward(2).sqrt()) / gamma
        formula = r"1/\gamma" if d_y == 1 else r"\sqrt{2}/\gamma"
        return LossConstants(name, lipschitz, Upward(1), formula, False, gamma)
    if output is None:
        raise ValueError(f"output must bound the predictions for the loss {name}, got None")
    bound = output if isinstance(output, Upward) else Upward(nonnegative("output", output))
    if name == "cross_entropy":
        # A float logarithm is off by less than one unit in the last place.
        entropy = Upward(math.nextafter(math.log(d_y), math.inf) if d_y > 1 else 0)
        root = Upward(2).sqrt()
        return LossConstants(name, root, entropy + root * bound, r"\sqrt{2}", True)
    reach = bound + Upward(bound_on_labels("label", name, label))
    if name == "squared":
        return LossConstants(name, reach, reach * reach * 0.5, "R_y + R_f", True)
    choice("norm", norm, ("sum", "euclidean"))
    lipschitz = Upward(d_y).sqrt() if norm == "sum" else Upward(1)
    formula = r"\sqrt{d_y}" if norm == "sum" else "1"
    return LossConstants(name, lipschitz, lipschitz * reach, formula, True)


def bound_on_labels(argument: str, loss: str, value: float | None) -> float:
    """Return R_y, which the squared and the absolute loss need.

    Raises
    ------
    ValueError
        With the name of the argument, if there is none, or it is negative or no number.
    """
    if value is None:
        raise ValueError(f"{argument} must bound ||y_t|| for the loss {loss}, got None")
    return nonnegative(argument, value)


def check_loss(loss: str, label_bound: float | None) -> None:
    """Refuse a loss that is none, and one without the bound on the labels that it needs."""
    needed = choice("loss", loss, LOSSES) in ("squared", "absolute")
    if needed or label_bound is not None:
        bound_on_labels("label_bound", loss, label_bound)
