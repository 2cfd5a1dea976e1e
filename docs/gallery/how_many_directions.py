"""How many directions the states use

The eigenvalues of the second moment S of the hidden states, and the degrees of freedom N(lam) that
count those above lam, smoothly, for five trained networks of 64 nodes.
"""

import matplotlib.pyplot as plt
import numpy as np

from rnnbounds import StateCovariance, degrees_of_freedom, digits, load_network

data = digits()
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.6), layout="constrained")
for seed in range(5):
    rnn = load_network(f"models/digits-{seed}.safetensors")
    S = StateCovariance.from_network(rnn, data.x).matrix
    mu = np.sort(np.linalg.eigvalsh(S))[::-1]
    lams = np.geomspace(mu[-1], mu[0], 60)
    left.semilogy(np.arange(1, rnn.m + 1), mu, label=f"seed {seed}")
    right.semilogx(lams, [degrees_of_freedom(mu, lam) for lam in lams])
left.set_xlabel("j")
left.set_ylabel("eigenvalue $\\mu_j$ of S")
left.legend(frameon=False)
right.set_xlabel("$\\lambda$")
right.set_ylabel("degrees of freedom $N(\\lambda)$")
for ax in (left, right):
    ax.grid(alpha=0.25)
