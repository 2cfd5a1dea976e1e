"""False lemmas about bounds on states and Lipschitz constants."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from planted import Lemmas

from validation import Claim, draw
from validation.catalogue import lipschitz as true
from validation.catalogue.approximation import spectral
from validation.catalogue.lipschitz import (
    BOTH,
    PREDICTIONS,
    SETTING,
    horner,
    log_sum_exp,
    margin,
    outputs,
    parameter_constants,
    radii,
    state_bounds,
    vector_norm,
)
from validation.instances import Network

lemmas = Lemmas("4", __name__)

state_constant = lemmas.mutated(
    true.state, "state_constant", "Equality at m = 1, T = 1, s = id.", c=Fraction(99, 100)
)
state_bounded_constant = lemmas.mutated(
    true.state_bounded,
    "state_bounded_constant",
    "tanh comes as near to 1 as the input is large.",
    c=Fraction(9, 10),
)
state_shifted_constant = lemmas.mutated(
    true.state_shifted,
    "state_shifted_constant",
    "Equality at z = 0: the state is 1/2 everywhere.",
    c=Fraction(49, 50),
)
output_constant = lemmas.mutated(
    true.output, "output_constant", "Equality for the bias alone.", c=Fraction(99, 100)
)
parameters_constant = lemmas.mutated(
    true.parameters,
    "parameters_constant",
    "Equality where only b_o moves.",
    c=Fraction(99, 100),
)
input_constant = lemmas.mutated(
    true.input_, "input_constant", "Equality for s = id at m = 1.", c=Fraction(99, 100)
)
cross_entropy_constant = lemmas.mutated(
    true.loss_cross_entropy,
    "cross_entropy_constant",
    "The gradient softmax(f) - e_y has norm sqrt 2 where another class is certain.",
    statement=r"|\psi(y, f) - \psi(y, g)| \le \|f - g\|_2, \text{ cross-entropy}",
    c=1,
)
cross_entropy_near_constant = lemmas.mutated(
    true.loss_cross_entropy,
    "cross_entropy_near_constant",
    "sqrt 2 is approached where another class is nearly certain.",
    c=Fraction(19, 10),
)
ramp_constant = lemmas.mutated(
    true.loss_ramp,
    "ramp_constant",
    "The margin is a difference of two coordinates: sqrt 2/gamma.",
    statement=r"|\psi(y, f) - \psi(y, g)| \le (1/\gamma) \|f - g\|_2, \text{ the margin ramp}",
    c=1,
)
range_cross_entropy_constant = lemmas.mutated(
    true.range_cross_entropy,
    "range_cross_entropy_constant",
    "f = t (e_j - e_y) gives 2 t against sqrt 2 t.",
    statement=r"\psi(y, f) \le \log d_y + \|f\|",
    c=1,
)
squared_constant = lemmas.mutated(
    true.loss_squared,
    "squared_constant",
    "f and g near -y on its sphere give 2 R.",
    c=Fraction(9, 10),
)
absolute_constant = lemmas.mutated(
    true.loss_absolute,
    "absolute_constant",
    "Equality at q = 1.",
    c=Fraction(99, 100),
)


def largest_states(xp, net, x):
    """The maximum of ||h_t|| over the sample, by t."""
    return xp.stack([xp.max(xp.linalg.vector_norm(h, axis=1)) for h in net.states(xp, x)])


@lemmas.claim(
    "state_without_biases",
    r"\|h_t\| \le \rho R_i R_x \textstyle\sum_{j<t} (\rho R_h)^j",
    SETTING,
    why="R_b is missing: a bias moves the state without any input.",
)
def state_without_biases(xp, net, x):
    R, T = radii(xp, [net], x), x.shape[1]
    right = [R.input * R.data * horner(xp, R.hidden, t) for t in range(1, T + 1)]
    return largest_states(xp, net, x), xp.stack(right)


@lemmas.claim(
    "state_off_by_one",
    r"\|h_t\| \le \rho (R_i R_x + R_b) (1 + \textstyle\sum_{1 < j < t} (\rho R_h)^j)",
    SETTING,
    why="The term j = 1 is missing from the sum.",
)
def state_off_by_one(xp, net, x):
    R, T = radii(xp, [net], x), x.shape[1]
    drive = R.input * R.data + R.bias_hidden
    right = [
        drive * (horner(xp, R.hidden, t) - (R.hidden if t > 1 else 0)) for t in range(1, T + 1)
    ]
    return largest_states(xp, net, x), xp.stack(right)


@lemmas.claim(
    "state_bounded_without_width",
    r"\|h_t\| \le \sup|s|, \; s = \tanh",
    true.state_bounded.instances,
    why="Each of k nodes may be near 1: sqrt k is missing.",
)
def state_bounded_without_width(xp, net, x):
    left = largest_states(xp, net, x)
    return left, xp.ones(left.shape)


@lemmas.claim(
    "logistic_without_shift",
    r"\|h_t\| \le \rho (R_i R_x + R_b) \textstyle\sum_{j<t} (\rho R_h)^j,"
    r"\; s = 1/(1 + e^{-z}), \; \rho = 1/4",
    true.state_shifted.instances,
    why="s(0) = 1/2: the state is not 0 without input.",
)
def logistic_without_shift(xp, net, x):
    R, T = radii(xp, [net], x), x.shape[1]
    drive = (R.input * R.data + R.bias_hidden) / 4
    left, _ = true.state_shifted.body(xp, net, x)
    return left, xp.stack([drive * horner(xp, R.hidden / 4, t) for t in range(1, T + 1)])


@lemmas.claim(
    "output_without_bias",
    r"\|f_t\| \le R_o H_t",
    SETTING,
    why="R_c is missing.",
)
def output_without_bias(xp, net, x):
    left, _ = true.output.body(xp, net, x)
    R = radii(xp, [net], x)
    return left, xp.stack([R.output * h for h in state_bounds(xp, R, x.shape[1])[1:]])


BLOCKS = ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")
Constants = Callable[[Any, Any, list[Any], int], dict[str, Any]]


def with_constants(name: str, statement: str, why: str, constants: Constants, block: str) -> Claim:
    """`lipschitz.parameters` with another constant, for two networks that differ in one block."""

    @lemmas.claim(name, statement, BOTH, why=why)
    def body(xp, net, other, s, x):
        weights = {each: getattr(net, each) for each in BLOCKS}
        changed = {**weights, block: getattr(other, block)}
        nets = [Network(**weights, activation=s), Network(**changed, activation=s)]
        R, T = radii(xp, nets, x), x.shape[1]
        H = state_bounds(xp, R, T)
        f, g = (outputs(xp, each, x) for each in nets)
        left = [xp.max(xp.linalg.vector_norm(a - b, axis=1)) for a, b in zip(f, g)]
        moved = weights[block] - changed[block]
        size = spectral(xp, moved) if block[0] == "w" else vector_norm(xp, moved)
        right = [constants(xp, R, H, t)[block] * size for t in range(1, T + 1)]
        return xp.stack(left), xp.stack(right)

    return body


def hidden_without_output(xp, R, H, t):
    L = parameter_constants(xp, R, H, t)
    recurrent = xp.asarray(0.0)
    for s in range(1, t + 1):
        recurrent = recurrent + R.hidden ** (t - s) * H[s - 1]
    return {**L, "w_hidden": recurrent}


def hidden_last_only(xp, R, H, t):
    return {**parameter_constants(xp, R, H, t), "w_hidden": R.output * H[t - 1]}


def input_without_data(xp, R, H, t):
    L = parameter_constants(xp, R, H, t)
    return {**L, "w_input": R.output * horner(xp, R.hidden, t)}


def output_step_before(xp, R, H, t):
    return {**parameter_constants(xp, R, H, t), "w_output": H[t - 1]}


def bias_last_only(xp, R, H, t):
    return {**parameter_constants(xp, R, H, t), "b_hidden": R.output}


ONLY = r" \|\theta - \theta'\| \text{ where only } \theta = "
parameters_without_output = with_constants(
    "parameters_hidden_without_output",
    r"\|f_t - f'_t\| \le \rho \textstyle\sum_s (\rho R_h)^{t-s} H_{s-1}"
    rf"{ONLY} W_h \text{{ differs}}",
    "R_o is missing from L_h.",
    hidden_without_output,
    "w_hidden",
)
parameters_hidden_last = with_constants(
    "parameters_hidden_last_step",
    rf"\|f_t - f'_t\| \le R_o \rho H_{{t-1}}{ONLY} W_h \text{{ differs}}",
    "W_h acts at every step, not at the last one alone.",
    hidden_last_only,
    "w_hidden",
)
parameters_without_data = with_constants(
    "parameters_input_without_data",
    r"\|f_t - f'_t\| \le R_o \rho \textstyle\sum_{j<t} (\rho R_h)^j"
    rf"{ONLY} W_i \text{{ differs}}",
    "R_x is missing from L_i.",
    input_without_data,
    "w_input",
)
parameters_output_before = with_constants(
    "parameters_output_step_before",
    rf"\|f_t - f'_t\| \le H_{{t-1}}{ONLY} W_o \text{{ differs}}",
    "W_o reads h_t, not h_{t-1}: at t = 1 it would not matter at all.",
    output_step_before,
    "w_output",
)
parameters_bias_last = with_constants(
    "parameters_bias_last_step",
    rf"\|f_t - f'_t\| \le R_o \rho{ONLY} b_h \text{{ differs}}",
    "b_h acts at every step: the geometric sum is missing.",
    bias_last_only,
    "b_hidden",
)


@lemmas.claim(
    "parameters_largest_block",
    r"\|f_t - f'_t\| \le \max_\theta L_{\theta,t} \|\theta - \theta'\|",
    BOTH,
    why="The maximum over the blocks stands where their sum belongs.",
)
def parameters_largest_block(xp, net, other, s, x):
    left, _ = true.parameters.body(xp, net, other, s, x)
    R, right = radii(xp, [net, other], x), []
    H = state_bounds(xp, R, x.shape[1])
    for t in range(1, x.shape[1] + 1):
        L, terms = parameter_constants(xp, R, H, t), []
        for block in BLOCKS:
            moved = getattr(net, block) - getattr(other, block)
            size = spectral(xp, moved) if block[0] == "w" else vector_norm(xp, moved)
            terms.append(L[block] * size)
        right.append(xp.max(xp.stack(terms)))
    return left, xp.stack(right)


@lemmas.claim(
    "input_one_factor_more",
    r"\|f_t(x) - f_t(x')\| \le R_o R_i \rho (\rho R_h)^{t-s+1} \|x_s - x'_s\|",
    true.input_.instances,
    why="At t = s the input has not passed through W_h yet.",
)
def input_one_factor_more(xp, net, x, moved, s):
    left, right = true.input_.body(xp, net, x, moved, s)
    return left, right * spectral(xp, net.w_hidden)


@lemmas.claim(
    "input_one_factor_fewer",
    r"\|f_t(x) - f_t(x')\| \le R_o R_i \rho (\rho R_h)^{\max(t-s-1, 0)} \|x_s - x'_s\|",
    true.input_.instances,
    why="Each step passes through W_h once.",
)
def input_one_factor_fewer(xp, net, x, moved, s):
    left, _ = true.input_.body(xp, net, x, moved, s)
    T = x.shape[1]
    s = min(s, T - 1)
    R = radii(xp, [net], x)
    size = xp.linalg.vector_norm(moved, axis=1)
    right = [R.output * R.input * R.hidden ** max(t - s - 1, 0) * size for t in range(s, T)]
    return left, xp.stack(right)


@lemmas.claim(
    "hidden_closed_form_power",
    r"\textstyle\sum_{s=1}^t a^{t-s} \sum_{j<s-1} a^j"
    r"= \bigl[t a^t - (a^t - 1)/(a - 1)\bigr]/(a - 1)",
    draw(a=draw.positive(above=1.0, below=1e3), t=draw.size("T"), sizes={"T": (1, 8)}),
    kind="identity",
    why="The power of the first term is t - 1.",
)
def hidden_closed_form_power(xp, a, t):
    left, _ = true.hidden_closed_form.body(xp, a, t)
    return left, (t * a**t - (a**t - 1) / (a - 1)) / (a - 1)


@lemmas.claim(
    "geometric_sum_at_one",
    r"\textstyle\sum_{j<t} a^j \le (a^t - 1)/(a - 1), \text{ and } \le t - 1 \text{ at } a = 1",
    draw(a=draw.positive(above=0.25, below=4.0), t=draw.size("T"), sizes={"T": (1, 6)}),
    why="The removable point has the value t: false at a = 1 exactly.",
)
def geometric_sum_at_one(xp, a, t):
    at_one = bool(a == 1)
    closed = xp.asarray(float(t - 1)) if at_one else (a**t - 1) / (a - 1)
    # Off a = 1 the statement is an identity; the slack keeps rounding out of the comparison.
    return horner(xp, a, t), closed * (1 if at_one else 1.0009765625)


@lemmas.claim(
    "one_class_is_right",
    r"\textstyle\sum_y [f_y \le \max_{j \ne y} f_j] \le d_y - 1",
    draw(f=draw.vectors("q"), sizes={"q": (2, 4)}),
    why="A tie is an error for every class: false on a set of measure 0.",
)
def one_class_is_right(xp, f):
    q = f.shape[0]
    errors = sum(int(bool(margin(xp, f, y) <= 0)) for y in range(q))
    return xp.asarray(float(errors)), xp.asarray(float(q - 1))


@lemmas.claim(
    "range_cross_entropy_without_classes",
    r"\psi(y, f) \le 2 \|f\|, \text{ cross-entropy}",
    PREDICTIONS,
    why="At f = 0 the loss is log d_y.",
)
def range_cross_entropy_without_classes(xp, f, g, y):
    y = min(y, f.shape[0] - 1)
    return log_sum_exp(xp, f) - f[y], 2 * vector_norm(xp, f)


@lemmas.claim(
    "squared_largest_radius",
    r"|\tfrac12\|y - f\|^2 - \tfrac12\|y - g\|^2| \le \max(R_y, R_f) \|f - g\|",
    true.loss_squared.instances,
    why="The maximum of the radii stands where their sum belongs.",
)
def squared_largest_radius(xp, f, g, y):
    left, _ = true.loss_squared.body(xp, f, g, y)
    norms = [vector_norm(xp, v) for v in (f, g, y)]
    return left, xp.max(xp.stack(norms)) * vector_norm(xp, f - g)


@lemmas.claim(
    "absolute_without_dimension",
    r"|\|y - f\|_1 - \|y - g\|_1| \le \|f - g\|_2",
    true.loss_absolute.instances,
    why="The 1-norm is up to sqrt d_y times the 2-norm.",
)
def absolute_without_dimension(xp, f, g, y):
    left, _ = true.loss_absolute.body(xp, f, g, y)
    return left, vector_norm(xp, f - g)
