r"""Section 7 of the theory: the theorem itself, where the population risk is an exact finite sum.

Sequences are one of a few atoms with stated probabilities, so a sample of n is a vector of counts,
and n may be 10^12: there the bound is below 1 and the check has teeth.
"""

from __future__ import annotations

import numpy as np

from validation.arithmetic.values import Value
from validation.catalogue.approximation import compress, spectral
from validation.catalogue.finite_classes import TOTAL, Weights
from validation.catalogue.lipschitz import (
    Radii,
    margin,
    outputs,
    parameter_constants,
    ramp,
    state_bounds,
    vector_norm,
)
from validation.catalogue.reconstruction import reconstruction
from validation.catalogue.stating import Section
from validation.catalogue.uniform_probabilities import DELTAS
from validation.instances import draw

section = Section("7")


def log_covering(xp, R, lipschitz, T, shape):
    """(p_theta, 2 R_theta L_theta/a_theta) by block, with the published equal split a = 1/5.

    L_theta = rho_psi (1/T) sum_t L_{theta,t}, for the loss class in sup norm.
    """
    m, d, q = shape
    H = state_bounds(xp, R, T)
    total: dict[str, Value] = {}
    for t in range(1, T + 1):
        for name, value in parameter_constants(xp, R, H, t).items():
            total[name] = total.get(name, 0) + value * lipschitz / T
    entries = {
        "w_output": (q * m, R.output),
        "b_output": (q, R.bias_output),
        "w_hidden": (m * m, R.hidden),
        "w_input": (m * d, R.input),
        "b_hidden": (m, R.bias_hidden),
    }
    return [(p, 10 * radius * total[name]) for name, (p, radius) in entries.items()]


def dudley(xp, blocks, n, levels=32):
    """Dudley's bound with D = 1/2, by left sums over 1/4 > 1/8 > ... > a, never too small."""
    integral, eps = xp.asarray(0.0), xp.asarray(0.25)
    for _ in range(levels):
        eps = eps / 2
        size = xp.asarray(0.0)
        for p, scale in blocks:
            size = size + p * xp.log1p(scale / eps)
        integral = integral + eps * xp.sqrt(size)
    return 4 * eps + 12 * integral / xp.sqrt(xp.asarray(n))


def risk(xp, f, labels, gamma, weights):
    """Sum over the atoms of weight times (1/T) sum_t psi."""
    total = xp.asarray(0.0)
    for step in f:
        for i in range(weights.shape[0]):
            loss = ramp(xp, margin(xp, step[i, :], int(labels[i])), gamma)
            total = total + weights[i] * loss / len(f)
    return total


@section.paper(
    "theorem.fixed_nodes",
    r"P\bigl(\Psi(f') > \hat\Psi(\hat f) + \rho_\psi \|\hat f - f'\|_{n,T} + 2"
    r"\operatorname{Dudley}(G_k) + 3 B \sqrt{\log(2/\delta)/(2n)}\bigr) \le \delta,"
    r"\text{ margin ramp}",
    draw(
        net=draw.networks(),
        x=draw.sequences("atoms", "T", "d"),
        labels=draw.multisets("q", "atoms"),
        weights=Weights("atoms"),
        J=draw.node_sets("m", "k"),
        tau=draw.positive(above=2.0**-8, below=2.0**4),
        gamma=draw.positive(above=2.0**-3, below=2.0**3),
        n=draw.choices(1e12, 1e8, 1e4, 100.0, 10.0),
        delta=DELTAS,
        sizes={"m": (1, 3), "k": (1, "m"), "q": (2, 2), "T": (1, 2), "atoms": (1, 4)},
    ),
    kind="probabilistic",
    failure="delta",
    source="F22, section 7 of the theory (reconstructed)",
    code="bounds.fixed_nodes_bound",
    proof="uniform.rademacher on G_k, uniform.dudley, theorem.transfer on the sample. A depends on "
    "the sample through S; the radii do not: ||A|| <= max ||h_t||/(2 sqrt tau) over the atoms, "
    "so that f' is always in the class.",
)
def fixed_nodes(
    xp, rng, net, x, labels, weights, J, tau, gamma, n, delta, *, distance=1, rad=2, c=3
):
    atoms, T, d = x.shape
    q = net.b_output.shape[0]
    counts = rng.multinomial(int(n), np.asarray(weights) / TOTAL)
    share = xp.asarray(counts.astype(np.float64)) / xp.asarray(n)
    p = xp.asarray(weights / TOTAL)
    h = net.states(xp, x)
    S = (h[0].T * share) @ h[0] / T
    for step in h[1:]:
        S = S + (step.T * share) @ step / T
    A = reconstruction(xp, S, J, tau * xp.ones((J.shape[0],)))
    small = compress(xp, net, J, A)

    largest = xp.max(xp.stack([xp.max(vector_norms(xp, step)) for step in h]))
    norm_A = largest / (2 * xp.sqrt(tau))
    R = Radii(
        hidden=spectral(xp, xp.take(net.w_hidden, J, axis=0)) * norm_A,
        input=spectral(xp, small.w_input),
        output=spectral(xp, net.w_output) * norm_A,
        bias_hidden=vector_norm(xp, small.b_hidden),
        bias_output=vector_norm(xp, small.b_output),
        data=xp.max(vector_norms(xp, xp.reshape(x, (atoms * T, d)))),
    )
    f, g = outputs(xp, net, x), outputs(xp, small, x)
    square = xp.asarray(0.0)
    for large, pruned in zip(f, g):
        square = square + share @ xp.sum((large - pruned) ** 2, axis=1) / T
    lipschitz = xp.sqrt(xp.asarray(2.0)) / gamma
    blocks = log_covering(xp, R, lipschitz, T, (J.shape[0], d, q))
    right = risk(xp, f, labels, gamma, share) + distance * lipschitz * xp.sqrt(square)
    right = right + rad * dudley(xp, blocks, n)
    right = right + c * xp.sqrt(xp.log(2 / xp.asarray(delta)) / (2 * xp.asarray(n)))
    return risk(xp, g, labels, gamma, p), right


def vector_norms(xp, rows):
    """The norm of every row."""
    return xp.linalg.vector_norm(rows, axis=1)
