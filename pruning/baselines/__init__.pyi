from .balanced import balanced as balanced
from .balanced import balanced_pivoted_qr as balanced_pivoted_qr
from .balanced import with_refit as with_refit
from .columns import columns as columns
from .fine_tuning import fine_tune as fine_tune
from .from_scratch import from_scratch as from_scratch
from .low_rank import low_rank as low_rank
from .magnitude_nodes import magnitude_nodes as magnitude_nodes
from .pivoted_qr import pivoted_qr as pivoted_qr
from .random_nodes import random_nodes as random_nodes
from .result import PrunedWeights as PrunedWeights
from .sampled_nodes import determinantal_nodes as determinantal_nodes
from .sampled_nodes import leverage_nodes as leverage_nodes
from .sampled_nodes import volume_nodes as volume_nodes
from .single_weights import magnitude_weights as magnitude_weights
from .single_weights import random_weights as random_weights
from .spectral import spectral as spectral
from .table import METHODS as METHODS
from .table import Method as Method
from .table import balanced_exchanges as balanced_exchanges
from .table import no_reconstruction as no_reconstruction
from .table import prune_by as prune_by
from .taylor_nodes import taylor_nodes as taylor_nodes
from .taylor_nodes import taylor_scores as taylor_scores

__all__ = [
    "METHODS",
    "Method",
    "PrunedWeights",
    "balanced",
    "balanced_exchanges",
    "balanced_pivoted_qr",
    "columns",
    "determinantal_nodes",
    "fine_tune",
    "from_scratch",
    "leverage_nodes",
    "low_rank",
    "magnitude_nodes",
    "magnitude_weights",
    "no_reconstruction",
    "pivoted_qr",
    "prune_by",
    "random_nodes",
    "random_weights",
    "spectral",
    "taylor_nodes",
    "taylor_scores",
    "volume_nodes",
    "with_refit",
]
