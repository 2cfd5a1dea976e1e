"""`bounds.problem` under the name that it had; goes in rnnbounds 0.3."""

import warnings

from bounds.problem import Problem as Problem
from bounds.problem import radii_condition as radii_condition
from bounds.sample import last_margins as last_margins
from bounds.sample import ramp as ramp

warnings.warn(
    "bounds.others.problem is now bounds.problem; the old name goes in rnnbounds 0.3",
    DeprecationWarning,
    stacklevel=2,
)
