"""The version of the JSON that commands write.

It grows when a key changes its meaning or goes away; a reader of version n can read every file of
version n, and new keys do not change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

SCHEMA = 1

Record: TypeAlias = dict[str, Any]
"""An object of JSON that is made here: a row of results, what stands in a file, by name."""
Facts: TypeAlias = Mapping[str, Any]
"""An object of JSON that is only read."""
