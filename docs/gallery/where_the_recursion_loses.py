"""Where the recursion loses

Each line is provably at least the one above it. The factor between two of them is what that step of
the proof gives away: most of it where the recursion is unrolled with one norm for all steps.
"""

import itertools

import matplotlib.pyplot as plt

from rnnbounds import digits, load_network, slack_chain, spectral_prune

data = digits()
rnn = load_network("models/digits-0.safetensors")
steps = slack_chain(spectral_prune(rnn, data.x, 32), data.x)
names = [step.id.removeprefix("approximation.") for step in steps]
values = [step.log10_total for step in steps]

figure, ax = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
bars = ax.barh(range(len(steps)), [value - min(values) + 0.02 for value in values], color="0.7")
losses = [after - before for before, after in itertools.pairwise(values)]
bars[losses.index(max(losses)) + 1].set_color("tab:red")
for place, value in enumerate(values):
    ax.annotate(f" {10**value:.3g}", (value - min(values) + 0.02, place), va="center")
ax.set_yticks(range(len(steps)), names)
ax.invert_yaxis()
ax.set_xlim(right=max(values) - min(values) + 0.6)
ax.set_xlabel("log10 of the bound over the measured error")
