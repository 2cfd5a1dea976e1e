"""Rival ways to prune, one module each: the same call, and a result with the same fields.

``method(rnn, covariance_or_x, k, rng=None, ...)`` returns a `pruning.PrunedRNN` where nodes go, and
a `PrunedWeights` where they stay; both have ``original``, ``pruned``, ``method`` and
``parameters``, the count of each block. `prune_by` finds a method by its name, `fine_tune` trains a
result further.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
