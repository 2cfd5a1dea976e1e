from .dispatch import METHODS as METHODS
from .dispatch import select_nodes as select_nodes
from .exhaustive import exhaustive_nodes as exhaustive_nodes
from .greedy import greedy_order as greedy_order
from .leverage import leverage_scores as leverage_scores
from .leverage import sample_leverage as sample_leverage
from .leverage import spectrum as spectrum

__all__ = [
    "METHODS",
    "exhaustive_nodes",
    "greedy_order",
    "leverage_scores",
    "sample_leverage",
    "select_nodes",
    "spectrum",
]
