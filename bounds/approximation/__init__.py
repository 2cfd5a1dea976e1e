"""Bounds on ||f^ - f'||, the error that pruning makes (theory, section 3); one module an idea."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
