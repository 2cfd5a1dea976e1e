"""What the length of its code certifies of a user's network as it stands; nothing is trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from pruning.rnn import RNN
from validation.data.dataset import Dataset
from validation.output.schema import Facts

if TYPE_CHECKING:
    from validation.certifying.side_by_side import Route

WORK = 4e10  # products of all sequences; ten seconds on one core
DRAWS = 500


@dataclass(frozen=True)
class Described:
    """A network as integers, written as a code.

    Attributes
    ----------
    n : int
        Training sequences.
    delta : float
    common : float
        The share of errors on them of naming the commonest class.
    errors, bits : int or None
        Errors of the decoded network on these sequences, and the length of its code; None where
        `reason` says why there is none.
    bound : float
        `occam.binomial`, rounded up; 1 where nothing was found.
    reason : str
    which : str
        Which network that is.
    routes : tuple of Route
        What every route says of it.
    """

    n: int
    delta: float
    common: float
    errors: int | None = None
    bits: int | None = None
    bound: float = 1.0
    reason: str = ""
    which: str = "the whole network"
    routes: tuple[Route, ...] = ()

    def to_json(self) -> Facts:
        """Plain values."""
        return asdict(self)

    def sentence(self) -> str:
        """What the page says."""
        if self.errors is None or self.bits is None:
            return f"The length of a code certifies nothing of {self.which}: {self.reason}."
        worth = (
            " That is no better than always naming the commonest class."
            if self.bound >= self.common
            else ""
        )
        return (
            f"Rounded as it stands and written in {self.bits:,} bits, {self.which} is wrong "
            f"on {self.errors:,} of {self.n:,} training sequences. So its error on new ones is at "
            f"most {self.bound:.6f} (occam.binomial, δ = {self.delta:g}), if the sequences are "
            f"independent and identically distributed, whatever was tried to find it.{worth}"
        )


def described(
    rnn: RNN, data: Dataset, delta: float, which: str = "the whole network"
) -> Described | None:
    """Round a network, encode it, and bound its error; None where a sequence has no single label.

    Parameters
    ----------
    rnn : RNN
    data : Dataset
        Its training sequences are the sample.
    delta : float
        Failure probability, in (0, 1).
    which : str
        What the report calls it.
    """
    if data.x.ndim != 3 or data.every_step:
        return None
    common = 1 - int(np.bincount(data.y).max()) / data.n
    nothing = Described(data.n, delta, common, which=which)
    if rnn.activation.name != "relu":
        return replace(
            nothing,
            reason=f"the language of certificates has no {rnn.activation.name} nodes; with "
            "--epochs it is trained until it does without",
        )
    if data.n * data.T * rnn.m * (rnn.m + rnn.d_x) > WORK:
        return replace(nothing, reason="it was not tried, as it would take more than ten seconds")
    from validation.certifying.network import Form
    from validation.certifying.own_network import exponent_of, own_network, searched_steps
    from validation.certifying.pipeline import input_exponent, produce
    from validation.certifying.quantised_training import Training
    from validation.certifying.recipes import Recipe
    from validation.certifying.side_by_side import routes_of
    from validation.certifying.tasks import FLOAT_CAP, Task, rounded

    try:
        form = Form(exponent=exponent_of(data.x, data.name))
        x = rounded(data.x, form.exponent)
        q = max(2, 1 + int(data.y.max()))
        tested = None if data.x_test is None else rounded(data.x_test, form.exponent)
        sample = Task("npz", x, data.y, tested, data.y_test, FLOAT_CAP, q, {})
        still = Training(epochs=0)
        chosen = Recipe("at hand", data.name, "npz", form, m=rnn.m, k=rnn.m, training=still)
        unit = input_exponent(chosen, sample)
        start = own_network(rnn, sample, form, unit)
        steps = searched_steps(start, sample, form, unit)
        chosen = replace(chosen, training=replace(still, steps=steps))
        found = produce(chosen, sample, start=start, delta=Decimal(repr(delta)))
    except ValueError as error:  # what the language cannot express
        return replace(nothing, reason=str(error))
    beside = tuple(routes_of(found, draws=DRAWS))
    return replace(
        nothing,
        errors=found.errors,
        bits=len(found.code),
        bound=float(found.bound),
        routes=beside,
    )
