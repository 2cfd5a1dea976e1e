"""False lemmas about one step of gated cells."""

from __future__ import annotations

from fractions import Fraction

from planted import Lemmas

from validation.catalogue import gates as true
from validation.catalogue import gates_classes as classes
from validation.catalogue import gates_runs as runs
from validation.catalogue.gates import GRU, LSTM, gaps, gru_pair, gru_step, lstm_pair, lstm_step

lemmas = Lemmas("12", __name__)

slope_of_a_fifth = lemmas.mutated(
    true.gru_slopes,
    "slope_of_a_fifth",
    "The logistic function's slope at 0 is 1/4.",
    quarter=Fraction(1, 5),
)
without_what_stays = lemmas.mutated(
    true.gru,
    "without_what_stays",
    "With V = 0 and z' near 1 the error is carried whole.",
    stay=0,
)
states_below_a_half = lemmas.mutated(
    true.gru_states, "states_below_a_half", "tanh comes near 1.", most=Fraction(1, 2)
)
lstm_without_what_stays = lemmas.mutated(
    true.lstm, "lstm_without_what_stays", "The forget gate keeps the error of c.", stay=0
)
lstm_slope_of_a_fifth = lemmas.mutated(
    true.lstm,
    "lstm_slope_of_a_fifth",
    "The slope at 0 is 1/4, and h = 0 in the large network lets nothing else help.",
    quarter=Fraction(1, 5),
)
cell_states_do_not_grow = lemmas.mutated(
    true.lstm_states,
    "cell_states_do_not_grow",
    "i g comes near 1 where f is near 1 too.",
    more=Fraction(9, 10),
)


@lemmas.claim(
    "states_below_one",
    r"|h^+| \le 1 \text{ for every start}",
    GRU,
    why="h_0 may be larger than 1, as a decoder's is not but a stranger's may be.",
)
def states_below_one(xp, W, V, u, w, h, e, J):
    return xp.abs(gru_step(xp, W, u, h).after), xp.ones_like(h)


@lemmas.claim(
    "candidate_without_the_reset_gate",
    r"|n' - n| \le |\delta u_n + r' \odot \delta v|",
    GRU,
    why="r' differs from r, and is multiplied by v.",
)
def candidate_without_the_reset_gate(xp, W, V, u, w, h, e, J):
    large, small = gru_pair(xp, W, V, u, w, h, e, J)
    d_n = w[2] - xp.take(u[2], J, axis=0)
    return xp.abs(small.n - large.n), xp.abs(d_n + small.r * (small.v - large.v))


@lemmas.claim(
    "both_of_the_small_network",
    r"|n' - n| \le |\delta u_n + r' \odot \delta v| + \tfrac14 |v'| \odot |\delta u_r|",
    GRU,
    why="r'(v' - v) goes with v (r' - r); with v' in the second the first needs r.",
)
def both_of_the_small_network(xp, W, V, u, w, h, e, J):
    large, small = gru_pair(xp, W, V, u, w, h, e, J)
    d_r, _ = gaps(xp, W, V, u, w, h, e, J, 2)
    d_n = w[2] - xp.take(u[2], J, axis=0)
    inner = xp.abs(d_n + small.r * (small.v - large.v))
    return xp.abs(small.n - large.n), inner + 0.25 * xp.abs(small.v) * xp.abs(d_r)


@lemmas.claim(
    "identity_with_the_small_candidate",
    r"e^+ = z' \odot e + (z' - z) \odot (h_J - n') + (1 - z') \odot (n' - n)",
    GRU,
    kind="identity",
    why="z' - z multiplies h_J - n of the large network, or 1 - z stands before n' - n.",
)
def identity_with_the_small_candidate(xp, W, V, u, w, h, e, J):
    large, small = gru_pair(xp, W, V, u, w, h, e, J)
    moved = (small.z - large.z) * (large.h - small.n) + (1 - small.z) * (small.n - large.n)
    return small.after - large.after, small.z * e + moved


@lemmas.claim(
    "forget_gate_times_the_new_cell",
    r"e_c^+ = f' \odot e_c + (f' - f) \odot c_J^+ + i' \odot (g' - g) + (i' - i) \odot g",
    LSTM,
    kind="identity",
    why="The forget gate multiplies c, not c^+.",
)
def forget_gate_times_the_new_cell(xp, W, V, u, w, h, c, e, e_c, J):
    (i, f, g, _, after, _), small = lstm_pair(xp, W, V, u, w, h, c, e, e_c, J)
    i_s, f_s, g_s, _, after_s, _ = small
    moved = f_s * e_c + (f_s - f) * after + i_s * (g_s - g) + (i_s - i) * g
    return after_s - after, moved


