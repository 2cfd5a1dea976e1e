"""The terms of the theorem

Of the sum that bounds the risk of a small network, on the digits: which part is big? The
approximation is, until every node is kept. The complexity stands at its ceiling, the range of the
loss, for every k.
"""

import matplotlib.pyplot as plt

from rnnbounds import (
    StateCovariance,
    digits,
    generalization_bound,
    load_network,
    spectral_prune,
)

data = digits()
rnn = load_network("models/digits-0.safetensors")
covariance = StateCovariance.from_network(rnn, data.x)
sizes = [8, 16, 24, 32, 48, 64]
bounds = [
    generalization_bound(
        spectral_prune(rnn, covariance, k),
        data.x,
        data.y,
        input_bound=data.x_bound,
        approximation="weighted",
    )
    for k in sizes
]

figure, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
for place, marker in enumerate("os^D"):
    terms = [bound.terms[place] for bound in bounds]
    ax.plot(sizes, [term.log10_value for term in terms], marker=marker, label=terms[0].name)
ax.axhline(0, color="0.5", linewidth=1)
ax.set_xlabel("nodes kept, k")
ax.set_ylabel("log10 of the term")
ax.legend(frameon=False)
ax.grid(alpha=0.25)
