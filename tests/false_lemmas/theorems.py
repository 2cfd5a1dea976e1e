"""False lemmas about the assembled theorem."""

from __future__ import annotations

from planted import Lemmas
from uniform import SAMPLE, hoeffding, sample

from validation import draw
from validation.catalogue import theorems as true
from validation.catalogue.approximation import norm, run
from validation.catalogue.degrees_of_freedom import degrees_of_freedom
from validation.catalogue.determinantal import residual, smallest, squared_norm, subsets
from validation.catalogue.lipschitz import horner, margin, outputs, ramp

lemmas = Lemmas("7", __name__)

transfer_constant = lemmas.mutated(
    true.transfer,
    "transfer_constant",
    "The margin is a difference of two coordinates: rho_psi = sqrt 2/gamma.",
    statement=r"|\hat\Psi(f') - \hat\Psi(\hat f)| \le (1/\gamma) \|\hat f - f'\|_{n,w}",
    c=1,
)


@lemmas.claim(
    "transfer_time_average",
    r"|\hat\Psi(f') - \hat\Psi(\hat f)| \le (\sqrt2/\gamma) \|\hat f - f'\|_{n,T}"
    r"\text{ for every } w",
    true.transfer.instances,
    why="The loss weighs by w; on the last step the time average is smaller by sqrt T.",
)
def transfer_time_average(xp, net, x, J, A, w, y, gamma):
    left, _ = true.transfer.body(xp, net, x, J, A, w, y, gamma, c=2)
    error = run(xp, net, x, J, A).output_error
    return left, xp.sqrt(xp.asarray(2.0)) / gamma * norm(xp, error)


@lemmas.claim(
    "transfer_squared",
    r"|\hat\Psi(f') - \hat\Psi(\hat f)| \le (2/\gamma^2) \|\hat f - f'\|_{n,w}^2",
    true.transfer.instances,
    why="A small error has a much smaller square; the ramp is not smooth of order two.",
)
def transfer_squared(xp, net, x, J, A, w, y, gamma):
    left, right = true.transfer.body(xp, net, x, J, A, w, y, gamma, c=2)
    return left, right**2


@lemmas.claim(
    "transfer_worst_step",
    r"\max_{i,t} |\psi(f'_t(X^i)) - \psi(\hat f_t(X^i))| \le (\sqrt2/\gamma) \|\hat f - f'\|_{n,w}",
    true.transfer.instances,
    why="A mean over the sample does not bound its largest term.",
)
def transfer_worst_step(xp, net, x, J, A, w, y, gamma):
    error = run(xp, net, x, J, A).output_error
    label = min(y, net.b_output.shape[0] - 1)
    gaps = []
    for f, e in zip(outputs(xp, net, x), error):
        for i in range(x.shape[0]):
            before = ramp(xp, margin(xp, f[i, :], label), gamma)
            after = ramp(xp, margin(xp, f[i, :] - e[i, :], label), gamma)
            gaps.append(xp.abs(after - before))
    return xp.max(xp.stack(gaps)), xp.sqrt(xp.asarray(2.0)) / gamma * norm(xp, error, w)


@lemmas.claim(
    "ramp_below_error",
    r"\psi_\gamma(y, f) \le [f_y \le \max_{j \ne y} f_j]",
    draw(f=draw.vectors("q"), y=draw.integers(0, 3), gamma=draw.positive(), sizes={"q": (2, 4)}),
    why="The ramp bounds the error from above: it is positive on margins below gamma.",
)
def ramp_below_error(xp, f, y, gamma):
    value = margin(xp, f, min(y, f.shape[0] - 1))
    return ramp(xp, value, gamma), xp.asarray(float(bool(value <= 0)))


@lemmas.claim(
    "stratified_weights_without_constant",
    r"\sum_{|j| \le J} \frac{1}{(|j| + 1)(|j| + 2)} \le 1",
    draw(J=draw.integers(0, 40)),
    why="Over the integers they sum to 3/2: the factor 2/3 is missing.",
)
def stratified_weights_without_constant(xp, J):
    return 3 * true.stratified_weights.body(xp, J)[0] / 2, xp.asarray(1.0)


