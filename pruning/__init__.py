"""What is pruned, and how: networks, second moments, selection, reconstruction.

NumPy and SciPy only; everything is loaded when it is first used.

"Section 2a of the theory" and the like mean docs/theory.md, which also lists the sources: F22, B17.
"""

import pkgutil

import lazy_loader

# A folder of this name without __init__ on a user's path loses against this package; what it holds
# is still found.
__path__ = pkgutil.extend_path(__path__, __name__)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
