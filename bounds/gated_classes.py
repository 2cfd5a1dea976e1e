r"""Classes of gated networks by the norms of their weights, and section 7's theorem for them.

Theory, section 12, `gates.states`, `gates.gru_parameters` and `gates.lstm_parameters`. States obey
|h_t| <= 1 entry by entry from h_0 = 0, and |c_t| <= t. For two networks of a class on the same
inputs the differences obey

    GRU    ||e_t|| <= kappa ||e_{t-1}|| + ||d_z||/2 + ||d_n|| + ||d_v|| + (V/4) ||d_r||,
           kappa = 1 + R_z/2 + R_n + V R_r/4,
    LSTM   ||e_c,t|| <= ||e_c,t-1|| + ((t - 1)/4) ||u_f|| + ||u_g|| + ||u_i||/4,
           ||e_h,t|| <= ||e_c,t|| + ||u_o||/4,   ||u_g|| <= R_g ||e_h,t-1|| + ||d_g||,

R_g the radius of gate g's W_h, d_g what another W_h, W_i or bias of that gate brings (at most
sqrt(k), R_x and 1 times its change) and V >= |W_hn h + b_hn|. With the reset gate before the
product, and in a minimal gated unit (MGU: f = sigma(.), n = tanh(W_in x + W_hn (f * h) + b_n),
h+ = (1 - f) * h + f * n), the candidate reads a gate times h, whose difference is at most
||e|| + ||u_gate||/4. All sums are rounded up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bounds.assembly import LossClass, Setting, assemble, common_conditions, inputs_bounded
from bounds.covering import cover_of_blocks
from bounds.lipschitz import ParameterLipschitz
from bounds.loss_constants import loss_constants
from bounds.radii import matrix_norm
from bounds.rounding import Upward, log_sum_up
from bounds.terms import FIXED_RADII, VALID, Bound, Condition, violated
from pruning.activations import activation
from pruning.checks import Array, choice, integer, nonnegative
from pruning.stack import Stack

GATES = {"gru": "rzn", "gru, reset before": "rzn", "lstm": "ifgo", "mgu": "fn"}
READ = ("output", "bias_output")


@dataclass(frozen=True)
class GatedRadii:
    """Radii of a class of gated networks of one layer with a linear read-out.

    Attributes
    ----------
    kind : str
        ``gru``, ``gru, reset before``, ``lstm`` or ``mgu``.
    k, d_x, d_y : int
    blocks : mapping
        For every gate g of `GATES` ``hidden g``, ``input g`` and ``bias g`` (the sum of both
        biases), for a GRU with the reset gate after the product also ``bias v`` (b_hn, and
        ``bias n`` is b_in alone); ``output``, ``bias_output``. Spectral norms of matrices, or
        Frobenius norms, which are larger; Euclidean ones of biases.
    data : float
        R_x >= ||x_t||.
    fixed, data_fixed : bool
        As in `bounds.radii.Radii`: whether they were fixed before the data were seen.
    """

    kind: str
    k: int
    d_x: int
    d_y: int
    blocks: Mapping[str, float]
    data: float
    fixed: bool = False
    data_fixed: bool = False

    def __post_init__(self) -> None:
        choice("kind", self.kind, GATES)
        for name in ("k", "d_x", "d_y"):
            integer(name, getattr(self, name), 1)
        wanted = set(block_sizes(self.kind, 1, 1, 1))
        if set(self.blocks) != wanted:
            raise ValueError(
                f"blocks of a class of kind {self.kind} must be {', '.join(sorted(wanted))}, "
                f"got {', '.join(sorted(self.blocks))}"
            )
        for name, radius in self.blocks.items():
            nonnegative(name, radius)
        nonnegative("data", self.data)

    @classmethod
    def of(
        cls, stack: Stack, x_max: float, norm: str = "spectral", *, data_fixed: bool = False
    ) -> GatedRadii:
        """Return the norms of a network's weights, rounded up: measured, not fixed in advance."""
        blocks = {name: matrix_norm(w, norm) for name, w in weights_of(stack).items()}
        (cell,) = stack.layers[0]
        return cls(kind_of(cell), cell.m, cell.d_x, stack.d_y, blocks, x_max, data_fixed=data_fixed)

    def contain(self, stack: Stack) -> bool:
        """Whether the network certainly lies in the class (R_x aside)."""
        (cell,) = stack.layers[0]
        if (kind_of(cell), cell.m, cell.d_x, stack.d_y) != (self.kind, self.k, self.d_x, self.d_y):
            return False
        own = GatedRadii.of(stack, self.data).blocks
        return all(own[name] <= radius for name, radius in self.blocks.items())


