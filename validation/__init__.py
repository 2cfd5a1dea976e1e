"""Whether it is true: claims, their verdicts, and experiments."""

import lazy_loader

from . import moved

moved.install()
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
