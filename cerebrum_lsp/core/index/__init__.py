"""What the workspace defines, by name and by import: an index held in memory. Pure.

The door: `Index` (`update`, `edit`, `remove`, `definitions_of`, `resolve`, `references_to`).
"""

from cerebrum_lsp.core.index.index import Index, IndexLimits
from cerebrum_lsp.core.index.source import Place, Source

__all__ = ["Index", "IndexLimits", "Place", "Source"]
