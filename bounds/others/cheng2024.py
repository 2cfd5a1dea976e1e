r"""`others.cheng2024`: in the form of Cheng, Huang, Ma, arXiv 2411.02784.

What was read is the abstract: vanilla networks, the ramp loss, a Rademacher complexity under
assumptions on the Frobenius and spectral norms of the weights. The theorem and its constants were
not at hand. Here growth factors are those of spectral radii, and covers are those of Frobenius
balls, which need no sqrt(min(p, q)) as the spectral balls of `others.chen2020` do; the constants
are those of sections 4 to 6 of the theory. What that paper reports, 13.8 % (tanh) and 3.0 % (ReLU)
below the second best bound, is not reproduced by this.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bounds.assembly import COMPLEXITY, assemble, common_conditions, loss_class
from bounds.covering import ClassCover
from bounds.problem import Problem
from bounds.radii import matrix_norm
from bounds.rounding import add_up, log_up
from bounds.terms import Bound, Condition, violated

SOURCE = (
    "in the form of Cheng, Huang, Ma, Neurocomputing 2025 (only the abstract was read); theory, "
    "sections 4 to 6 and 9"
)


def cheng2024(problem: Problem) -> Bound:
    """Ramp risk + 2 Rad + 3 sqrt(log(2/delta)/(2n)), Rad by Dudley over Frobenius balls."""
    rnn, radii = problem.rnn, problem.measured
    setting = problem.setting(complexity="dudley", split="equal")
    members = loss_class(setting, radii, rnn.m, rnn.d_x, rnn.d_y, rnn.activation)
    cover = members.cover
    blocks = {
        "hidden": rnn.w_hidden,
        "input": rnn.w_input,
        "output": rnn.w_output,
        "bias_hidden": rnn.b_hidden,
        "bias_output": rnn.b_output,
    }
    kept, reach = [], []
    for i, (name, log) in enumerate(zip(cover.names, cover.log_reach)):
        # R L with the Frobenius norm of the block in place of its spectral radius.
        size = matrix_norm(blocks[name].reshape(len(blocks[name]), -1), "frobenius")
        if size:
            kept.append(i)
            reach.append(add_up(float(log), log_up(size), -log_up(radii.ball(name))))
    blocks_kept = tuple(cover.names[i] for i in kept)
    narrow = ClassCover(blocks_kept, cover.sizes[kept], np.array(reach), cover.split)
    members = replace(members, cover=narrow)
    inside = radii.contain(rnn)
    zero = rnn.activation.at_zero == 0 and rnn.activation.lipschitz <= 1
    conditions = [
        Condition("s is 1-Lipschitz, s(0) = 0", zero, f"The activation is {rnn.activation.name}."),
        *common_conditions(setting, members, rnn.activation),
        Condition("f in the class", inside, "The norms of the weights against the radii."),
    ]
    label = violated("Frobenius radii fixed in advance; they were measured")
    if not zero:
        label = violated("s is 1-Lipschitz with s(0) = 0")
    note = "In the form of the paper; only its abstract was read, the constants are not its own."
    bound = assemble("others.cheng2024", setting, members, None, label, conditions, (note,))
    terms = tuple(
        replace(term, source=SOURCE) if term.name == COMPLEXITY else term for term in bound.terms
    )
    return replace(bound, terms=terms)
