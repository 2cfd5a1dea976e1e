"""Every route to a number for one network, beside each other, each with what it assumes.

What a route cannot say of the network at hand it says so, and why; nothing is left out silently.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bounds.others.pac_bayes_kl import pac_bayes_kl
from bounds.others.pick_to_learn import compression_risk
from bounds.problem import Problem
from bounds.rounding import raised
from bounds.routes import code_bound, held_out_bound, routes
from bounds.terms import Bound
from pruning.activations import activation
from pruning.rnn import RNN
from validation.certifying.language import bits_of_form
from validation.certifying.network import IntegerNetwork
from validation.certifying.pipeline import Certified
from validation.certifying.text import CertifiedText, bits_of_losses
from validation.output.schema import Record

DRAWS = 2000
_WORK = 5e11  # products of all draws; about a minute on one core
_SPLIT = "it needs a network that was learned from one part of the sequences alone"
_PICKED = "it needs a network that a pick-to-learn loop learned"
_TEST = "no sequences were held out"
_ORDER = (
    "occam.binomial",
    "occam.kl",
    "others.pac_bayes_kl",
    "others.pick_to_learn",
    "split.binomial",
    "others.test_set_binomial",
)


@dataclass(frozen=True)
class Route:
    """What one route says.

    Attributes
    ----------
    id : str
        Of the statement in the catalogue.
    value : float or None
        The bound, rounded up; None where there is none.
    assumes : str
        Its hypotheses, short; where there is no value why not.
    of : str
        Which network it is about.
    """

    id: str
    value: float | None
    assumes: str
    of: str = "this network"

    def to_json(self) -> Record:
        """Plain values."""
        return asdict(self)


def routes_of(
    found: Certified,
    *,
    split: tuple[int, int] | None = None,
    picked: int | None = None,
    draws: int = DRAWS,
    identity: bool = False,
) -> list[Route]:
    """Return all routes for a certified network.

    Parameters
    ----------
    found : Certified
    split : tuple (errors, held out), optional
        Of a network like it that was learned without the sequences held out.
    picked : int, optional
        From so many sequences a pick-to-learn loop learned a network like it.
    draws : int
        Networks that are drawn for PAC-Bayes; 0 leaves that out.
    identity : bool
        Whether the prior of PAC-Bayes is centred at W_h = I, which must be fixed before the data
        are seen, and not at 0.
    """
    n, delta, test = found.task.n, float(found.delta), found.test_errors()
    known = {b.id: _route(b) for b in routes(n, found.errors, len(found.code), delta, test=test)}
    known["others.pac_bayes_kl"] = randomised(found, draws, identity)
    if split is not None:
        bound = held_out_bound("split.binomial", *split, delta)
        known[bound.id] = _route(bound, "a network like it, learned from the rest")
    if picked is not None:
        assumes = f"i.i.d. sequences; preferent compression to {picked} sequences"
        known["others.pick_to_learn"] = Route(
            "others.pick_to_learn",
            compression_risk(picked, n, delta),
            assumes,
            "a network of floats, learned by the loop",
        )
    missing = {
        "split.binomial": _SPLIT,
        "others.pick_to_learn": _PICKED,
        "others.test_set_binomial": _TEST,
    }
    return [known.get(id) or Route(id, None, missing[id]) for id in _ORDER]


def randomised(found: Certified, draws: int, identity: bool = False) -> Route:
    """Return what PAC-Bayes says of networks drawn around the decoded one.

    Parameters
    ----------
    found : Certified
    draws, identity
        See `routes_of`.
    """
    id, network = "others.pac_bayes_kl", found.network
    if network.two_sided or network.gated:
        return Route(id, None, "networks drawn around it are not those of floats: clipped or gated")
    x = network.images_form().sequences(found.task.images)
    work = draws * 8 * x.shape[1] * network.k * (network.k + x.shape[2])
    if not draws or work > _WORK:
        return Route(id, None, "it was not tried, as drawing would take minutes")
    rnn = floats(network)
    centre = None
    if identity:
        zeros = {b: np.zeros_like(w) for b, w in rnn.weights.items()}
        centre = RNN(**{**zeros, "w_hidden": np.eye(rnn.m)}, activation=rnn.activation)
    # What was chosen beside the weights: how data become sequences, three of the network's kinds.
    price = (bits_of_form(network.images_form(), found.task.name) + 3) * math.log(2)
    problem = Problem(
        rnn,
        x.astype(np.float64),
        found.task.labels,
        delta=float(found.delta),
        log_price=raised(price),
    )
    bound = pac_bayes_kl(problem, prior=centre, draws=draws, rng=0)
    return _route(bound, "networks drawn around it, one anew for each sequence")


def floats(network: IntegerNetwork) -> RNN:
    """Return the network with weights as floats, its states not rounded, nor clipped above."""
    e = {"w_output": 0, **network.exponents}
    weights = {b: np.ldexp(w.astype(np.float64), e[b]) for b, w in network.integers.items()}
    return RNN(**weights, activation=activation("relu"))


def routes_of_text(found: CertifiedText, text: Any, *, split: float | None = None) -> list[Route]:
    """Return all routes for a language model.

    Parameters
    ----------
    found : CertifiedText
    text : (N,) uint8 array
        The text that it was certified on.
    split : float, optional
        The bound of a model that was learned from the first half of the text, on the second.
    """
    from bounds.martingales import text_bound
    from validation.certifying.network import TextForm

    form = found.network.form
    assert isinstance(form, TextForm)
    assumes = "nothing about the text; prefix-free code; reads the past only"
    known = [Route("martingale.betting", float(found.bound), assumes)]
    losses = np.minimum(bits_of_losses(found.network, text), 8.0 + form.smoothing)
    for kind, more in (("bernstein", ""), ("azuma", "; n fixed in advance")):
        bound = text_bound(
            losses,
            8.0 + form.smoothing,
            bits=len(found.code),
            delta=float(found.delta),
            form=kind,
        )
        known.append(Route(f"martingale.{kind}", bound.total, assumes + more))
    iid = "its hypothesis, independent sequences, does not hold for the bytes of one text"
    known += [Route(id, None, iid) for id in _ORDER[:4]]
    if split is None:
        known.append(Route("split.martingale", None, _SPLIT.replace("the sequences", "the text")))
    else:
        what = "nothing about the text; the model was learned from its first half"
        known.append(Route("split.martingale", split, what, "a model like it, on the second half"))
    return known


def code_routes(n: int, errors: int, bits: int, delta: float) -> list[Route]:
    """Return the routes that need counts alone, `occam.binomial` and `occam.kl`."""
    return [_route(code_bound(id, n, errors, bits, delta)) for id in _ORDER[:2]]


def lines(found: Iterable[Route], unit: str = "%") -> list[str]:
    """Return a table as text: one line a route, what it says, of what, and what it assumes."""
    rows = list(found)
    width = max(len(route.id) for route in rows)
    shown = []
    for route in rows:
        if route.value is None:
            shown.append(f"{route.id:{width}}  {'-':>9}  not evaluated: {route.assumes}")
            continue
        value = _up(100 * route.value, 4) + " %" if unit == "%" else _up(route.value, 6)
        about = "" if route.of == "this network" else f" (of {route.of})"
        shown.append(f"{route.id:{width}}  {value:>9}  assumes {route.assumes}{about}")
    return shown


def _route(bound: Bound, of: str = "this network") -> Route:
    assumes = "; ".join(condition.name for condition in bound.conditions)
    value = math.inf if bound.total is None else bound.total
    return Route(bound.id, min(1.0, value), assumes, of)


def _up(value: float, digits: int) -> str:
    from decimal import ROUND_CEILING, Decimal

    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_CEILING))
