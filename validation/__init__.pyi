from .checking.certified import Certificate as Certificate
from .checking.certified import certify as certify
from .checking.runner import verify_all as verify_all
from .checking.verifying import verify as verify
from .claims import Claim as Claim
from .claims import ClaimError as ClaimError
from .claims import claim as claim
from .data.dataset import Dataset as Dataset
from .data.digits import digits as digits
from .instances import Instance as Instance
from .instances import draw as draw
from .instances import expectation as expectation
from .instances import subsets as subsets
from .loading import load_claim as load_claim
from .loading import load_file as load_file
from .porting.torch_module import prune_module as prune_module
from .verdict import Conclusion as Conclusion
from .verdict import Coverage as Coverage
from .verdict import Evidence as Evidence
from .verdict import Outcome as Outcome
from .verdict import Verdict as Verdict

__all__ = [
    "Certificate",
    "Claim",
    "ClaimError",
    "Conclusion",
    "Coverage",
    "Dataset",
    "Evidence",
    "Instance",
    "Outcome",
    "Verdict",
    "certify",
    "claim",
    "digits",
    "draw",
    "expectation",
    "load_claim",
    "load_file",
    "prune_module",
    "subsets",
    "verify",
    "verify_all",
]
