"""Whether it is true: claims, their verdicts, and experiments.

"Section 7 of the theory" and the like mean docs/theory.md; docs/house.md says what is where.
"""

import pkgutil

import lazy_loader

from validation import moved

moved.install()
# A folder of this name without __init__ on a user's path loses against this package; what it holds
# is still found.
__path__ = pkgutil.extend_path(__path__, __name__)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
