"""Rival ways to prune, one module each: the same call, the same result type.

``method(rnn, covariance_or_x, k, rng=None, ...) -> PrunedRNN``. `prune_by` finds one by its name.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
