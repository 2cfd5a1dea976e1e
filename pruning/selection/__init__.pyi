from .dispatch import METHODS as METHODS
from .dispatch import select as select
from .dispatch import select_nodes as select_nodes
from .exhaustive import exhaustive_nodes as exhaustive_nodes
from .greedy import greedy_order as greedy_order
from .leverage import leverage_scores as leverage_scores
from .leverage import sample_leverage as sample_leverage
from .leverage import spectrum as spectrum
from .selection import Selection as Selection

__all__ = [
    "METHODS",
    "Selection",
    "exhaustive_nodes",
    "greedy_order",
    "leverage_scores",
    "sample_leverage",
    "select",
    "select_nodes",
    "spectrum",
]
