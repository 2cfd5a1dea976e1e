"""`pruning.cells.recursion` under the name that it had."""

from pruning.cells.recursion import run as run
from pruning.cells.recursion import time_major as time_major
