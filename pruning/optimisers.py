"""`pruning.optimizers` under the name that it had; goes in rnnbounds 0.3."""

import warnings

from pruning.optimizers import *  # noqa: F403
from pruning.optimizers import Optimizer as Optimiser  # noqa: F401
from pruning.optimizers import optimizer_named as optimiser  # noqa: F401

warnings.warn(
    "pruning.optimisers is now pruning.optimizers; the old name goes in rnnbounds 0.3",
    DeprecationWarning,
    stacklevel=2,
)
