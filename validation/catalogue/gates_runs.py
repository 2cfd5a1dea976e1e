"""Section 12 of the theory: the error of gated networks along both runs, by its exact recursion.

What inputs and biases bring is drawn for every step and for both networks, any numbers: `u` of the
large network, `w` of the small one, as in `validation.catalogue.gates`, whose steps these are.
"""

from __future__ import annotations

from validation.catalogue.gates import gru_pair, gru_step, lstm_pair, lstm_step
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("12")
SIZES = {"m": (1, 3), "k": (1, "m"), "T": (1, 3), "q": (1, 2)}
READ = {"Z": draw.matrices("q", "m"), "Y": draw.matrices("q", "k"), "b": draw.vectors("q")}
GRU_RUNS = draw(
    W=draw.arrays(3, "m", "m"),
    V=draw.arrays(3, "k", "k"),
    u=draw.arrays("T", 4, "m"),
    w=draw.arrays("T", 4, "k"),
    h=draw.vectors("m"),
    e=draw.vectors("k"),
    J=draw.node_sets(),
    **READ,
    sizes=SIZES,
)
LSTM_RUNS = draw(
    W=draw.arrays(4, "m", "m"),
    V=draw.arrays(4, "k", "k"),
    u=draw.arrays("T", 4, "m"),
    w=draw.arrays("T", 4, "k"),
    h=draw.vectors("m"),
    c=draw.vectors("m"),
    e=draw.vectors("k"),
    e_c=draw.vectors("k"),
    J=draw.node_sets(),
    **READ,
    sizes=SIZES,
)


def logistic_slope(s):
    """The derivative of the logistic function where its value is s."""
    return s * (1 - s)


def tanh_slope(s):
    """The derivative of tanh where its value is s."""
    return 1 - s * s


def secant(xp, change, after, before, slope):
    """(after - before)/change, the slope of a secant; the derivative where nothing changes."""
    still = change == 0
    quotient = (after - before) / xp.where(still, xp.ones_like(change), change)
    return xp.where(still, slope(before), quotient)


def gru_lags(xp, W, V, u, w, h, e, J, secant=secant, lags=None):
    """J_T ... J_{s+1} b_s for s = 0..T (b_0 = e_0), and the last states of both networks.

    With `lags` it is these that are carried in place of e_0, and of one network beside itself:
    nothing is born.
    """
    still, lags = lags is not None, [e] if lags is None else lags
    for u_t, w_t in zip(u, w, strict=True):
        large, small = gru_pair(xp, W, V, u_t, w_t, h, e, J)
        d = [V[g] @ large.h - xp.take(W[g] @ h, J, axis=0) for g in range(3)]
        d = [0 * value for value in d] if still else d
        d_r, d_z, d_in, d_b = (w_t[g] - xp.take(u_t[g], J, axis=0) for g in range(4))
        d_r, d_z, d_n = d_r + d[0], d_z + d[1], d_b + d[2]
        moved_r = V[0] @ e + d_r
        D_r = secant(xp, moved_r, small.r, large.r, logistic_slope)
        D_z = secant(xp, V[1] @ e + d_z, small.z, large.z, logistic_slope)
        # D_r moved_r is r' - r, and exactly 0 where nothing moved: balls do not see it otherwise.
        moved = d_in + small.r * (V[2] @ e + d_n) + large.v * D_r * moved_r
        candidate = (1 - small.z) * secant(xp, moved, small.n, large.n, tanh_slope)
        reset, update = candidate * large.v * D_r, (large.h - large.n) * D_z
        reads = candidate * small.r
        lags = [
            small.z * p + reset * (V[0] @ p) + update * (V[1] @ p) + reads * (V[2] @ p)
            for p in lags
        ]
        lags.append(reset * d_r + update * d_z + candidate * d_in + reads * d_n)
        h = gru_step(xp, W, u_t, h).after
        e = small.after - xp.take(h, J, axis=0)
    return lags, h, xp.take(h, J, axis=0) + e


