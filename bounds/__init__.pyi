from .approximation import approximation_bound as approximation_bound
from .approximation import approximation_error as approximation_error
from .approximation import slack_chain as slack_chain
from .degrees_of_freedom import degrees_of_freedom as degrees_of_freedom
from .degrees_of_freedom import lam_for_degrees_of_freedom as lam_for_degrees_of_freedom
from .degrees_of_freedom import leverage_scores as leverage_scores
from .node_counts import failure_probability as failure_probability
from .node_counts import largest_degrees_of_freedom as largest_degrees_of_freedom
from .node_counts import node_count as node_count
from .node_counts import node_counts as node_counts
from .terms import FIXED_RADII as FIXED_RADII
from .terms import ORDER_ONLY as ORDER_ONLY
from .terms import VALID as VALID
from .terms import Bound as Bound
from .terms import Condition as Condition
from .terms import Term as Term
from .terms import violated as violated

__all__ = [
    "FIXED_RADII",
    "ORDER_ONLY",
    "VALID",
    "Bound",
    "Condition",
    "Term",
    "approximation_bound",
    "approximation_error",
    "degrees_of_freedom",
    "failure_probability",
    "lam_for_degrees_of_freedom",
    "largest_degrees_of_freedom",
    "leverage_scores",
    "node_count",
    "node_counts",
    "slack_chain",
    "violated",
]
