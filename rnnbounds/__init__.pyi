from types import ModuleType

from bounds import *
from pruning import *
from validation import *

__version__: str
PACKAGES: tuple[str, ...]

def own(package: str) -> ModuleType: ...
