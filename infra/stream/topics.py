"""The topics: one per aggregate and one for the library, kept for ever, made on purpose."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, NotControllerError, TopicAlreadyExistsError

from commands.rejected import Rejected
from domain.event import State
from infra.stream.cluster import LARGEST_BYTES, LIBRARY, Cluster

FOREVER = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
"""What a topic must say so that no event is ever lost from it."""

COMPRESSED = {"compression.type": "lz4"}
"""What a topic must say so that the broker repacks what others send in a compression that a reader may not know."""

CREATED_WITH = {
    **FOREVER,
    # The timestamp of a record is when its event was recorded, whatever the broker's clock says.
    "message.timestamp.type": "CreateTime",
    "message.timestamp.after.max.ms": str((1 << 63) - 1),
    "max.message.bytes": str(LARGEST_BYTES),
    **COMPRESSED,
}
DEAD_LETTERS = ".dlq"
DEAD_LETTERS_WITH = {"cleanup.policy": "compact"}
"""The key of a notice names what it is about, so that many nodes may notice the same."""

MEANS = {
    "cleanup.policy": "compaction deletes history",
    "retention.ms": "events are deleted by age",
    "retention.bytes": "events are deleted by size",
}


def topics(cluster: Cluster) -> list[str]:
    """The topics of events, by name: one for every aggregate there is, and the one of the library."""
    return [f"{cluster.prefix}.{name}" for name in sorted([*State.by_aggregate, LIBRARY])]


def make_topics(cluster: Cluster) -> list[str]:
    """Make the topics that are not there, with those of their dead letters.

    :returns: the names of those that were made.
    :raises Rejected: TOPIC_LOSES_HISTORY where one that is there does not keep events for ever, TOPIC_COMPRESSION where
        it does not repack what others send, before any is made; STREAM_UNAVAILABLE where Kafka cannot be asked.
    """
    events = {"num_partitions": cluster.partitions, "configs": CREATED_WITH}
    letters = {"num_partitions": 1, "configs": DEAD_LETTERS_WITH}
    wanted = [(name, events) for name in topics(cluster)]
    wanted += [(name + DEAD_LETTERS, letters) for name in topics(cluster)]
    try:
        with cluster.admin() as admin:
            there = set(admin.list_topics())
            _check(admin, [name for name in topics(cluster) if name in there])
            made = [name for name, how in wanted if name not in there and _made(admin, name, how)]
            admin.wait_for_topics(made)
            return made
    except KafkaError as error:
        raise unavailable(cluster, error) from error


def check_topics(cluster: Cluster) -> None:
    """See that every topic is there and keeps its events for ever.

    :raises Rejected: TOPIC_MISSING, TOPIC_LOSES_HISTORY, TOPIC_COMPRESSION; STREAM_UNAVAILABLE where Kafka cannot be
        asked.
    """
    try:
        with cluster.admin() as admin:
            there = set(admin.list_topics())
            for name in topics(cluster):
                if name not in there:
                    raise Rejected("TOPIC_MISSING", f"Kafka has no topic {name}; make it with crm migrate")
            _check(admin, topics(cluster))
    except KafkaError as error:
        raise unavailable(cluster, error) from error


def unavailable(cluster: Cluster, error: Exception) -> Rejected:
    """The refusal where Kafka does not do what it is asked to."""
    name = type(error).__name__
    said = " ".join(str(error).split()).removeprefix(f"{name}: ") or name
    return Rejected("STREAM_UNAVAILABLE", f"Kafka at {cluster.bootstrap_servers} cannot be used now: {said}")


def _made(admin: KafkaAdminClient, name: str, how: dict[str, Any]) -> bool:
    """Whether the topic was made, and not by somebody else at the same time."""
    try:
        # How many replicas it has is for the owner of the broker to say (default.replication.factor).
        admin.create_topics({name: how})
    except TopicAlreadyExistsError:
        return False
    except RuntimeError as error:
        # So kafka-python says that Kafka is between two controllers.
        raise NotControllerError(str(error)) from error
    return True


def _check(admin: KafkaAdminClient, names: list[str]) -> None:
    if not names:
        return
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(FOREVER | COMPRESSED)) for name in names]
    for name, configs in admin.describe_configs(resources, config_filter="all")["topic"].items():
        for config, needed in FOREVER.items():
            found = configs[config]["value"]
            if found != needed:
                raise Rejected(
                    "TOPIC_LOSES_HISTORY",
                    f"the topic {name} has {config}={found}, so {MEANS[config]}; it must be {needed}",
                )
        for config, needed in COMPRESSED.items():
            found = configs[config]["value"]
            if found != needed:
                raise Rejected(
                    "TOPIC_COMPRESSION",
                    f"the topic {name} has {config}={found}, so one record in another compression stops whoever "
                    f"cannot read it; it must be {needed}",
                )
