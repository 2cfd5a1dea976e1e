from . import baselines as baselines
from .activations import Activation as Activation
from .activations import activation as activation
from .backpropagation import gradients as gradients
from .balanced import alternating_weight as alternating_weight
from .balanced import balanced_weight as balanced_weight
from .cells.gru import GRU as GRU
from .cells.lru import LRU as LRU
from .cells.lstm import LSTM as LSTM
from .covariance import StateCovariance as StateCovariance
from .fisher import softmax_network as softmax_network
from .gauss_newton import RefitStep as RefitStep
from .initialisation import initial_rnn as initial_rnn
from .losses import loss_values as loss_values
from .losses import margins as margins
from .near_ties import prune_by_runs as prune_by_runs
from .observability import Observability as Observability
from .pruned_rnn import PrunedRNN as PrunedRNN
from .reconstruction import information_loss as information_loss
from .reconstruction import reconstruction_matrix as reconstruction_matrix
from .reconstruction import residual_covariance as residual_covariance
from .reconstruction import ridge_schur_complement as ridge_schur_complement
from .refit.closed_loop import refit_closed_loop as refit_closed_loop
from .refit.divergence import refit_divergence as refit_divergence
from .refit.read_out import refit_read_out as refit_read_out
from .rnn import RNN as RNN
from .selection.derandomised import NodeCertificate as NodeCertificate
from .selection.derandomised import certified_nodes as certified_nodes
from .selection.determinantal import sample_determinantal as sample_determinantal
from .selection.determinantal import sample_volume as sample_volume
from .selection.dispatch import select_nodes as select_nodes
from .selection.leverage import leverage_scores as leverage_scores
from .selection.leverage import sample_leverage as sample_leverage
from .spectral import observed_weight as observed_weight
from .spectral import prune_to as prune_to
from .spectral import refitted as refitted
from .spectral import selection_weight as selection_weight
from .spectral import spectral_prune as spectral_prune
from .stack import Stack as Stack
from .stack_pruning import PrunedStack as PrunedStack
from .stack_pruning import prune_stack as prune_stack
from .storage import load_network as load_network
from .storage import save_network as save_network
from .training import DivergenceError as DivergenceError
from .training import InterruptedTraining as InterruptedTraining
from .training import TrainingResult as TrainingResult
from .training import train as train
from .training_state import TrainingState as TrainingState

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "RNN",
    "Activation",
    "DivergenceError",
    "InterruptedTraining",
    "NodeCertificate",
    "Observability",
    "PrunedRNN",
    "PrunedStack",
    "RefitStep",
    "Stack",
    "StateCovariance",
    "TrainingResult",
    "TrainingState",
    "activation",
    "alternating_weight",
    "balanced_weight",
    "baselines",
    "certified_nodes",
    "gradients",
    "information_loss",
    "initial_rnn",
    "leverage_scores",
    "load_network",
    "loss_values",
    "margins",
    "observed_weight",
    "prune_by_runs",
    "prune_stack",
    "prune_to",
    "reconstruction_matrix",
    "refit_closed_loop",
    "refit_divergence",
    "refit_read_out",
    "refitted",
    "residual_covariance",
    "ridge_schur_complement",
    "sample_determinantal",
    "sample_leverage",
    "sample_volume",
    "save_network",
    "select_nodes",
    "selection_weight",
    "softmax_network",
    "spectral_prune",
    "train",
]
