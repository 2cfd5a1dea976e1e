r"""`others.chen2020`: in the form of Chen, Li, Zhao, AISTATS 2020, for a bounded activation.

The constants of the paper were not at hand. They are derived here from sections 4 to 6 of the
theory, with the paper's choice of norms: spectral radii, and covers in Frobenius norm. A spectral
ball of radius R of p x q matrices lies in the Frobenius ball of radius R sqrt(min(p, q)), and the
volume argument gives it an internal cover of at most (1 + 2 R sqrt(min(p, q))/eps)^{pq} points.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from bounds.assembly import COMPLEXITY, assemble, common_conditions, loss_class
from bounds.covering import ClassCover
from bounds.problem import Problem
from bounds.rounding import add_up
from bounds.terms import Bound, Condition, violated

SOURCE = "in the form of Chen, Li, Zhao, AISTATS 2020; theory, sections 4 to 6 and 9"


def chen2020(problem: Problem) -> Bound:
    """Ramp risk + 2 Rad + 3 sqrt(log(2/delta)/(2n)), Rad by Dudley over Frobenius covers.

    The state bound is min(b sqrt m, H_T), b = sup|s|. An unbounded activation violates the
    hypothesis: H_T alone is used then, and the label says so.
    """
    rnn, radii = problem.rnn, problem.measured
    setting = problem.setting(complexity="dudley", split="equal")
    members = loss_class(setting, radii, rnn.m, rnn.d_x, rnn.d_y, rnn.activation)
    small = {
        "hidden": rnn.m,
        "input": min(rnn.m, rnn.d_x),
        "output": min(rnn.m, rnn.d_y),
        "bias_hidden": 1,
        "bias_output": 1,
    }
    cover = members.cover
    reach = [
        add_up(float(log), math.log(small[name]) / 2)
        for name, log in zip(cover.names, cover.log_reach)
    ]
    wider = ClassCover(cover.names, cover.sizes, np.array(reach), cover.split)
    members = replace(members, cover=wider)
    bounded = math.isfinite(rnn.activation.bound)
    inside = radii.contain(rnn)
    conditions = [
        Condition("bounded activation", bounded, f"sup|s| = {rnn.activation.bound:g}."),
        *common_conditions(setting, members, rnn.activation),
        Condition("f in the class", inside, "The norms of the weights against the radii."),
    ]
    label = problem.label
    if not bounded:
        label = violated(f"bounded activation, {rnn.activation.name} is not")
    elif not inside:
        label = violated("f in the class of its radii")
    note = "In the form of the paper; the constants are those of sections 4 to 6, not the paper's."
    bound = assemble("others.chen2020", setting, members, None, label, conditions, (note,))
    terms = tuple(
        replace(term, source=SOURCE) if term.name == COMPLEXITY else term for term in bound.terms
    )
    return replace(bound, terms=terms)
