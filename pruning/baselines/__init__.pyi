from .no_reconstruction import no_reconstruction as no_reconstruction
from .random_nodes import random_nodes as random_nodes
from .table import BASELINES as BASELINES
from .table import prune_by as prune_by

__all__ = ["BASELINES", "no_reconstruction", "prune_by", "random_nodes"]
