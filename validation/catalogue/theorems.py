"""Section 7 of the theory: the deterministic steps of the theorem."""

from __future__ import annotations

from validation.catalogue import proofs
from validation.catalogue.approximation import norm, run
from validation.catalogue.lipschitz import margin, outputs, ramp
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("7")


@section.paper(
    "theorem.transfer",
    r"|\hat\Psi(f') - \hat\Psi(\hat f)| \le \rho_\psi \|\hat f - f'\|_{n,w},"
    r"\text{ margin ramp}, \; \rho_\psi = \sqrt2/\gamma",
    draw(
        net=draw.networks(),
        x=draw.sequences(),
        J=draw.node_sets(),
        A=draw.matrices("m", "k"),
        w=draw.time_weights(),
        y=draw.integers(0, 2),
        gamma=draw.positive(above=1e-3, below=1e3),
        sizes={"m": (1, 3), "k": (1, "m"), "q": (2, 3), "T": (1, 3)},
    ),
    source="F22, section 7 of the theory (reconstructed)",
    code="bounds.generalization",
    proof="The loss is Lipschitz at every step; Jensen for the mean over i and t.",
)
def transfer(xp, net, x, J, A, w, y, gamma, *, c=2):
    both = run(xp, net, x, J, A)
    large = outputs(xp, net, x)
    small = [f - e for f, e in zip(large, both.output_error)]
    n, label = x.shape[0], min(y, net.b_output.shape[0] - 1)
    gap = xp.asarray(0.0)
    for t in range(x.shape[1]):
        for i in range(n):
            losses = [ramp(xp, margin(xp, f[t][i, :], label), gamma) for f in (small, large)]
            gap = gap + w[t] * (losses[0] - losses[1]) / n
    return xp.abs(gap), xp.sqrt(c) / gamma * norm(xp, both.output_error, w)


@section.sharper(
    "theorem.stratified_weights",
    r"\sum_{|j| \le J} \frac{2/3}{(|j| + 1)(|j| + 2)} = 1 - \frac{4}{3 (J + 2)}",
    draw(J=draw.integers(0, 40)),
    kind="identity",
    code="bounds.generalization",
    proof="1/((j + 1)(j + 2)) telescopes: the weights over all integers sum to 1.",
    symbolic=proofs.stratified_weights,
)
def stratified_weights(xp, J):
    total = xp.asarray(0.0)
    for j in range(-J, J + 1):
        total = total + xp.asarray(2.0) / (3 * (abs(j) + 1) * (abs(j) + 2))
    return total, 1 - xp.asarray(4.0) / (3 * (J + 2))
