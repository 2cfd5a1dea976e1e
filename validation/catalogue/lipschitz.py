"""Section 4 of the theory: bounds on states and outputs, and Lipschitz constants.

Radii are measured on the networks at hand (any class that contains both will do), norms are
spectral, and every activation that is drawn has rho = 1 and s(0) = 0 unless a claim says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass

from validation.arithmetic.values import Value
from validation.catalogue import proofs
from validation.catalogue.approximation import spectral
from validation.catalogue.stating import Section
from validation.instances import Network, draw

section = Section("4")
SETTING = draw(net=draw.networks(), x=draw.sequences(), sizes={"m": (1, 3)})
BOTH = draw(
    net=draw.networks(activations=("identity",)),
    other=draw.networks(activations=("identity",)),
    s=draw.choices("identity", "relu", "tanh", "leaky_relu"),
    x=draw.sequences(),
    sizes={"m": (1, 3), "T": (1, 4)},
)


@dataclass(frozen=True)
class Radii:
    """R_h, R_i, R_o, R_b, R_c, R_x of a class that contains the networks given."""

    hidden: Value
    input: Value
    output: Value
    bias_hidden: Value
    bias_output: Value
    data: Value


def vector_norm(xp, v):
    """||v||_2."""
    return xp.linalg.vector_norm(v)


def radii(xp, nets, x):
    """The smallest radii of a class that contains them."""

    def largest(values):
        return xp.max(xp.stack(values))

    n, T, d = x.shape
    return Radii(
        hidden=largest([spectral(xp, net.w_hidden) for net in nets]),
        input=largest([spectral(xp, net.w_input) for net in nets]),
        output=largest([spectral(xp, net.w_output) for net in nets]),
        bias_hidden=largest([vector_norm(xp, net.b_hidden) for net in nets]),
        bias_output=largest([vector_norm(xp, net.b_output) for net in nets]),
        data=xp.max(xp.linalg.vector_norm(xp.reshape(x, (n * T, d)), axis=1)),
    )


def horner(xp, a, t):
    """sum_{j<t} a^j, without a singularity at 1."""
    total = xp.asarray(0.0)
    for _ in range(t):
        total = 1 + a * total
    return total


def state_bounds(xp, R, T):
    """H_0..H_T."""
    drive = R.input * R.data + R.bias_hidden
    return [drive * horner(xp, R.hidden, t) for t in range(T + 1)]


def outputs(xp, net, x):
    """f_1..f_T, each (n, q)."""
    return [h @ net.w_output.T + net.b_output for h in net.states(xp, x)]


@section.paper(
    "lipschitz.state",
    r"\|h_t\| \le H_t = \rho (R_i R_x + R_b) \textstyle\sum_{j<t} (\rho R_h)^j, \; s(0) = 0",
    SETTING,
    code="bounds.lipschitz",
    proof="||h_t|| <= rho (R_h ||h_{t-1}|| + R_i R_x + R_b).",
    symbolic=proofs.geometric,
)
def state(xp, net, x, *, c=1):
    H = state_bounds(xp, radii(xp, [net], x), x.shape[1])
    left = [xp.max(xp.linalg.vector_norm(h, axis=1)) for h in net.states(xp, x)]
    return xp.stack(left), c * xp.stack(H[1:])


@section.classic(
    "lipschitz.state_bounded",
    r"\|h_t\| \le \sqrt{k} \sup|s| \text{ for bounded } s",
    draw(net=draw.networks(activations=("tanh",)), x=draw.sequences(), sizes={"m": (1, 3)}),
    code="bounds.lipschitz",
)
def state_bounded(xp, net, x, *, c=1):
    left = [xp.max(xp.linalg.vector_norm(h, axis=1)) for h in net.states(xp, x)]
    m = net.w_hidden.shape[0]
    return xp.stack(left), c * xp.sqrt(xp.asarray(float(m))) * xp.ones((len(left),))


@section.sharper(
    "lipschitz.state_shifted",
    r"\|h_t\| \le (\rho (R_i R_x + R_b) + |s(0)| \sqrt{k}) \textstyle\sum_{j<t} (\rho R_h)^j,"
    r"\; s = 1/(1 + e^{-z}), \; \rho = 1/4",
    draw(net=draw.networks(activations=("identity",)), x=draw.sequences(), sizes={"m": (1, 3)}),
    code="bounds.lipschitz",
    proof="||s(z)|| <= ||s(z) - s(0)|| + |s(0)| sqrt k.",
)
def state_shifted(xp, net, x, *, c=1):
    R, m = radii(xp, [net], x), net.w_hidden.shape[0]
    h, left, right = xp.zeros((x.shape[0], m)), [], []
    drive = (R.input * R.data + R.bias_hidden) / 4 + xp.sqrt(xp.asarray(float(m))) / 2
    for t in range(x.shape[1]):
        z = h @ net.w_hidden.T + x[:, t, :] @ net.w_input.T + net.b_hidden
        h = (1 + xp.tanh(z / 2)) / 2
        left.append(xp.max(xp.linalg.vector_norm(h, axis=1)))
        right.append(c * drive * horner(xp, R.hidden / 4, t + 1))
    return xp.stack(left), xp.stack(right)


@section.paper(
    "lipschitz.output",
    r"\|f_t\| \le R_o H_t + R_c",
    SETTING,
    steps=(state,),
    code="bounds.lipschitz",
)
def output(xp, net, x, *, c=1):
    R = radii(xp, [net], x)
    H = state_bounds(xp, R, x.shape[1])
    left = [xp.max(xp.linalg.vector_norm(f, axis=1)) for f in outputs(xp, net, x)]
    return xp.stack(left), c * xp.stack([R.output * h + R.bias_output for h in H[1:]])


def parameter_constants(xp, R, H, t):
    """L_{theta,t}, by block."""
    geometric = R.output * horner(xp, R.hidden, t)
    recurrent = xp.asarray(0.0)
    for s in range(1, t + 1):
        recurrent = recurrent + R.hidden ** (t - s) * H[s - 1]
    return {
        "w_output": H[t],
        "b_output": xp.asarray(1.0),
        "w_hidden": R.output * recurrent,
        "w_input": R.data * geometric,
        "b_hidden": geometric,
    }


def same_activation(net: Network, s: str) -> Network:
    """The same weights with another activation."""
    return Network(
        net.w_hidden, net.w_input, net.b_hidden, net.w_output, net.b_output, activation=s
    )


@section.paper(
    "lipschitz.parameters",
    r"\|f_t - f'_t\| \le \textstyle\sum_\theta L_{\theta,t} \|\theta - \theta'\|",
    BOTH,
    steps=(state,),
    code="bounds.lipschitz",
    proof="Exchange one block at a time in the recursion for ||h_t - h'_t||; both in the class.",
    symbolic=proofs.memory,
)
def parameters(xp, net, other, s, x, *, c=1):
    nets = [same_activation(net, s), same_activation(other, s)]
    R, T = radii(xp, nets, x), x.shape[1]
    H = state_bounds(xp, R, T)
    moved = {
        name: spectral(xp, getattr(net, name) - getattr(other, name))
        if name.startswith("w")
        else vector_norm(xp, getattr(net, name) - getattr(other, name))
        for name in ("w_hidden", "w_input", "b_hidden", "w_output", "b_output")
    }
    f, g = (outputs(xp, each, x) for each in nets)
    left = [xp.max(xp.linalg.vector_norm(a - b, axis=1)) for a, b in zip(f, g)]
    right = []
    for t in range(1, T + 1):
        L, total = parameter_constants(xp, R, H, t), xp.asarray(0.0)
        for name, size in moved.items():
            total = total + L[name] * size
        right.append(c * total)
    return xp.stack(left), xp.stack(right)


@section.classic(
    "lipschitz.hidden_closed_form",
    r"\textstyle\sum_{s=1}^t a^{t-s} \sum_{j<s-1} a^j"
    r"= \bigl[t a^{t-1} - (a^t - 1)/(a - 1)\bigr]/(a - 1)",
    draw(a=draw.positive(above=1.0, below=1e3), t=draw.size("T"), sizes={"T": (1, 8)}),
    kind="identity",
    code="bounds.lipschitz",
    proof="With H_s = b sum_{j<s} a^j; its limit at a = 1 is t(t - 1)/2.",
    symbolic=proofs.memory,
)
def hidden_closed_form(xp, a, t):
    total = xp.asarray(0.0)
    for s in range(1, t + 1):
        total = total + a ** (t - s) * horner(xp, a, s - 1)
    return total, (t * a ** (t - 1) - (a**t - 1) / (a - 1)) / (a - 1)


@section.classic(
    "lipschitz.hidden_at_one",
    r"\textstyle\sum_{s=1}^t \sum_{j<s-1} 1 = t(t - 1)/2",
    draw(t=draw.size("T"), sizes={"T": (1, 8)}),
    kind="identity",
    code="bounds.lipschitz",
    symbolic=proofs.memory,
)
def hidden_at_one(xp, t):
    total, one = xp.asarray(0.0), xp.asarray(1.0)
    for s in range(1, t + 1):
        total = total + one ** (t - s) * horner(xp, one, s - 1)
    return total, xp.asarray(float(t * (t - 1))) / 2


@section.paper(
    "lipschitz.input",
    r"\|f_t(x) - f_t(x')\| \le R_o R_i \rho (\rho R_h)^{t-s} \|x_s - x'_s\|,"
    r"\; x = x' \text{ except at step } s",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        moved=draw.matrices("n", "d"),
        s=draw.integers(0, 3),
        sizes={"m": (1, 3)},
    ),
    code="bounds.lipschitz",
    proof="The Jacobian of f_t in x_s has norm at most R_o (rho R_h)^{t-s} rho R_i.",
)
def input_(xp, net, x, moved, s, *, c=1):
    T = x.shape[1]
    s = min(s, T - 1)
    steps = [x[:, t, :] + moved if t == s else x[:, t, :] for t in range(T)]
    changed = xp.stack(steps, axis=1)
    R = radii(xp, [net], x)
    size = xp.linalg.vector_norm(moved, axis=1)
    f, g = outputs(xp, net, x), outputs(xp, net, changed)
    left = [xp.linalg.vector_norm(f[t] - g[t], axis=1) for t in range(s, T)]
    right = [c * R.output * R.input * R.hidden ** (t - s) * size for t in range(s, T)]
    return xp.stack(left), xp.stack(right)


PREDICTIONS = draw(
    f=draw.vectors("q"),
    g=draw.vectors("q"),
    y=draw.integers(0, 3),
    sizes={"q": (2, 4)},
)


def log_sum_exp(xp, f):
    """The logarithm of sum_j exp f_j."""
    peak = xp.max(f)
    return peak + xp.log(xp.sum(xp.exp(f - peak)))


def margin(xp, f, y):
    """f_y - max_{j != y} f_j."""
    others = [f[j] for j in range(f.shape[0]) if j != y]
    return f[y] - xp.max(xp.stack(others))


def ramp(xp, value, gamma):
    """Margin ramp: 1 below 0, 0 above gamma, linear between."""
    return xp.minimum(xp.maximum(1 - value / gamma, 0 * value), 0 * value + 1)


@section.classic(
    "lipschitz.loss_ramp",
    r"|\psi(y, f) - \psi(y, g)| \le (\sqrt2/\gamma) \|f - g\|_2, \text{ the margin ramp}",
    draw(
        f=draw.vectors("q"),
        g=draw.vectors("q"),
        y=draw.integers(0, 3),
        gamma=draw.positive(),
        sizes={"q": (2, 4)},
    ),
    code="bounds.loss_constants",
    proof="The margin is a difference of two coordinates, one of them a maximum.",
)
def loss_ramp(xp, f, g, y, gamma, *, c=2):
    y = min(y, f.shape[0] - 1)
    left = xp.abs(ramp(xp, margin(xp, f, y), gamma) - ramp(xp, margin(xp, g, y), gamma))
    return left, xp.sqrt(c) / gamma * vector_norm(xp, f - g)


@section.classic(
    "lipschitz.loss_cross_entropy",
    r"|\psi(y, f) - \psi(y, g)| \le \sqrt2 \|f - g\|_2, \text{ cross-entropy}",
    PREDICTIONS,
    code="bounds.loss_constants",
    proof="The gradient softmax(f) - e_y has norm at most sqrt 2.",
)
def loss_cross_entropy(xp, f, g, y, *, c=2):
    y = min(y, f.shape[0] - 1)
    left = xp.abs(log_sum_exp(xp, f) - f[y] - log_sum_exp(xp, g) + g[y])
    return left, xp.sqrt(c) * vector_norm(xp, f - g)


@section.classic(
    "lipschitz.range_cross_entropy",
    r"\psi(y, f) \le \log d_y + \sqrt2 \|f\|, \text{ cross-entropy}",
    PREDICTIONS,
    steps=(loss_cross_entropy,),
    code="bounds.loss_constants",
)
def range_cross_entropy(xp, f, g, y, *, c=2):
    y = min(y, f.shape[0] - 1)
    classes = xp.asarray(float(f.shape[0]))
    return log_sum_exp(xp, f) - f[y], xp.log(classes) + xp.sqrt(c) * vector_norm(xp, f)


@section.classic(
    "lipschitz.loss_squared",
    r"|\tfrac12\|y - f\|^2 - \tfrac12\|y - g\|^2| \le (R_y + R_f) \|f - g\|,"
    r"\; \|f\|, \|g\| \le R_f, \; \|y\| \le R_y",
    draw(f=draw.vectors("q"), g=draw.vectors("q"), y=draw.vectors("q")),
    code="bounds.loss_constants",
    proof="The difference is <(f + g)/2 - y, f - g>.",
)
def loss_squared(xp, f, g, y, *, c=1):
    left = xp.abs(xp.sum((y - f) ** 2) - xp.sum((y - g) ** 2)) / 2
    R_f = xp.maximum(vector_norm(xp, f), vector_norm(xp, g))
    return left, c * (vector_norm(xp, y) + R_f) * vector_norm(xp, f - g)


@section.classic(
    "lipschitz.loss_absolute",
    r"|\|y - f\|_1 - \|y - g\|_1| \le \sqrt{d_y} \|f - g\|_2",
    draw(f=draw.vectors("q"), g=draw.vectors("q"), y=draw.vectors("q")),
    code="bounds.loss_constants",
)
def loss_absolute(xp, f, g, y, *, c=1):
    left = xp.abs(xp.sum(xp.abs(y - f)) - xp.sum(xp.abs(y - g)))
    return left, c * xp.sqrt(xp.asarray(float(f.shape[0]))) * vector_norm(xp, f - g)
