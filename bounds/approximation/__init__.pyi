from .a_priori import a_priori_bound as a_priori_bound
from .adversary import adversary_limit as adversary_limit
from .chain import slack_chain as slack_chain
from .choose import approximation_bound as approximation_bound
from .comparator import comparator_bound as comparator_bound
from .defect import StepLosses as StepLosses
from .defect import linear_bound as linear_bound
from .defect import step_losses as step_losses
from .dissipation import dissipation_bound as dissipation_bound
from .gated_intervals import gated_intervals_bound as gated_intervals_bound
from .general import general_bound as general_bound
from .global_ import global_bound as global_bound
from .local import local_bound as local_bound
from .measured import approximation_error as approximation_error
from .power import power_bound as power_bound
from .recursion import recursion_bound as recursion_bound
from .saturation import saturation_bound as saturation_bound
from .scaled import scaled_bound as scaled_bound
from .sector import sector_bound as sector_bound
from .stepwise import stepwise_bound as stepwise_bound
from .toeplitz import toeplitz_bound as toeplitz_bound
from .trajectory import trajectory_bound as trajectory_bound
from .weighted import weighted_bound as weighted_bound
from .weighted_from_mean import weighted_from_mean_bound as weighted_from_mean_bound

__all__ = [
    "StepLosses",
    "a_priori_bound",
    "adversary_limit",
    "approximation_bound",
    "approximation_error",
    "comparator_bound",
    "dissipation_bound",
    "gated_intervals_bound",
    "general_bound",
    "global_bound",
    "linear_bound",
    "local_bound",
    "power_bound",
    "recursion_bound",
    "saturation_bound",
    "scaled_bound",
    "sector_bound",
    "slack_chain",
    "step_losses",
    "stepwise_bound",
    "toeplitz_bound",
    "trajectory_bound",
    "weighted_bound",
    "weighted_from_mean_bound",
]