def kind_of(cell: Any) -> str:
    """The kind of class that a cell belongs to."""
    if cell.kind == "gru":
        return "gru" if cell.reset_after else "gru, reset before"
    return str(choice("the cell", cell.kind, GATES))


def weights_of(stack: Stack) -> dict[str, Array]:
    """The blocks of weights of a network of one gated layer, biases as columns."""
    if len(stack.layers) != 1 or len(stack.layers[0]) != 1:
        raise ValueError("the network must have one layer in one direction")
    if stack.embedding is not None:
        raise ValueError("the network must read numbers, got one with an embedding")
    (cell,) = stack.layers[0]
    kind, m = kind_of(cell), cell.m
    found: dict[str, Array] = {}
    for place, gate in enumerate(GATES[kind]):
        rows = slice(place * m, (place + 1) * m)
        found[f"hidden {gate}"] = cell.w_hidden[rows]
        found[f"input {gate}"] = cell.w_input[rows]
        own = kind == "gru" and gate == "n"
        bias = cell.b_input[rows] + (0 if own else cell.b_hidden[rows])
        found[f"bias {gate}"] = bias[:, None]
        if own:
            found["bias v"] = cell.b_hidden[rows][:, None]
    return {**found, "output": stack.w_output, "bias_output": stack.b_output[:, None]}


def block_sizes(kind: str, k: int, d_x: int, d_y: int) -> dict[str, int]:
    """Return the number of entries of each block."""
    sizes: dict[str, int] = {}
    for gate in GATES[kind]:
        sizes |= {f"hidden {gate}": k * k, f"input {gate}": k * d_x, f"bias {gate}": k}
    if kind == "gru":
        sizes["bias v"] = k
    return {**sizes, "output": d_y * k, "bias_output": d_y}


def parameter_lipschitz(radii: GatedRadii, T: int) -> ParameterLipschitz:
    """Return L_{theta,t} for every block and t = 1..T.

    ||f_t - f'_t|| <= sum over the blocks of L_{theta,t} ||theta - theta'|| for two members of the
    class on the same inputs, with the spectral norm for matrices.
    """
    integer("T", T, 1)
    root_k = Upward(radii.k).sqrt()
    blocks: dict[str, tuple[Upward, ...]] = {}
    for name in radii.blocks:
        if name not in READ:
            moved = _moved(radii, name, T, root_k)
            blocks[name] = tuple(value * radii.blocks["output"] for value in moved)
    blocks["output"] = (root_k,) * T
    blocks["bias_output"] = (Upward(1),) * T
    return ParameterLipschitz(blocks)


def _moved(radii: GatedRadii, block: str, T: int, root_k: Upward) -> list[Upward]:
    """Bounds on ||h_t - h'_t||, t = 1..T, where one block moves by 1."""
    part, gate = block.split(" ")
    R = {g: Upward(radii.blocks[f"hidden {g}"]) for g in GATES[radii.kind]}
    reads = {"hidden": root_k, "input": Upward(radii.data), "bias": Upward(1)}[part]
    e, c, found = Upward(0), Upward(0), []
    for t in range(1, T + 1):
        size = Upward(0) if part == "hidden" and t == 1 else reads  # h_0 = 0
        d = {g: size if g == gate else Upward(0) for g in (*GATES[radii.kind], "v")}
        u = {g: R[g] * e + d[g] for g in R}
        if radii.kind == "lstm":
            c = c + (u["f"] * float(t - 1) + u["i"]) * 0.25 + u["g"]
            e = c + u["o"] * 0.25
        elif radii.kind == "gru":
            V = R["n"] * root_k + radii.blocks["bias v"]
            e = e + u["z"] * 0.5 + u["n"] + d["v"] + V * u["r"] * 0.25
        else:
            # The candidate reads a gate times h: its own d_n, and R_n (e + u_gate/4).
            through, keep = ("r", "z") if radii.kind == "gru, reset before" else ("f", "f")
            e = e + u[keep] * 0.5 + d["n"] + R["n"] * (e + u[through] * 0.25)
        found.append(e)
    return found


