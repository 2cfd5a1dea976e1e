"""The exit codes of `rnnbounds`, in one place; docs/house.md has the same table."""

DONE = 0
"""Of `verify`: nothing violated, and no claim at fault."""

VIOLATED = 1
"""A statement was found violated, or refuted; used for nothing else."""

BAD_INPUT = 2
"""One sentence on standard error says what it was and what it should be."""

INTERRUPTED = 130
"""By the keyboard; what was finished has been written."""

TERMINATED = 143
"""By a signal that asks to end; what was finished has been written."""