@lemmas.claim(
    "state_error_of_the_cell_alone",
    r"|e_h^+| \le |e_c^+|",
    LSTM,
    why="The output gates differ, too.",
)
def state_error_of_the_cell_alone(xp, W, V, u, w, h, c, e, e_c, J):
    large, small = lstm_pair(xp, W, V, u, w, h, c, e, e_c, J)
    return xp.abs(small[5] - large[5]), xp.abs(small[4] - large[4])


@lemmas.claim(
    "states_below_the_output_gate_of_before",
    r"|h^+| \le |c|",
    LSTM,
    why="c = 0 and i g > 0.",
)
def states_below_the_output_gate_of_before(xp, W, V, u, w, h, c, e, e_c, J):
    return xp.abs(lstm_step(xp, W, u, h, c)[5]), xp.abs(c)


another_output_gate_for_nothing = lemmas.mutated(
    classes.lstm_parameters,
    "another_output_gate_for_nothing",
    "Two networks that differ in b_o alone differ in their states where c is not 0.",
    quarter=0,
)
cell_states_of_classes_do_not_grow = lemmas.mutated(
    classes.lstm_parameters,
    "cell_states_of_classes_do_not_grow",
    "Another forget gate acts on a cell state that may be near t - 1.",
    grows=0,
)
classes_forget_at_once = lemmas.mutated(
    classes.lstm_parameters,
    "classes_forget_at_once",
    "The forget gate carries the first step's difference to the second.",
    stay=0,
)
another_update_gate_for_nothing = lemmas.mutated(
    classes.gru_parameters,
    "another_update_gate_for_nothing",
    "Two networks that differ in b_z alone differ in their states.",
    half=0,
)
another_reset_gate_for_nothing = lemmas.mutated(
    classes.gru_parameters,
    "another_reset_gate_for_nothing",
    "Two networks that differ in b_r alone differ in their states where b_hn is not 0.",
    quarter=0,
)


@lemmas.claim(
    "runs_without_the_first_lag",
    r"\|f'_T - f_T\| \le \|q_T\| + \sum_{s=1}^{T} \|W_o' J_T \cdots J_{s+1} b_s\|",
    runs.GRU_RUNS,
    why="e_0 is carried by z', too: a decoder starts from an encoder's state.",
)
def runs_without_the_first_lag(xp, W, V, u, w, h, e, J, Z, Y, b):
    lags, after, small = runs.gru_lags(xp, W, V, u, w, h, e, J)
    return runs.sides(xp, lags[1:], after, small, J, Z, Y, b)


@lemmas.claim(
    "lstm_runs_without_the_read_out",
    r"\|f'_T - f_T\| \le \sum_{s=0}^{T} \|W_o' J_T \cdots J_{s+1} b_s\|",
    runs.LSTM_RUNS,
    why="q = W_o' h_J + b_o' - W_o h is an error of its own.",
)
def lstm_runs_without_the_read_out(xp, W, V, u, w, h, c, e, e_c, J, Z, Y, b):
    lags, after, small = runs.lstm_lags(xp, W, V, u, w, h, c, e, e_c, J)
    left, right = runs.sides(xp, lags, after, small, J, Z, Y, b)
    q = Y @ xp.take(after, J, axis=0) + b - Z @ after
    return left, right - xp.linalg.vector_norm(q)


@lemmas.claim(
    "images_without_the_oldest_lag",
    r"\|f'_T - f_T\| \le \sum_b \|\cdot\| \text{ without the term of } s = 1",
    runs.GRU_IMAGES,
    why="The oldest defect is carried as far as the update gates stay open.",
)
def images_without_the_oldest_lag(xp, V, w, start, B, f, Y, b, L):
    lags, own = runs.gru_beside(xp, V, w, start, B)
    return runs.images_sides(xp, lags[:-1], own, B[-1], f, Y, b, L)


@lemmas.claim(
    "largest_block_of_images",
    r"\|f'_T - f_T\| \le \max_b \|\cdot\|",
    runs.LSTM_IMAGES,
    why="Blocks of one sign add up.",
)
def largest_block_of_images(xp, V, w, start, B, f, Y, b, L, start_c, B_c):
    lags, own = runs.lstm_beside(xp, V, w, start, start_c, B, B_c)
    left, _ = runs.images_sides(xp, lags, own, B[-1], f, Y, b, L)
    norms = runs.block_norms(xp, [Y @ p for p in lags], Y @ B[-1] + b - f, L)
    return left, xp.max(xp.stack(norms))