def gated_class(
    setting: Setting, radii: GatedRadii, spread: Mapping[str, float] | None = None
) -> LossClass:
    """Return the loss class of the networks within these radii, for a setting.

    Parameters
    ----------
    setting : Setting
    radii : GatedRadii
    spread : mapping, optional
        Factors >= 1 by which the balls that are covered are wider than the radii, by block.
    """
    root_k = Upward(radii.k).sqrt()
    largest = root_k * radii.blocks["output"] + radii.blocks["bias_output"]
    loss = loss_constants(
        setting.loss,
        d_y=radii.d_y,
        gamma=setting.gamma,
        output=largest,
        label=setting.label_bound,
    )
    constants = parameter_lipschitz(radii, setting.T)
    wider = spread or {}
    reach = {
        name: L * loss.lipschitz * radii.blocks[name] * wider.get(name, 1.0)
        for name, L in constants.mean(setting.w).items()
    }
    sizes = block_sizes(radii.kind, radii.k, radii.d_x, radii.d_y)
    cover = cover_of_blocks(sizes, reach, setting.split)
    from_centre = log_sum_up(cover.log_reach.tolist())
    log_diameter = min((loss.range * 0.5).log(), (largest * loss.lipschitz).log(), from_centre)
    return LossClass(radii, radii.k, loss, cover, log_diameter)  # type: ignore[arg-type]


def gated_bound(
    stack: Stack,
    setting: Setting,
    radii: GatedRadii,
    approximation: Bound | None = None,
) -> Bound:
    """`theorem.fixed_nodes` for a gated network of one layer.

    Parameters
    ----------
    stack : Stack
        The compressed network, GRU or LSTM; h_0 = 0.
    setting : Setting
        With the empirical loss of the large network; or, where `approximation` is None, of `stack`.
    radii : GatedRadii
        Of the class; `GatedRadii.of(stack, x_max)` are measured ones, which the label then says.
    approximation : Bound, optional
        On ||f^ - f'||_{n,w}, such as `along_runs_bound` for the weights of the setting.

    Returns
    -------
    Bound
        Terms ``empirical loss``, ``approximation``, ``complexity`` and ``confidence``.

    Notes
    -----
    Source: theory, sections 7 and 12. The constants grow like kappa^T: the bound is vacuous at
    any size that trainings have, and says so.
    """
    members = gated_class(setting, radii)
    inside = radii.contain(stack)
    conditions = [
        *common_conditions(setting, members, activation("tanh")),
        Condition(
            "f' in the class",
            inside,
            "The norms of its weights are " + ("" if inside else "not all ") + "within the radii.",
        ),
    ]
    label = VALID if radii.fixed and inputs_bounded(setting, members) else FIXED_RADII
    if approximation is not None:
        conditions += approximation.conditions
        if approximation.label != VALID:
            label = approximation.label
    if not inside:
        label = violated("f' in the class of its radii")
    return assemble("theorem.fixed_nodes", setting, members, approximation, label, conditions)


def chen2020_gated(setting: Setting, radii: GatedRadii) -> Bound:
    """`others.chen2020` for LSTM and MGU (and GRU), in the form of Chen, Li, Zhao, AISTATS 2020.

    Parameters
    ----------
    setting : Setting
        With the empirical loss of the network; complexity and split are those of the paper.
    radii : GatedRadii

    Notes
    -----
    The constants of the paper were not at hand. They are derived from sections 4 to 6 and 12 with
    its choice of norms: spectral radii, and covers in Frobenius norm (a spectral ball of radius R
    of p x q matrices lies in the Frobenius ball of radius R sqrt(min(p, q))), by Dudley's integral
    and an equal split. The gates' bounds on states and slopes are ours: the paper's own recursions
    for LSTM and MGU may be smaller or larger.
    """
    setting = replace(setting, complexity="dudley", split="equal")
    k, narrow = radii.k, {"hidden": radii.k, "input": min(radii.k, radii.d_x), "bias": 1}
    spread = {}
    for name in radii.blocks:
        rows = narrow.get(name.split(" ")[0], 1)
        if name == "output":
            rows = min(k, radii.d_y)
        spread[name] = math.nextafter(math.sqrt(rows), math.inf)
    members = gated_class(setting, radii, spread)
    conditions = common_conditions(setting, members, activation("tanh"))
    label = VALID if radii.fixed and inputs_bounded(setting, members) else FIXED_RADII
    note = "In the form of the paper; the constants are those of sections 4 to 6 and 12."
    return assemble("others.chen2020", setting, members, None, label, conditions, (note,))
