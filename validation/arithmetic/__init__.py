"""One formula, three arithmetics: float64, balls, exact rationals. Only this package uses FLINT."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
