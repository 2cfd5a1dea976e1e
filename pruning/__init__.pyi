from . import baselines as baselines
from .activations import Activation as Activation
from .activations import activation as activation
from .covariance import StateCovariance as StateCovariance
from .reconstruction import information_loss as information_loss
from .reconstruction import reconstruction_matrix as reconstruction_matrix
from .reconstruction import residual_covariance as residual_covariance
from .reconstruction import ridge_schur_complement as ridge_schur_complement
from .rnn import RNN as RNN
from .selection.dispatch import select_nodes as select_nodes
from .selection.leverage import leverage_scores as leverage_scores
from .selection.leverage import sample_leverage as sample_leverage
from .spectral import PrunedRNN as PrunedRNN
from .spectral import prune_to as prune_to
from .spectral import selection_weight as selection_weight
from .spectral import spectral_prune as spectral_prune
from .storage import load_network as load_network
from .storage import save_network as save_network

__all__ = [
    "RNN",
    "Activation",
    "PrunedRNN",
    "StateCovariance",
    "activation",
    "baselines",
    "information_loss",
    "leverage_scores",
    "load_network",
    "prune_to",
    "reconstruction_matrix",
    "residual_covariance",
    "ridge_schur_complement",
    "sample_leverage",
    "save_network",
    "select_nodes",
    "selection_weight",
    "spectral_prune",
]
