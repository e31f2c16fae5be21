"""The parts of a node that may run alone."""

from enum import StrEnum


class Part(StrEnum):
    """What `crm serve --only` runs."""

    COMMANDS = "commands"
    """Takes commands and tells the log; has no read models. Any number of them share one log."""

    QUERIES = "queries"
    """Read models that follow the topics in Kafka instead of a log. Any number of them, each with a file of its own."""

    PUBLISHER = "publisher"
    """Publishes the log to Kafka; answers only how it is. Of several the newest publishes, the others stand by."""
