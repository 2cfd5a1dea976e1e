"""What is pruned, and how: networks, second moments, selection, reconstruction.

NumPy and SciPy only; everything is loaded when it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
