"""Reference data: the files beside this module, checked on load, and the look-ups on them.

Reviewed TSV files hold what people decided; the generated ones hold what CLDR and GeoNames know (see NOTICE.md).
How a look-up's answer is judged belongs to the modules that ask.
"""

from etl.reference.gazetteer import Gazetteer, Place
from etl.reference.loader import Agency, Calendar, LineKind, Reference, agency_head, load_reference
from etl.reference.names import CACHED_NAMES, fold, normalise
from etl.reference.regions import Region

__all__ = [
    "CACHED_NAMES",
    "Agency",
    "Calendar",
    "Gazetteer",
    "LineKind",
    "Place",
    "Reference",
    "Region",
    "agency_head",
    "fold",
    "load_reference",
    "normalise",
]
