"""False lemmas about saturation and dissipation: the careless forms."""

from __future__ import annotations

from planted import Lemmas

from validation import draw
from validation.catalogue import approximation_bounded as true
from validation.catalogue.approximation import SIZES, WEIGHTED, mean_square, norm, run

lemmas = Lemmas("3", __name__)
SETTING = draw(
    net=draw.networks(),
    x=draw.sequences(),
    J=draw.node_sets(),
    A=draw.matrices("m", "k"),
    w=draw.time_weights(),
    d=draw.vectors("k", low=2.0**-20),
    sizes={**SIZES, "m": (1, 3)},
)


@lemmas.claim(
    "saturation_without_bound",
    r"\|W_o' e\|_{n,w} \le (\textstyle\sum_i d_i (1 + \|h_{J_i}\|_{n,w})^2)^{1/2}"
    r"\text{ for every } s",
    WEIGHTED,
    why="Only a bounded s keeps h' below 1.",
)
def saturation_without_bound(xp, net, x, J, A, w):
    return true.saturation.body(xp, net, x, J, A, w)


@lemmas.claim(
    "saturation_without_states",
    r"\|W_o' e\|_{n,w} \le (\textstyle\sum_i d_i)^{1/2}, \; |s| \le 1",
    true.saturation.instances,
    why="e is a difference of two states, each of which may be 1.",
)
def saturation_without_states(xp, net, x, J, A, w):
    both = run(xp, net, x, J, A)
    d = true.row_sums(xp, both.small.w_output.T @ both.small.w_output)
    return norm(xp, true.carried(both), w), xp.sqrt(xp.sum(d))


@lemmas.claim(
    "dissipation_two_parts",
    r"\|\hat f - f'\|_{n,w}^2 \le \sum_t \operatorname{Tr}[X_t Q_t] + \operatorname{Tr}[Z_t Y_t],"
    r"\; E_t = D_t = F_t = 2\Lambda_t - w_t W_o'^T W_o' - P_t",
    SETTING,
    why="The three products with e share what 2 Lambda leaves; each may not have all of it.",
)
def dissipation_two_parts(xp, net, x, J, A, w, d):
    both = run(xp, net, x, J, A)
    return norm(xp, both.output_error, w) ** 2, true.dissipated(xp, both, w, d, 1)


@lemmas.claim(
    "dissipation_from_the_second_step",
    r"\|\hat f - f'\|_{n,w}^2 \le \sum_{t \ge 2} (\operatorname{Tr}[X_t Q_t]"
    r"+ \operatorname{Tr}[Z_t Y_t])",
    SETTING,
    why="The first step has no error of the state, but a residual that the output sees.",
)
def dissipation_from_the_second_step(xp, net, x, J, A, w, d):
    both = run(xp, net, x, J, A)
    right = true.dissipated(xp, both, w, d, 3, first=False)
    return norm(xp, both.output_error, w) ** 2, right


@lemmas.claim(
    "saturation_one_lag_from_weighted_states",
    r"\|W_o' W_h' e_{t-1}\|_{n,w} \le (\textstyle\sum_i d_i (1 + \|h_{J_i}\|_{n,w})^2)^{1/2},"
    r"\; \operatorname{diag}(d) \succeq W_h'^T W_o'^T W_o' W_h', \; |s| \le 1",
    draw(
        net=draw.networks(activations=("tanh",)),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        sizes={"m": (1, 2), "k": (1, "m"), "T": (3, 4)},
    ),
    why="At the last step the states of the step before are not those that w sees.",
)
def saturation_one_lag_from_weighted_states(xp, net, x, J, A):
    both = run(xp, net, x, J, A)
    Z = both.small.w_output @ both.small.w_hidden
    d = true.row_sums(xp, Z.T @ Z)
    kept = xp.take(net.states(xp, x)[-1], J, axis=1)
    reach = 1 + xp.sqrt(xp.sum(kept**2, axis=0) / x.shape[0])
    left = xp.sqrt(mean_square(xp, both.error[-2] @ Z.T))
    return left, xp.sqrt(xp.sum(d * reach**2))