def lstm_pairs(xp, W, V, u, w, h, c, e, e_c, J, secant=secant, lags=None):
    """As `gru_lags`, of the pairs (e_h, e_c); the last states are pairs, too."""
    still, lags = lags is not None, [(e, e_c)] if lags is None else lags
    for u_t, w_t in zip(u, w, strict=True):
        (i, f, g, o, after, _), small = lstm_pair(xp, W, V, u_t, w_t, h, c, e, e_c, J)
        i_s, f_s, g_s, o_s, after_s, state_s = small
        h_J, c_J = xp.take(h, J, axis=0), xp.take(c, J, axis=0)
        d = [
            V[n] @ h_J - xp.take(W[n] @ h, J, axis=0) + (w_t[n] - xp.take(u_t[n], J, axis=0))
            for n in range(4)
        ]
        d = [0 * value for value in d] if still else d
        moved = [V[n] @ e + d[n] for n in range(4)]
        D_i, D_f, D_g, D_o = (
            secant(xp, moved[n], theirs, ours, tanh_slope if n == 2 else logistic_slope)
            for n, (theirs, ours) in enumerate(((i_s, i), (f_s, f), (g_s, g), (o_s, o)))
        )
        factors = g * D_i, c_J * D_f, i_s * D_g
        # c'+ - c+, and exactly 0 where nothing moved, which balls do not see of the difference.
        moved_c = f_s * e_c
        for n, factor in enumerate(factors):
            moved_c = moved_c + factor * moved[n]
        D_c = secant(xp, moved_c, xp.tanh(after_s), xp.tanh(after), tanh_slope)
        out, last = o_s * D_c, xp.tanh(after) * D_o

        def carried(p, p_c, keep=f_s, out=out, last=last, factors=factors):
            cell = keep * p_c
            for n, factor in enumerate(factors):
                cell = cell + factor * (V[n] @ p)
            return out * cell + last * (V[3] @ p), cell

        lags = [carried(p, p_c) for p, p_c in lags]
        born = factors[0] * d[0] + factors[1] * d[1] + factors[2] * d[2]
        lags.append((out * born + last * d[3], born))
        *_, c, h = lstm_step(xp, W, u_t, h, c)
        e, e_c = state_s - xp.take(h, J, axis=0), after_s - xp.take(c, J, axis=0)
    kept = xp.take(h, J, axis=0), xp.take(c, J, axis=0)
    return lags, (h, c), (kept[0] + e, kept[1] + e_c)


def lstm_lags(xp, W, V, u, w, h, c, e, e_c, J, secant=secant):
    """The h of `lstm_pairs`."""
    lags, (h, _), (small, _) = lstm_pairs(xp, W, V, u, w, h, c, e, e_c, J, secant)
    return [p for p, _ in lags], h, small


def sides(xp, lags, h, small, J, Z, Y, b):
    """||f' - f|| and ||q|| + sum_s ||W_o' J_T ... J_{s+1} b_s||."""
    norm = xp.linalg.vector_norm
    q = Y @ xp.take(h, J, axis=0) + b - Z @ h
    right = norm(q)
    for p in lags:
        right = right + norm(Y @ p)
    return norm(Y @ small + b - Z @ h), right


FORMULA = (
    r"\|f'_T - f_T\| \le \|q_T\| + \sum_{s=0}^{T} \|W_o' J_T \cdots J_{s+1} b_s\|, \quad"
    r" e_t = J_t e_{t-1} + b_t, \ b_0 = e_0"
)


@section.sharper(
    "gates.gru_runs",
    FORMULA,
    GRU_RUNS,
    proof="`gates.gru_identity` with z' - z = D_z (W_z' e + d_z) and so on, D the slopes of secants"
    " of both runs; unrolled, f' - f = q + W_o' e_T, and Minkowski over s.",
)
def gru_runs(xp, W, V, u, w, h, e, J, Z, Y, b):
    lags, h, small = gru_lags(xp, W, V, u, w, h, e, J)
    return sides(xp, lags, h, small, J, Z, Y, b)


@section.sharper(
    "gates.lstm_runs",
    FORMULA,
    LSTM_RUNS,
    proof="As `gates.gru_runs`, from `gates.lstm_identity`, J_t acting on the pair (e_h, e_c).",
)
def lstm_runs(xp, W, V, u, w, h, c, e, e_c, J, Z, Y, b):
    lags, h, small = lstm_lags(xp, W, V, u, w, h, c, e, e_c, J)
    return sides(xp, lags, h, small, J, Z, Y, b)


