"""What a choice of nodes leaves

The information loss L_A of k nodes chosen greedily, by pivoted QR, at random, and by weight, beside
the least that any k directions leave (Eckart and Young). Nodes are not directions: the gap between
the lowest curve and the greedy one is what that costs.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.linalg import qr

from rnnbounds import StateCovariance, digits, information_loss, load_network, select_nodes

data = digits()
rnn = load_network("models/digits-0.safetensors")
S = StateCovariance.from_network(rnn, data.x).matrix
mu = np.sort(np.linalg.eigvalsh(S))[::-1]
rng = np.random.default_rng(0)
orders = {
    "greedy": lambda k: select_nodes(S, k),
    "pivoted QR": lambda k: qr(S, mode="r", pivoting=True)[1][:k],
    "random": lambda k: rng.choice(rnn.m, k, replace=False),
    "largest variance": lambda k: np.argsort(-np.diag(S))[:k],
}
sizes = range(2, 61, 2)

figure, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
for (name, nodes), marker in zip(orders.items(), "os^D", strict=True):
    losses = [information_loss(S, nodes(k)) / np.trace(S) for k in sizes]
    ax.semilogy(sizes, losses, marker=marker, markersize=3, label=name)
ax.semilogy(sizes, [mu[k:].sum() / np.trace(S) for k in sizes], "k--", label="best directions")
ax.set_xlabel("nodes kept, k")
ax.set_ylabel("what is lost, as a share of Tr S")
ax.legend(frameon=False)
ax.grid(alpha=0.25)
