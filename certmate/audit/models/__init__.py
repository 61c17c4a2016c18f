from certmate.audit.models.events import Event, Unsealed
from certmate.audit.models.searches import SavedSearch
from certmate.audit.models.state import Delivery, LogKey, LogState, Tally
from certmate.audit.models.tree import Anchor, Checkpoint, Leaf, Node

__all__ = [
    "Anchor",
    "Checkpoint",
    "Delivery",
    "Event",
    "Leaf",
    "LogKey",
    "LogState",
    "Node",
    "SavedSearch",
    "Tally",
    "Unsealed",
]
