"""Files in: purchases and customers of another system, as often as one likes.

``PurchaseFile`` and ``CustomerFile`` read a table in batches; ``write_purchases`` and
``write_customers`` put one batch down in a transaction. A row that makes no sense is rejected
with its line and the reason, the rest comes in. Reading the same file again adds nothing.
"""

from loyalty.importing.model import Batch, Options, Outcome, Summary
from loyalty.importing.people import CustomerFile, PeopleBatch, write_customers
from loyalty.importing.problems import FileProblem, Rejected
from loyalty.importing.reading import PurchaseFile
from loyalty.importing.writing import write_purchases

__all__ = [
    "Batch",
    "CustomerFile",
    "FileProblem",
    "Options",
    "Outcome",
    "PeopleBatch",
    "PurchaseFile",
    "Rejected",
    "Summary",
    "write_customers",
    "write_purchases",
]
