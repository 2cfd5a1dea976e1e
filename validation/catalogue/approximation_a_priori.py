"""Section 3 of the theory before pruning: bounds by lam and N(lam), on the event of section 2a."""

from __future__ import annotations

import numpy as np

from validation.catalogue.approximation import geometric, global_, norm, run, spectral
from validation.catalogue.degrees_of_freedom import degrees_of_freedom
from validation.catalogue.leverage import leverage_distribution, merged, multiplicities
from validation.catalogue.reconstruction import reconstruction
from validation.catalogue.stating import Section
from validation.instances import draw

section = Section("3", {"paper": "F22, section 3 of the theory (reconstructed)"})


def states_matrix(xp, net, x):
    """All h_t^i as rows, (n T, m)."""
    return xp.concat(net.states(xp, x), axis=0)


def leverage_reconstruction(xp, S, J, lam):
    """The distinct nodes of the multiset J and A with the merged tau_j = lam k q_j/c_j."""
    nodes, tau = merged(xp, S, J, lam)
    return nodes, reconstruction(xp, S, nodes, tau)


def sampling_event(xp, net, x, J, lam):
    """2a's event for the S of the sample, on the side of the sample: an eigenvalue >= 0."""
    H = states_matrix(xp, net, x)
    rows, count = H.shape[0], J.shape[0]
    q = leverage_distribution(xp, H.T @ H / rows, lam)
    gram = H @ H.T / rows
    sampled = 0 * gram
    for j, multiplicity in multiplicities(J, H.shape[1]).items():
        sampled = sampled + multiplicity / (count * q[j]) * xp.linalg.outer(H[:, j], H[:, j]) / rows
    gap = 3 * (gram + lam * xp.eye(rows)) / 4 - gram + sampled
    return xp.zeros(1), xp.linalg.eigvalsh(gap)[:1]


def drawn_nodes_live(net, x, J):
    """A node that is dead on the sample has leverage 0 and is never drawn."""
    with np.errstate(all="ignore"):
        H = np.concatenate([np.asarray(h) for h in net.states(np, np.asarray(x))])
    peak = np.abs(H).max(axis=0)
    return bool(np.isfinite(peak).all() and (peak[np.asarray(J)] > 1e-6 * max(peak.max(), 1)).all())


A_PRIORI = draw(
    net=draw.networks(activations=("identity", "relu", "leaky_relu", "tanh")),
    x=draw.sequences(),
    J=draw.multisets("m", "draws"),
    lam=draw.positive(above=1e-6, below=1e6),
    sizes={"m": (1, 3), "T": (1, 3), "n": (1, 2), "draws": (1, 6)},
)
EVENT = {r"\lambda_{\max}((S+\lambda)^{-1/2}(S-G)(S+\lambda)^{-1/2}) \le 3/4": sampling_event}


def _pruned_to(xp, net, x, J, lam):
    """S, and the run of both networks where the small one keeps the drawn nodes J."""
    H = states_matrix(xp, net, x)
    S = H.T @ H / H.shape[0]
    nodes, A = leverage_reconstruction(xp, S, J, lam)
    return S, run(xp, net, x, nodes, A)


@section.paper(
    "approximation.a_priori",
    r"\|\hat f - f'\|_{n,T} \le (\|W_o\|_2 + \|W_o'\|_2 \rho \Gamma_T(\rho\kappa)"
    r"\|W_h[J,:]\|_2) \sqrt{4 \lambda N(\lambda)} \text{ on 2a's event}",
    A_PRIORI,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    steps=(global_,),
    code="bounds.approximation",
    proof="approximation.global, ||Z r||^2 <= ||Z||_2^2 L_A(J) and leverage.loss_bound.",
)
def a_priori(xp, net, x, J, lam, *, c=4):
    S, both = _pruned_to(xp, net, x, J, lam)
    growth = geometric(xp, spectral(xp, both.small.w_hidden), both.T)
    factor = spectral(xp, net.w_output) + spectral(xp, both.small.w_output) * growth * spectral(
        xp, both.w_rows
    )
    return norm(xp, both.output_error), factor * xp.sqrt(c * lam * degrees_of_freedom(xp, S, lam))


@section.paper(
    "approximation.a_priori_output",
    r"\|Z r\|_{n,T} \le \sqrt{4 \lambda} \sqrt{\min(\|Z\|_F^2, N(\lambda) \|Z\|_2^2)}"
    r"\text{ on 2a's event}, \; Z = W_o",
    A_PRIORI,
    hypotheses=EVENT,
    given=drawn_nodes_live,
    code="bounds.approximation",
    proof="L_B(J) <= 4 lam Tr[Z S (S + lam)^{-1} Z^T], and 0 <= S (S + lam)^{-1} <= I.",
)
def a_priori_output(xp, net, x, J, lam, *, c=4):
    S, both = _pruned_to(xp, net, x, J, lam)
    N = degrees_of_freedom(xp, S, lam)
    size = xp.minimum(xp.sum(net.w_output**2), N * spectral(xp, net.w_output) ** 2)
    return norm(xp, both.readout), xp.sqrt(c * lam * size)
