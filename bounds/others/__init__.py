"""Other people's bounds, one module each, on one network and sample (theory, section 9)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
