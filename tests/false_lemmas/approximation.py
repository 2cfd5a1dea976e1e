"""False lemmas about the error of the compressed network."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue import approximation as true
from validation.catalogue import approximation_a_priori, approximation_slopes
from validation.catalogue.approximation import (
    LONGER,
    SETTING,
    WEIGHTED,
    geometric,
    mean_square,
    norm,
    powers,
    run,
    spectral,
    toeplitz,
)
from validation.catalogue.leverage import EVENT, SETTING_WITH_Z, drawn_nodes_live, ridge_loss
from validation.instances import Network

lemmas = Lemmas("3", __name__)

global_constant = lemmas.mutated(
    true.global_,
    "global_constant",
    "Attained at T = 2 by one impulse that passes from a dropped node to a kept one.",
    c=Fraction(19, 20),
)
recursion_constant = lemmas.mutated(
    true.recursion,
    "recursion_constant",
    "Equality at t = 2 for s = id, where e_1 = 0.",
    c=Fraction(49, 50),
)
young_constant = lemmas.mutated(
    true.young,
    "young_constant",
    "A shift of an impulse by one step keeps its norm.",
    c=Fraction(19, 20),
)
toeplitz_below_global_constant = lemmas.mutated(
    true.toeplitz_below_global,
    "toeplitz_below_global_constant",
    "At T = 2 both are 1.",
    c=Fraction(99, 100),
)
last_step_constant = lemmas.mutated(
    true.last_step_from_mean,
    "last_step_constant",
    "At T = 2 with r_2 = 0 both sides are |W_h[J,:] r_1|.",
    c=Fraction(19, 20),
)
a_priori_without_event = lemmas.mutated(
    approximation_a_priori.a_priori,
    "a_priori_without_event",
    "The nodes drawn may miss a direction with S far above lam.",
    statement=r"\|\hat f - f'\|_{n,T} \le (\ldots) \sqrt{4 \lambda N(\lambda)}"
    r"\text{ for every multiset}",
    hypotheses={},
)


@lemmas.claim(
    "young_for_any_weights",
    r"\Bigl(\sum_t w_t \bigl(\sum_{s<t} a^{t-1-s} u_s\bigr)^2\Bigr)^{1/2}"
    r"\le \Gamma_T(a) \Bigl(\sum_t w_t u_t^2\Bigr)^{1/2}",
    draw(
        u=draw.vectors("T", low=0),
        a=draw.positive(below=1e3),
        w=draw.time_weights(),
        sizes={"T": (2, 6)},
    ),
    why="The weights must not increase: on the last step alone the right side sees u_T only.",
)
def young_for_any_weights(xp, u, a, w):
    return true.young.body(xp, u, a, w)


@lemmas.claim(
    "global_for_any_weights",
    r"\|\hat f - f'\|_{n,w} \le \|W_o r\|_{n,w}"
    r"+ \|W_o'\|_2 \, \rho \, \Gamma_T(\rho\kappa) \, \|W_h[J,:] r\|_{n,w}",
    WEIGHTED,
    why="On the last step the error comes from residuals of earlier steps, which w does not see.",
)
def global_for_any_weights(xp, net, x, J, A, w):
    both = run(xp, net, x, J, A)
    growth = geometric(xp, spectral(xp, both.small.w_hidden), both.T)
    carried = spectral(xp, both.small.w_output) * growth * norm(xp, both.recurrent, w)
    return norm(xp, both.output_error, w), norm(xp, both.readout, w) + carried


def with_growth(name, statement, why, growth, sizes, hidden=False):
    """`approximation.global` with another growth factor than Gam_T(kappa).

    With `hidden` for the hidden state alone: ||e||_{n,T} <= growth ||W_h[J,:] r||_{n,T}.
    """
    instances = draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        sizes=sizes,
    )

    @lemmas.claim(name, statement, instances, why=why)
    def body(xp, net, x, J, A):
        both = run(xp, net, x, J, A)
        carried = growth(xp, both.small.w_hidden, both.T) * norm(xp, both.recurrent)
        if hidden:
            return norm(xp, both.error), carried
        carried = spectral(xp, both.small.w_output) * carried
        return norm(xp, both.output_error), norm(xp, both.readout) + carried

    return body


def spectral_radius(xp, W):
    """Largest modulus of an eigenvalue, for k <= 2."""
    if W.shape[0] == 1:
        return xp.abs(W[0, 0])
    trace, det = xp.linalg.trace(W), xp.linalg.det(W)
    discriminant = trace**2 - 4 * det
    if bool(discriminant >= 0):
        return (xp.abs(trace) + xp.sqrt(discriminant)) / 2
    return xp.sqrt(det)


off_by_one = with_growth(
    "geometric_sum_off_by_one",
    r"\|\hat f - f'\|_{n,T} \le \|W_o r\|_{n,T} + \|W_o'\|_2 \rho"
    r"\sum_{j=0}^{T-3} (\rho\kappa)^j \|W_h[J,:] r\|_{n,T}",
    "The sum runs to T - 2: at T = 2 the first residual already counts.",
    lambda xp, W, T: geometric(xp, spectral(xp, W), T - 1),
    {"m": (1, 4), "k": (1, "m"), "T": (1, 4)},
)
spectral_radius_for_norm = with_growth(
    "spectral_radius",
    r"\|e\|_{n,T} \le \rho \, \Gamma_T(\rho \, r(W_h')) \|W_h[J,:] r\|_{n,T},"
    r"\; r(W) \text{ the spectral radius}",
    "A nilpotent W_h' has spectral radius 0 and still passes errors on.",
    lambda xp, W, T: geometric(xp, spectral_radius(xp, W), T),
    {"m": (2, 3), "k": (1, 2), "T": (3, 5)},
    hidden=True,
)
largest_entry_for_norm = with_growth(
    "largest_entry",
    r"\|e\|_{n,T} \le \rho \, \Gamma_T(\rho \max_{ij} |W_h'|_{ij}) \|W_h[J,:] r\|_{n,T}",
    "The largest entry is below the spectral norm.",
    lambda xp, W, T: geometric(xp, xp.max(xp.abs(W)), T),
    {"m": (2, 3), "k": (2, "m"), "T": (3, 5)},
    hidden=True,
)
no_growth_below_one = with_growth(
    "no_growth_below_one",
    r"\|\hat f - f'\|_{n,T} \le \|W_o r\|_{n,T} + \|W_o'\|_2 \rho"
    r"\max(1, \kappa^{T-2}) \|W_h[J,:] r\|_{n,T}",
    "Errors of earlier steps add up even where kappa <= 1.",
    lambda xp, W, T: xp.maximum(xp.asarray(1.0), spectral(xp, W) ** (T - 2)),
    {"m": (1, 3), "k": (1, "m"), "T": (3, 5)},
)


@lemmas.claim(
    "global_below_toeplitz",
    r"\Gamma_T(a) \le \|L_T(a)\|_2",
    draw(a=draw.positive(below=1e3), T=draw.size("T"), sizes={"T": (2, 6)}),
    why="The inequality points the other way.",
)
def global_below_toeplitz(xp, a, T):
    return geometric(xp, a, T), spectral(xp, toeplitz(xp, powers(a, T - 1)))


@lemmas.claim(
    "toeplitz_at_one_index",
    r"\|L_T(1)\|_2 = \frac{1}{2 \sin(\pi/(4T))}",
    draw(T=draw.size("T"), sizes={"T": (2, 8)}),
    kind="identity",
    why="The matrix has T - 1 rows: 4(T - 1) + 2 = 4T - 2.",
)
def toeplitz_at_one_index(xp, T):
    return true.toeplitz_at_one.body(xp, T)[0], 1 / (2 * xp.sin(xp.pi / (4 * T)))


@lemmas.claim(
    "power_without_absolute_values",
    r"\|W \Delta W\|_2 \le \|W^2\|_2 \text{ for diagonal } 0 \le \Delta \le 1",
    draw(W=draw.matrices("m", "m"), D=draw.vectors("m", low=0, high=1), sizes={"m": (2, 3)}),
    why="Signs that cancel in W^2 need not cancel when a ReLU switches a node off.",
)
def power_without_absolute_values(xp, W, D):
    return spectral(xp, W @ (xp.reshape(D, (D.shape[0], 1)) * W)), spectral(xp, W @ W)


@lemmas.claim(
    "split_sign",
    r"\hat f_t - f'_t = W_o r_t + W_o' e_t",
    SETTING,
    kind="identity",
    why="e_t is h'_t - h_{t,J}: it enters with a minus.",
)
def split_sign(xp, net, x, J, A):
    both = run(xp, net, x, J, A)
    right = [u + e @ both.small.w_output.T for u, e in zip(both.readout, both.error)]
    return xp.stack(both.output_error), xp.stack(right)


@lemmas.claim(
    "recursion_largest",
    r"\|e_t\| \le \rho \max(\|W_h' e_{t-1}\|, \|W_h[J,:] r_{t-1}\|)",
    LONGER,
    why="The maximum stands where the triangle inequality has a sum.",
)
def recursion_largest(xp, net, x, J, A):
    both = run(xp, net, x, J, A)
    left, right = [], []
    for t in range(1, both.T):
        carried = xp.linalg.vector_norm(both.error[t - 1] @ both.small.w_hidden.T, axis=1)
        left.append(xp.linalg.vector_norm(both.error[t], axis=1))
        right.append(xp.maximum(carried, xp.linalg.vector_norm(both.recurrent[t - 1], axis=1)))
    return xp.stack(left), xp.stack(right)


@lemmas.claim(
    "weighted_same_step",
    r"\|\hat f - f'\|_{n,w} \le \|W_o r\|_{n,w} + \|W_o'\|_2 (\textstyle\sum_t w_t b_t^2)^{1/2},"
    r"\; b_t = \rho(\kappa b_{t-1} + \|W_h[J,:] r_t\|_n)",
    WEIGHTED,
    why="The residual of the step before enters, r_{t-1}.",
)
def weighted_same_step(xp, net, x, J, A, w):
    both = run(xp, net, x, J, A)
    kappa, b, total = spectral(xp, both.small.w_hidden), xp.asarray(0.0), xp.asarray(0.0)
    for t in range(1, both.T):
        b = kappa * b + xp.sqrt(mean_square(xp, both.recurrent[t]))
        total = total + w[t] * b**2
    carried = spectral(xp, both.small.w_output) * xp.sqrt(total)
    return norm(xp, both.output_error, w), norm(xp, both.readout, w) + carried


@lemmas.claim(
    "weighted_from_mean_without_T",
    r"\|e\|_{n,w} \le \rho \, \|\operatorname{diag}(\sqrt{w_2}..\sqrt{w_T})"
    r"L_T(\rho\kappa)\|_2 \, \|W_h[J,:] r\|_{n,T}",
    true.weighted_from_mean.instances,
    why="The mean over time has weights 1/T: the factor sqrt T is missing.",
)
def weighted_from_mean_without_T(xp, net, x, J, A, w):
    left, right = true.weighted_from_mean.body(xp, net, x, J, A, w)
    return left, right / xp.sqrt(xp.asarray(float(x.shape[1])))


@lemmas.claim(
    "last_step_exponent",
    r"\|e_T\|_n \le \rho \sqrt{T \, \Gamma_T(\rho\kappa)} \, \|W_h[J,:] r\|_{n,T}",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        sizes={"m": (1, 3), "k": (1, "m"), "T": (3, 5)},
    ),
    why="Cauchy-Schwarz squares the coefficients: (rho kappa)^2 in the sum.",
)
def last_step_exponent(xp, net, x, J, A):
    both = run(xp, net, x, J, A)
    kappa = spectral(xp, both.small.w_hidden)
    growth = xp.sqrt(both.T * geometric(xp, kappa, both.T))
    return norm(xp, both.error[-1:]), growth * norm(xp, both.recurrent)


@lemmas.claim(
    "readout_from_mean_without_T",
    r"\|W_o r\|_{n,w} \le \sqrt{\max_t w_t} \, \|W_o r\|_{n,T}",
    WEIGHTED,
    why="At w = 1/T the two norms are equal, and the factor would be 1/sqrt T.",
)
def readout_from_mean_without_T(xp, net, x, J, A, w):
    both = run(xp, net, x, J, A)
    return norm(xp, both.readout, w), xp.sqrt(xp.max(w)) * norm(xp, both.readout)


@lemmas.claim(
    "scaled_for_free",
    r"\|\hat f - f'\|_{n,T} \le \|W_o r\|_{n,T} + \|W_o'\|_2 \, \rho \,"
    r"\Gamma_T(\rho \|D W_h' D^{-1}\|_2) \, \|D W_h[J,:] r\|_{n,T}",
    true.scaled.instances,
    why="The read-out pays with D^{-1}: a small D would make the bound vanish.",
)
def scaled_for_free(xp, net, x, J, A, D):
    both = run(xp, net, x, J, A)
    column = xp.reshape(D, (D.shape[0], 1))
    growth = geometric(xp, spectral(xp, column * both.small.w_hidden / D), both.T)
    carried = spectral(xp, both.small.w_output) * growth
    recurrent = norm(xp, [u * D for u in both.recurrent])
    return norm(xp, both.output_error), norm(xp, both.readout) + carried * recurrent


@lemmas.claim(
    "output_loss_by_spectral_norm",
    r"L_B(J) \le 4 \lambda \|Z\|_2^2 \text{ on 2a's event}",
    SETTING_WITH_Z,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    why="Z may read several directions: S = 3 lam I_3, one draw, Z = I gives 6.3 lam.",
)
def output_loss_by_spectral_norm(xp, F, J, lam, Z):
    left = xp.linalg.trace(Z @ ridge_loss(xp, F, J, lam) @ Z.T)
    return left, 4 * lam * spectral(xp, Z) ** 2


@lemmas.claim(
    "readout_alone",
    r"\|\hat f - f'\|_{n,T} \le \|W_o r\|_{n,T} \text{ where } W_h' = 0",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        sizes={"m": (2, 3), "k": (1, "m"), "T": (2, 4)},
    ),
    why="W_h' = 0 stops the error from passing on, not from arising at every step.",
)
def readout_alone(xp, net, x, J):
    W = net.w_hidden
    kept = xp.take(xp.eye(W.shape[0]), J, axis=1)
    severed = Network(
        W - W @ kept @ kept.T,
        net.w_input,
        net.b_hidden,
        net.w_output,
        net.b_output,
        activation=net.activation,
    )
    both = run(xp, severed, x, J, kept)
    return norm(xp, both.output_error), norm(xp, both.readout)


local_constant = lemmas.mutated(
    approximation_slopes.local,
    "local_constant",
    "Equality at t = 2 where every kept node is on, or s = id.",
    c=Fraction(49, 50),
)


@lemmas.claim(
    "local_by_the_large_run",
    approximation_slopes.local.statement.replace("both runs", "the large run and itself"),
    approximation_slopes.local.instances,
    why="The small run may be where s is steeper: on where the large one is off, or nearer 0.",
)
def local_by_the_large_run(xp, net, x, J, A):
    def slopes(xp, activation, a, b):
        return approximation_slopes.largest_slopes(xp, activation, a, a)

    return approximation_slopes.local_recursion(xp, net, x, J, A, 1, slopes)
