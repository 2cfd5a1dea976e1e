"""Which nodes to keep: one module a method, all behind `select_nodes`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
