"""Read models: the engine that follows the log, the archive of events, snapshots, reports, SQL for analysts."""

from infra.models.engine import Finding, Models, ModelStatus, Status
from infra.models.model import Column, Header, Model, read_header

__all__ = ["Column", "Finding", "Header", "Model", "ModelStatus", "Models", "Status", "read_header"]