# Numbers that leave tanh a distance from 1 which balls can tell: images may be exactly 1.
NEAR = {"low": -2, "high": 2}
IMAGES = {
    "w": draw.arrays("T", 4, "k", low=-8, high=8),
    "start": draw.vectors("k", **NEAR),
    "B": draw.arrays("T", "k", **NEAR),
    "f": draw.vectors("q"),
    "Y": draw.matrices("q", "k"),
    "b": draw.vectors("q"),
    "L": draw.size("L"),
}
WITH_IMAGES = {**SIZES, "L": (1, "T")}
GRU_IMAGES = draw(V=draw.arrays(3, "k", "k", low=-4, high=4), **IMAGES, sizes=WITH_IMAGES)
LSTM_IMAGES = draw(
    V=draw.arrays(4, "k", "k", low=-4, high=4),
    **IMAGES,
    start_c=draw.vectors("k", **NEAR),
    B_c=draw.arrays("T", "k", **NEAR),
    sizes=WITH_IMAGES,
)


def block_norms(xp, lags, q, L):
    """Norms of q and the terms of lags 0..L-1, of those of L..2L-1, and so on."""
    parts = [q]
    for j, term in enumerate(lags):
        if j and j % L == 0:
            parts.append(term)
        else:
            parts[-1] = parts[-1] + term
    return [xp.linalg.vector_norm(part) for part in parts]


def gru_beside(xp, V, w, start, B):
    """J_T ... J_{s+1} p_s for s = T..1, and h'_T; B_t stands for what the images are at step t."""
    own = gru_step(xp, V, w[0], start).after  # the same from c_0: nothing is carried
    every, lags, along = list(range(V.shape[1])), [own - B[0]], B[0]
    for w_t, image in zip(w[1:], B[1:], strict=True):
        e, one = own - along, [w_t]
        carried, stepped, own = gru_lags(xp, V, V, one, one, along, e, every, lags=lags)
        lags, along = [*carried[:-1], stepped - image], image  # the last one is 0
    return lags[::-1], own


def lstm_beside(xp, V, w, start, start_c, B, B_c):
    """As `gru_beside`, p_t of the pair."""
    *_, c, h = lstm_step(xp, V, w[0], start, start_c)
    own, along = (h, c), (B[0], B_c[0])
    every, lags = list(range(V.shape[1])), [tuple(a - b for a, b in zip(own, along, strict=True))]
    for w_t, *image in zip(w[1:], B[1:], B_c[1:], strict=True):
        (h, c), one = along, [w_t]
        e, e_c = own[0] - h, own[1] - c
        carried, stepped, own = lstm_pairs(xp, V, V, one, one, h, c, e, e_c, every, lags=lags)
        born = tuple(a - b for a, b in zip(stepped, image, strict=True))
        lags, along = [*carried[:-1], born], tuple(image)
    return [p for p, _ in lags[::-1]], own[0]


IMAGES_FORMULA = (
    r"\|f'_T - f_T\| \le \sum_b \bigl\|[b = 0]\, q_T + \sum_{s:\, \lfloor (T - s)/L \rfloor = b}"
    r" W_o' J_T \cdots J_{s+1} p_s\bigr\|, \quad q_T = (W_o' c_T + b_o') - f_T, \;"
    r" p_t = \mathrm{step}(c_{t-1}, x_t) - c_t, \; c_0 = h'_0"
)


def images_sides(xp, lags, own, last, f, Y, b, L):
    """||f' - f||, and the sum of the norms of blocks."""
    norms = block_norms(xp, [Y @ p for p in lags], Y @ last + b - f, L)
    right = norms[0]
    for value in norms[1:]:
        right = right + value
    return xp.linalg.vector_norm(Y @ own + b - f), right


@section.sharper(
    "gates.gru_images",
    IMAGES_FORMULA,
    GRU_IMAGES,
    code="bounds.approximation.along_runs.along_runs_bound",
    proof="Subtract and add one step from c_{t-1}: h'_t - c_t = J_t (h'_{t-1} - c_{t-1}) + p_t, J_t"
    " the secants between the run and that step, as in `gates.gru_runs` with nothing born; c may be"
    " any sequence at all, such as linear images of the large network's states. Unroll, and"
    " Minkowski over the blocks; L = T is the error itself.",
)
def gru_images(xp, V, w, start, B, f, Y, b, L):
    lags, own = gru_beside(xp, V, w, start, B)
    return images_sides(xp, lags, own, B[-1], f, Y, b, L)


@section.sharper(
    "gates.lstm_images",
    IMAGES_FORMULA,
    LSTM_IMAGES,
    code="bounds.approximation.along_runs.along_runs_bound",
    proof="As `gates.gru_images`, with images of the pair (h, c).",
)
def lstm_images(xp, V, w, start, B, f, Y, b, L, start_c, B_c):
    lags, own = lstm_beside(xp, V, w, start, start_c, B, B_c)
    return images_sides(xp, lags, own, B[-1], f, Y, b, L)
