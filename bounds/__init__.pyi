from .approximation import approximation_bound as approximation_bound
from .approximation import approximation_error as approximation_error
from .approximation import local_bound as local_bound
from .approximation import slack_chain as slack_chain
from .assembly import Setting as Setting
from .binomial import clopper_pearson as clopper_pearson
from .binomial import upper_risk as upper_risk
from .comparison import compare as compare
from .complexity import chain as chain
from .complexity import dudley as dudley
from .complexity import massart as massart
from .constrained import ConstrainedClass as ConstrainedClass
from .constrained import constrained_bound as constrained_bound
from .constrained import margin_bound as margin_bound
from .covering import ball_covering as ball_covering
from .covering import class_cover as class_cover
from .covering import greedy_net as greedy_net
from .covering import maurey as maurey
from .degrees_of_freedom import degrees_of_freedom as degrees_of_freedom
from .degrees_of_freedom import lam_for_degrees_of_freedom as lam_for_degrees_of_freedom
from .degrees_of_freedom import leverage_scores as leverage_scores
from .generalization import fixed_nodes_bound as fixed_nodes_bound
from .generalization import generalization_bound as generalization_bound
from .lipschitz import Radii as Radii
from .lipschitz import input_lipschitz as input_lipschitz
from .lipschitz import output_bound as output_bound
from .lipschitz import parameter_lipschitz as parameter_lipschitz
from .lipschitz import state_bound as state_bound
from .loss_constants import loss_constants as loss_constants
from .node_counts import failure_probability as failure_probability
from .node_counts import largest_degrees_of_freedom as largest_degrees_of_freedom
from .node_counts import node_count as node_count
from .node_counts import node_counts as node_counts
from .node_theorems import degrees_of_freedom_bound as degrees_of_freedom_bound
from .node_theorems import determinantal_bound as determinantal_bound
from .problem import Problem as Problem
from .problem import StatedProblem as StatedProblem
from .relative_entropy import inverse_kl as inverse_kl
from .relative_entropy import kl as kl
from .stratified import stratified_bound as stratified_bound
from .terms import FIXED_RADII as FIXED_RADII
from .terms import ORDER_ONLY as ORDER_ONLY
from .terms import VALID as VALID
from .terms import Bound as Bound
from .terms import Condition as Condition
from .terms import Term as Term
from .terms import violated as violated
from .tradeoffs import Tradeoff as Tradeoff
from .tradeoffs import tradeoff as tradeoff
from .tradeoffs import tradeoff_order as tradeoff_order
from .uniform import net as net
from .uniform import net_chain as net_chain
from .uniform import net_kl as net_kl
from .uniform import rademacher_term as rademacher_term

__all__ = [
    "FIXED_RADII",
    "ORDER_ONLY",
    "VALID",
    "Bound",
    "Condition",
    "ConstrainedClass",
    "Problem",
    "Radii",
    "Setting",
    "StatedProblem",
    "Term",
    "Tradeoff",
    "approximation_bound",
    "approximation_error",
    "ball_covering",
    "chain",
    "class_cover",
    "clopper_pearson",
    "compare",
    "constrained_bound",
    "degrees_of_freedom",
    "degrees_of_freedom_bound",
    "determinantal_bound",
    "dudley",
    "failure_probability",
    "fixed_nodes_bound",
    "generalization_bound",
    "greedy_net",
    "input_lipschitz",
    "inverse_kl",
    "kl",
    "lam_for_degrees_of_freedom",
    "largest_degrees_of_freedom",
    "leverage_scores",
    "local_bound",
    "loss_constants",
    "margin_bound",
    "massart",
    "maurey",
    "net",
    "net_chain",
    "net_kl",
    "node_count",
    "node_counts",
    "output_bound",
    "parameter_lipschitz",
    "rademacher_term",
    "slack_chain",
    "state_bound",
    "stratified_bound",
    "tradeoff",
    "tradeoff_order",
    "upper_risk",
    "violated",
]
