"""Imports: files become commands through a mapping, one SELECT; and the simulated company."""

from infra.intake.importing import Answer, Door, Totals, Wishes, beside, run
from infra.intake.mapping import Mapping, Wish
from infra.intake.simulation import Simulation

__all__ = ["Answer", "Door", "Mapping", "Simulation", "Totals", "Wish", "Wishes", "beside", "run"]
