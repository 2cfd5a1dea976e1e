from .arithmetics import FLOAT64 as FLOAT64
from .arithmetics import RATIONALS as RATIONALS
from .arithmetics import Arithmetic as Arithmetic
from .arithmetics import Reading as Reading
from .arithmetics import balls as balls
from .comparison import Comparison as Comparison
from .comparison import Relation as Relation
from .errors import OutsideVocabulary as OutsideVocabulary
from .errors import Undecided as Undecided
from .errors import Undefined as Undefined
from .errors import Unsupported as Unsupported
from .raising import Raised as Raised
from .raising import raise_precision as raise_precision
from .vocabulary import Word as Word
from .vocabulary import vocabulary as vocabulary

__all__ = [
    "FLOAT64",
    "RATIONALS",
    "Arithmetic",
    "Comparison",
    "OutsideVocabulary",
    "Raised",
    "Reading",
    "Relation",
    "Undecided",
    "Undefined",
    "Unsupported",
    "Word",
    "balls",
    "raise_precision",
    "vocabulary",
]
