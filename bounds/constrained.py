r"""A valid bound for a network trained inside a class fixed in advance (theory, section 6).

`ConstrainedClass` is F(k; R) cut down to what a training needs: weights in balls of given radii,
W_h block-diagonal, b_h fixed, b_o = 0, inputs that lie in a fixed subspace. Each of these lowers
the number of parameters that a cover pays for, and all but the count is as in sections 4 and 5:

* W_h block-diagonal: a ball of the spectral norm in a linear space of k^2/blocks dimensions, which
  `covering.ball` covers as it does any ball.
* b_h = bias * (1, .., 1): a ball of radius 0. Where no entry of b_h is 0 this fixes little but the
  scale of each node, which a positively homogeneous network does not determine.
* inputs in a subspace of dimension ``input_rank``: with V an orthonormal basis of it, W_i x =
  (W_i V) V^T x, so that the k x input_rank matrices W_i V, of norm at most R_i, name every
  function.
* b_o = 0, and margins do not see a vector common to all rows of W_o: with P = I - 11^T/d_y, the
  margins of P W_o h are those of W_o h, so that the (d_y - 1) k coordinates of P W_o, of norm at
  most R_o, name every loss.

What was chosen on the data is paid for, and log(1/delta) grows by the price. Either every field
that may have been chosen comes with the grid that it was chosen from, at the logarithm of the
product of the grids' sizes: this asks for grids that were fixed before the data were seen. Or all
settings are written out as a text, at log 96 a character (95 printable ones and an end): a
prefix-free code over all settings whatever, which no look at the data can have influenced. What no
text of settings says is chosen from lists: the form of the class, the projection of the inputs,
the size of the inputs. Each list costs the logarithm of its length. Assumed is then only that what
was tried is in the lists, and that the sequences are i.i.d. Two totals of one network, each at
level 1 - delta, do not hold jointly at that level.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from bounds.assembly import LossClass, Setting, assemble, common_conditions, loss_class
from bounds.enlarged import EnlargedCover, enlarged
from bounds.lipschitz import Radii
from bounds.relative_entropy import inverse_kl
from bounds.rounding import log_up, raised, roundings
from bounds.terms import VALID, Bound, Condition, Label, Term, violated
from pruning.activations import activation
from pruning.checks import choice, fraction, integer, nonnegative, positive, probability
from pruning.rnn import RNN

SETTINGS = (
    "k",
    "hidden",
    "input",
    "output",
    "bias",
    "data",
    "input_rank",
    "blocks",
    "gamma",
    "eps",
    "activation",
)


@dataclass(frozen=True)
class ConstrainedClass:
    """A class of networks read out after the last step, and the loss that is bounded on it.

    Attributes
    ----------
    k, d_x, d_y, T : int
        Nodes, dimensions of an input and of a prediction (at least 2), steps.
    hidden, input, output : float
        R_h, R_i, R_o: bounds on the spectral norms.
    bias : float
        Every entry of b_h; b_o = 0.
    data : float
        R_x, to which inputs are clipped.
    input_rank : int
        Dimension of the subspace of the inputs, 1..d_x.
    blocks : int
        W_h is block-diagonal with this many blocks of equal size.
    gamma : float
        Margin of the ramp.
    eps : float
        Radius of the cover of the losses.
    delta : float
        Failure probability.
    activation : str
        With s(0) = 0.
    grid : mapping of field to sequence
        The values that a field was chosen from, fixed in advance; a field that is not named was
        fixed itself. Names that are no field of this class (``energy``, say, of a preprocessing)
        are paid for, too.
    paid_by : str
        ``grid``, or ``text`` for the text of all settings instead.
    preparation : mapping
        Settings of what is done to the inputs, which the text includes.
    listed : mapping of name to sequence
        What no text of settings says, and the list that it was chosen from; paid for with the text.
        A grid has such names of its own.

    Examples
    --------
    >>> from rnnbounds import ConstrainedClass
    >>> members = ConstrainedClass(
    ...     k=4, d_x=6, d_y=3, T=5, hidden=1.0, input=1.0, output=1.0, bias=0.1, data=1.5,
    ...     input_rank=3, blocks=2, gamma=0.1, eps=0.002, grid={"k": (4, 8)},
    ... )
    >>> members.k // members.blocks, members.delta
    (2, 0.05)
    """

    k: int
    d_x: int
    d_y: int
    T: int
    hidden: float
    input: float
    output: float
    bias: float
    data: float
    input_rank: int
    blocks: int
    gamma: float
    eps: float
    delta: float = Setting.delta
    activation: str = "relu"
    grid: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    paid_by: str = "grid"
    preparation: Mapping[str, Any] = field(default_factory=dict)
    listed: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("k", "d_x", "T", "blocks"):
            integer(name, getattr(self, name), 1)
        integer("d_y", self.d_y, 2)
        integer("input_rank", self.input_rank, 1, self.d_x)
        for name in ("hidden", "input", "output", "bias", "data"):
            nonnegative(name, getattr(self, name))
        positive("gamma", self.gamma)
        positive("eps", self.eps)
        probability("delta", self.delta)
        choice("paid_by", self.paid_by, ("grid", "text"))
        if self.k % self.blocks:
            raise ValueError(f"blocks must divide k = {self.k}, got {self.blocks}")
        for name, values in (*self.grid.items(), *self.listed.items()):
            if not values:
                raise ValueError(f"the grid of {name} must not be empty")
            if hasattr(self, name) and getattr(self, name) not in values:
                raise ValueError(f"{name} must be in its grid, got {getattr(self, name)}")

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> ConstrainedClass:
        """Read what `to_json` returned."""
        names = cls.__dataclass_fields__
        try:
            return cls(**{name: value for name, value in facts.items() if name in names})
        except TypeError as error:
            raise ValueError(f"these settings do not describe a class: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """Every field, for JSON."""
        facts = asdict(self)
        facts["grid"] = {name: list(values) for name, values in self.grid.items()}
        facts["listed"] = {name: list(values) for name, values in self.listed.items()}
        return {**facts, "preparation": dict(self.preparation)}

    @property
    def text(self) -> str:
        """All settings but the task's own d_x, d_y, T and delta, in printable characters."""
        values = [getattr(self, name) for name in SETTINGS]
        return json.dumps([*values, self.preparation], separators=(",", ":"))

    @property
    def log_price(self) -> float:
        """What the choice of the settings adds to log(1/delta), rounded up."""
        if self.paid_by == "text":
            return raised((len(self.text) + 1) * math.log(96) + _log_sizes(self.listed), 8)
        return raised(_log_sizes(self.grid), 8)

    @property
    def radii(self) -> Radii:
        """Balls around the network whose only weight that is not 0 is b_h."""
        centre = RNN(
            np.zeros((self.k, self.k)),
            np.zeros((self.k, self.d_x)),
            np.full(self.k, self.bias),
            np.zeros((self.d_y, self.k)),
            np.zeros(self.d_y),
            activation(self.activation),
        )
        spread = {"hidden": self.hidden, "input": self.input, "output": self.output}
        spread |= {"bias_hidden": 0.0, "bias_output": 0.0}
        return Radii.around(centre, spread, self.data, fixed=True, data_fixed=True)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of parameters that a cover pays for, by block of weights."""
        return {
            "hidden": self.k * self.k // self.blocks,
            "input": self.k * self.input_rank,
            "output": (self.d_y - 1) * self.k,
        }

    def contains(self, rnn: RNN) -> bool:
        """Whether the network certainly lies in the class."""
        inside = np.kron(np.eye(self.blocks), np.ones((self.k // self.blocks,) * 2)) > 0
        return (
            (rnn.m, rnn.d_x, rnn.d_y) == (self.k, self.d_x, self.d_y)
            and rnn.activation.name == self.activation
            and not rnn.w_hidden[~inside].any()
            and self.radii.contain(rnn)
        )

    def members(self, setting: Setting) -> LossClass:
        """The loss class, with the cover that pays for `sizes` only."""
        radii = enlarged(self.radii)
        found = loss_class(setting, radii, self.k, self.d_x, self.d_y, self.activation)
        cover = found.cover
        sizes = np.array([float(self.sizes[name]) for name in cover.names])
        return replace(
            found,
            radii=self.radii,
            cover=EnlargedCover(cover.names, sizes, cover.log_reach, "minimising"),
        )


def constrained_bound(rnn: RNN, members: ConstrainedClass, empirical_loss: float, n: int) -> Bound:
    """Return the bound of `uniform.net_kl` on the ramp risk of a network of the class.

    Psi(f') <= kl^{-1}(Psi^(f') + eps; (log N(eps) + log(1/delta) + log price)/n) + eps. Nothing is
    approximated: Psi^ is the loss of f' itself. The 0-1 error is at most the ramp risk.

    Parameters
    ----------
    rnn : RNN
        The network f'.
    members : ConstrainedClass
        The class, fixed in advance up to what its grid pays for.
    empirical_loss : float
        Psi^(f'): mean of the margin ramp at ``members.gamma`` on the sample, whose inputs have been
        clipped to ``members.data`` and lie in the subspace.
    n : int
        Sequences in the sample, independent of the class.

    Returns
    -------
    Bound
        Labelled valid, or as violated where the network is not in the class.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import RNN, ConstrainedClass, constrained_bound
    >>> members = ConstrainedClass(
    ...     k=2, d_x=2, d_y=2, T=3, hidden=1.0, input=1.0, output=1.0, bias=0.0, data=1.0,
    ...     input_rank=2, blocks=1, gamma=0.5, eps=0.01,
    ... )
    >>> rnn = RNN(0.9 * np.eye(2), 0.9 * np.eye(2), np.zeros(2), 0.9 * np.eye(2), np.zeros(2))
    >>> bound = constrained_bound(rnn, members, empirical_loss=0.1, n=100_000)
    >>> bound.label, 0.1 < bound.total < 0.2
    ('valid', True)
    """
    setting = Setting(
        n,
        members.T,
        fraction("empirical_loss", empirical_loss),
        members.delta,
        gamma=members.gamma,
        complexity="net_kl",
        split="minimising",
        eps=members.eps,
        log_price=members.log_price,
    )
    losses = members.members(setting)
    conditions, notes, label = _standing(rnn, members, setting, losses)
    return assemble("theorem.fixed_nodes", setting, losses, None, label, conditions, notes)


def margin_bound(rnn: RNN, members: ConstrainedClass, share: float, n: int) -> Bound:
    r"""Return a bound on the 0-1 error of a network of the class by a cover of the margins.

    With probability >= 1 - delta, for every f of the class, err(f) <=
    kl^{-1}(share; (log N(gamma/2) + log(1/delta) + log price)/n), where N(gamma/2) is the size of
    a cover of the margins in sup norm. Proof: let c be f's centre, so that no margin of c differs
    from that of f by more than gamma/2. If the margin of f is at most 0, that of c is at most
    gamma/2, and then that of f is at most gamma. So err(f) <= P(margin of c <= gamma/2), Chernoff's
    bound holds for all centres at once, and the share of margins of c that are at most gamma/2 is
    at most that of margins of f that are at most gamma. No eps is added, and the cover may be
    coarser than `uniform.net_kl` wants it, by gamma/2 against gamma eps.

    Parameters
    ----------
    rnn, members, n
        As for `constrained_bound`; ``members.gamma`` is the margin, ``members.eps`` is not used.
    share : float
        Share of the sample whose margin is at most gamma.

    Examples
    --------
    >>> import numpy as np
    >>> from rnnbounds import RNN, ConstrainedClass, margin_bound
    >>> members = ConstrainedClass(
    ...     k=2, d_x=2, d_y=2, T=3, hidden=1.0, input=1.0, output=1.0, bias=0.0, data=1.0,
    ...     input_rank=2, blocks=1, gamma=0.5, eps=0.01,
    ... )
    >>> rnn = RNN(0.9 * np.eye(2), 0.9 * np.eye(2), np.zeros(2), 0.9 * np.eye(2), np.zeros(2))
    >>> bound = margin_bound(rnn, members, share=0.1, n=100_000)
    >>> bound.label, 0.1 < bound.total < 0.2
    ('valid', True)
    """
    fraction("share", share)
    setting = Setting(
        n,
        members.T,
        share,
        members.delta,
        gamma=1.0,
        complexity="net_kl",
        split="minimising",
        log_price=members.log_price,
    )
    # The ramp at gamma = 1 has the constant of the margin itself, sqrt(2) in ||f||.
    losses = members.members(setting)
    log_number = float(losses.cover(np.array(math.log(members.gamma / 2) - roundings(400))))
    reached = inverse_kl(share, raised((log_number + setting.log_inv_delta) / n, 8))
    bare = min(reached, inverse_kl(share, raised(log_number / n, 8))) - share + roundings(4)
    rest = max(reached + roundings(8) - share - bare, 0.0)
    conditions, notes, label = _standing(rnn, members, setting, losses)
    formula = r"\mathrm{kl}^{-1}\bigl(q; \tfrac{\log N(\gamma/2)%s}{n}\bigr)"
    inputs = {"n": n, "gamma": members.gamma, "log N": log_number, "delta": members.delta}
    source = "theory, section 6, and the proof in bounds.constrained.margin_bound"
    terms = (
        Term("empirical loss", log_up(share), r"q = P_n(\mu \le \gamma)", source, {"n": n}),
        Term("approximation", -math.inf, "0", "the margins are those of f' itself"),
        Term("complexity", log_up(bare), formula % "" + " - q", source, inputs),
        Term("confidence", log_up(rest), formula % r" + \log(1/\delta)" + r" - \ldots", source),
    )
    statement = r"\mathrm{err}(f') \le " + formula % r" + \log(1/\delta)"
    return Bound("uniform.net_margin", statement, terms, label, tuple(conditions), notes)


def _standing(
    rnn: RNN, members: ConstrainedClass, setting: Setting, losses: LossClass
) -> tuple[list[Condition], tuple[str, ...], Label]:
    """Conditions, notes and the label."""
    inside = members.contains(rnn)
    paid = _payment(members)
    conditions = [
        Condition(c.name, True, paid) if c.name == "gamma fixed in advance" else c
        for c in common_conditions(setting, losses, rnn.activation, paid)
    ]
    detail = "Norms, zeros and biases were checked." if inside else "A weight is outside."
    conditions.append(Condition("f' in the class", inside, detail))
    if members.input_rank < members.d_x:
        detail = f"Inputs are projected to {members.input_rank} of {members.d_x} dimensions."
        conditions.append(Condition("inputs in the subspace", True, detail))
    label = VALID if inside else violated("f' in the class")
    return conditions, (paid,), label


def _log_sizes(lists: Mapping[str, Sequence[Any]]) -> float:
    return math.fsum(math.log(len(values)) for values in lists.values())


def _payment(members: ConstrainedClass) -> str:
    price = f"{members.log_price:.4g} nats"
    if members.paid_by == "text":
        lists = ", ".join(f"{name} ({len(values)})" for name, values in members.listed.items())
        return (
            f"All settings are paid for by their text, {len(members.text)} characters, and by lists"
            f" of what it does not say, {lists}: {price}. Assumed is that nothing else was tried."
            if lists
            else f"All settings are paid for by their text, {len(members.text)} characters: "
            f"{price}; what no text says, the form of the class, is not paid for."
        )
    axes = ", ".join(f"{name} ({len(values)})" for name, values in members.grid.items())
    if not axes:
        return "Nothing was chosen on the sample."
    return f"Chosen from grids that must have been fixed in advance, paid for with {price}: {axes}."