@lemmas.claim(
    "stratified_weights_index",
    r"\sum_{|j| \le J} \frac{2/3}{(|j| + 1)(|j| + 2)} = 1 - \frac{4}{3 (J + 1)}",
    draw(J=draw.integers(0, 40)),
    kind="identity",
    why="The telescoped remainder is 1/(J + 2).",
)
def stratified_weights_index(xp, J):
    return true.stratified_weights.body(xp, J)[0], 1 - xp.asarray(4.0) / (3 * (J + 1))


@lemmas.claim(
    "rounding_radii_costs_two",
    r"\textstyle\sum_{j<t} (2 R_h)^j \le 2 \sum_{j<t} R_h^j",
    draw(R=draw.positive(below=1e3), t=draw.size("T"), sizes={"T": (1, 5)}),
    why="Rounding R_h up to a power of 2 costs 2^{t-1}: hence the finer grid 2^{j/T}.",
)
def rounding_radii_costs_two(xp, R, t):
    return horner(xp, 2 * R, t), 2 * horner(xp, R, t)


@lemmas.claim(
    "tradeoff_is_quasiconvex",
    r"B(\sqrt{\lambda_1 \lambda_2}) \le \max(B(\lambda_1), B(\lambda_2)),"
    r"\; B(\lambda) = \sqrt\lambda + N(\lambda)^{5/4}/\sqrt n",
    draw(
        S=draw.covariances(nonsingular=True),
        lam=draw.positive(),
        ratio=draw.positive(above=1.0, below=1e6),
        n=draw.positive(above=1.0, below=1e6),
    ),
    why="sqrt(lam) has infinite slope at 0, where N stays finite: lam = 0 is a local minimum.",
)
def tradeoff_is_quasiconvex(xp, S, lam, ratio, n):
    def bound(value):
        N = degrees_of_freedom(xp, S, value)
        return xp.sqrt(value) + N * xp.sqrt(xp.sqrt(N)) / xp.sqrt(n)

    return bound(lam), xp.maximum(bound(lam / ratio), bound(lam * ratio))


@lemmas.claim(
    "tradeoff_increases",
    r"B(\lambda) \le B(\lambda'), \; \lambda \le \lambda',"
    r"\; B(\lambda) = \sqrt\lambda + N(\lambda)^{5/4}/\sqrt n",
    draw(
        S=draw.covariances(nonsingular=True),
        lam=draw.positive(),
        step=draw.positive(),
        n=draw.positive(above=1.0, below=1e6),
    ),
    why="The complexity falls with lam: the trade-off is real.",
)
def tradeoff_increases(xp, S, lam, step, n):
    def bound(value):
        N = degrees_of_freedom(xp, S, value)
        return xp.sqrt(value) + N * xp.sqrt(xp.sqrt(N)) / xp.sqrt(n)

    return bound(lam), bound(lam + step)


@lemmas.claim(
    "determinantal_at_the_means",
    r"\exists J: |J| \le \tfrac32 N, \; L_A(J) \le \tfrac32 \lambda N, \; \|A\|_F^2 \le m N",
    draw(S=draw.covariances(nonsingular=True), lam=draw.positive(), sizes={"m": (1, 4)}),
    why="The three probabilities of failure add up to more than 1: 2/3 + 2/3 + 1.",
)
def determinantal_at_the_means(xp, S, lam):
    m, N = S.shape[0], degrees_of_freedom(xp, S, lam)
    worst = []
    for J in subsets(m):
        ratios = [
            2 * len(J) / (3 * N),
            2 * xp.linalg.trace(residual(xp, S, J)) / (3 * lam * N),
            squared_norm(xp, S, J) / (m * N),
        ]
        worst.append(xp.max(xp.stack(ratios)))
    return smallest(xp, worst), xp.asarray(1.0)


@lemmas.claim(
    "selected_on_the_sample",
    r"P(P \hat f > P_n \hat f + \sqrt{\log(1/\delta)/(2n)}) \le \delta"
    r"\text{ for the minimiser } \hat f \text{ of } P_n",
    SAMPLE,
    kind="probabilistic",
    failure="delta",
    why="The bound is for a function fixed in advance; the minimiser was chosen on the sample.",
)
def selected_on_the_sample(xp, rng, F, p, n, delta):
    empirical = xp.sum(xp.take(F, sample(xp, rng, p, n), axis=1), axis=1) / n
    best = 0
    for j in range(1, F.shape[0]):
        if bool(empirical[j] < empirical[best]):
            best = j
    return (F @ p)[best] - empirical[best], hoeffding(xp, n, delta)
