"""False lemmas about certificates: what is chosen on the data and not paid for."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation import draw
from validation.catalogue import martingales as text
from validation.catalogue import occam as true

lemmas = Lemmas("8", __name__)

ONE = draw(
    P=draw.stochastic_matrices("row", "d"),
    n=draw.size("n"),
    delta=text.DELTAS,
    sizes={"row": 1, "d": 2, "n": (1, 3)},
)


@lemmas.claim(
    "not_prefix_free",
    r"P(\text{`occam.binomial` fails for some classifier}) \le \delta, \; |c| \text{ the length of "
    r"the file}",
    true.DOMAIN,
    why="The strings 0, 1, 00, 01, ... and the empty one are no prefix code: their Kraft sum is 1 "
    "for each length.",
)
def not_prefix_free(xp, P, n, delta):
    sets = sorted(true.classifiers(P.shape[1]), key=lambda wrong: abs(len(wrong) - 1))
    lengths = [(i + 1).bit_length() - 1 for i in range(len(sets))]
    fails = true.tail_fails(xp, n, delta)
    return true.failing(xp, P[0, :], n, fails, sets, lengths), xp.asarray(delta)


@lemmas.claim(
    "size_not_coded",
    r"P(\text{`occam.binomial` fails for the network of some size } k) \le \delta, \; |c|"
    r"\text{ its length among those of its size}",
    true.DOMAIN,
    why="One network for each size: none needs a bit among those of its size, but k was chosen.",
)
def size_not_coded(xp, P, n, delta):
    d = P.shape[1]
    fails = true.tail_fails(xp, n, delta)
    sets = [[k] for k in range(d)]
    return true.failing(xp, P[0, :], n, fails, sets, [0] * d), xp.asarray(delta)


@lemmas.claim(
    "preprocessing_on_the_data",
    r"P(\text{`occam.binomial` fails for one of two preprocessings}) \le \delta",
    true.DOMAIN,
    why="Which of the two is used was chosen on the sample: one bit, which is not paid.",
)
def preprocessing_on_the_data(xp, P, n, delta):
    d = P.shape[1]
    fails = true.tail_fails(xp, n, delta)
    sets = [list(range(d // 2)), list(range(d // 2, d))]
    return true.failing(xp, P[0, :], n, fails, sets, [0, 0]), xp.asarray(delta)


@lemmas.claim(
    "table_outside_the_code",
    r"P(\operatorname{err} > \sup\{p: P(\operatorname{Bin}(n, p) \le k) \ge \delta 2^{-1}\}) \le"
    r"\delta, \text{ one bit: look the label up in the table}",
    true.DOMAIN,
    why="The decoder reads a table that was fitted to the sample: no error on it, and no length.",
)
def table_outside_the_code(xp, P, n, delta):
    p, total = P[0, :], xp.asarray(0.0)
    for counts, chance in true.samples(xp, p, n):
        unseen = [j for j, count in enumerate(counts) if count == 0]
        tail = (1 - true.error(xp, p, unseen)) ** n
        if bool(tail < xp.asarray(delta) / 2):
            total = total + chance
    return total, xp.asarray(delta)


@lemmas.claim(
    "delta_spent_twice",
    r"P(\operatorname{err} > \min(U_1, U_2)) \le \delta, \; U_1, U_2 \text{ of two samples,"
    r" each at } \delta",
    ONE,
    why="The least of two bounds fails where either does: each needs delta/2.",
)
def delta_spent_twice(xp, P, n, delta):
    fails = true.tail_fails(xp, n, delta)
    once = true.failing(xp, P[0, :], n, fails, [[1]], [0])
    return 1 - (1 - once) ** 2, xp.asarray(delta)


@lemmas.claim(
    "kl_two_sided",
    r"P(n\, \mathrm{kl}(k/n \| \operatorname{err}) > \ln(1/\delta)) \le \delta",
    ONE,
    why="n = 1, err = 1/2, delta > 1/2: kl is ln 2 whatever is seen. Two sides need ln(2/delta).",
)
def kl_two_sided(xp, P, n, delta):
    fails = true.kl_fails(xp, n, delta, both=True)
    return true.failing(xp, P[0, :], n, fails, [[1]], [0]), xp.asarray(delta)


@lemmas.claim(
    "smoothing_unpaid",
    r"P(\text{`martingale.betting` fails for the best smoothing weight}) \le \delta, \; |c| = 0",
    text.CHAIN,
    why="The weight was chosen on the text after the fact: its bits are missing.",
)
def smoothing_unpaid(xp, P, Z, T, delta):
    def evidence(n, z, mu):
        return text.wealth(xp, n, z, text.average(mu))

    levels = text.codeword_levels(xp, Z.shape[0], delta, 1, lengths=(0, 0, 0))
    return text.failure_probability(xp, P, Z, T, evidence, levels), xp.asarray(delta)


@lemmas.claim(
    "azuma_two_sided",
    r"P(|m_T - \bar z_T| > \sqrt{\ln(1/\delta)/(2 T)}) \le \delta",
    draw(
        P=draw.stochastic_matrices("s", "s"),
        Z=draw.matrices("M", "s", low=0.0, high=1.0),
        T=draw.size("T"),
        delta=text.DELTAS,
        sizes={"s": (1, 3), "M": 1, "T": (1, 3)},
    ),
    why="T = 1, a fair coin, delta = 3/4: the gap is 1/2 whatever is seen. Delta is spent twice.",
)
def azuma_two_sided(xp, P, Z, T, delta):
    def evidence(n, z, mu):
        return 2 * n * (text.average(mu) - text.average(z)) ** 2

    logs = [xp.log(1 / xp.asarray(delta))]
    found = text.failure_probability(xp, P, Z, T, evidence, logs, every=False)
    return found, xp.asarray(delta)


@lemmas.claim(
    "range_seen",
    r"P(m_T - \bar z_T > \max_t z_t \sqrt{\ln(1/\delta)/(2 T)}) \le \delta",
    azuma_two_sided.instances,
    why="The range must be the largest loss possible, not the largest seen: a rare large loss.",
)
def range_seen(xp, P, Z, T, delta):
    log = xp.log(1 / xp.asarray(delta))

    def evidence(n, z, mu):
        largest = z[0]
        for loss in z[1:]:
            largest = xp.maximum(largest, loss)
        gap = xp.maximum(text.average(mu) - text.average(z), xp.asarray(0.0))
        return 2 * n * gap**2 - log * largest**2

    found = text.failure_probability(xp, P, Z, T, evidence, [xp.asarray(0.0)], every=False)
    return found, xp.asarray(delta)


bernstein_step_constant = lemmas.mutated(
    text.bernstein_step,
    "bernstein_step_constant",
    "At xi = -1 the two sides are equal.",
    c=Fraction(9, 10),
)
