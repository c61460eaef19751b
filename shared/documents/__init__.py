"""Documents that people are given: printed, sealed, verified; the same for every service.

A service orders one in the transaction that gives rise to it (`order`), runs `seal_documents` as a task,
declares `document_stream(<service>)`, includes `verification(KINDS)` in its router, and withdraws what facts
overtake (`withdraw`). Decision 0040.
"""

from shared.documents.content import Content, Field, Texts, printable
from shared.documents.desk import Document, Standing, issued, order, seal_documents, withdraw
from shared.documents.events import document_stream

__all__ = [
    "Content",
    "Document",
    "Field",
    "Standing",
    "Texts",
    "document_stream",
    "issued",
    "order",
    "printable",
    "seal_documents",
    "withdraw",
]
