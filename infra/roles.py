"""The roles that a caller may have."""

from enum import StrEnum


class Role(StrEnum):
    """What somebody is here for; a token names one or several."""

    SERVICE = "service"
    """Another team's program."""

    AGENT = "agent"
    """Works with customers."""

    ANALYST = "analyst"
    """Asks how things are, and needs no names for it."""

    AUDITOR = "auditor"
    """Checks who did what, and whether all of it is sound."""

    ADMIN = "admin"
    """Keeps it running, publishes policies, forgets people."""
