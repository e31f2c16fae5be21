"""Read models: the engine that follows the log, the archive of events, snapshots, reports, SQL for analysts."""

from infra.models.engine import EVENTS, Models
from infra.models.file import place_in
from infra.models.heldback import HeldBack
from infra.models.inflow import Source
from infra.models.keeping import Keeper
from infra.models.model import Column, Header, Model, read_header
from infra.models.status import Finding, ModelStatus, Status
from infra.models.witnesses import witness_in, witness_of, witnesses

__all__ = [
    "EVENTS",
    "Column",
    "Finding",
    "Header",
    "HeldBack",
    "Keeper",
    "Model",
    "ModelStatus",
    "Models",
    "Source",
    "Status",
    "place_in",
    "read_header",
    "witness_in",
    "witness_of",
    "witnesses",
]
