"""What the topics have seen of the log."""

from __future__ import annotations

from kafka.errors import KafkaError

from infra.log import Witness
from infra.stream.cluster import Cluster
from infra.stream.places import last_events
from infra.stream.topics import unavailable


def witnesses_on(cluster: Cluster) -> list[Witness]:
    """The last event in each partition of our topics, none where nothing was published.

    :raises Rejected: STREAM_UNAVAILABLE.
    """
    try:
        with cluster.consumer() as consumer:
            found = last_events(consumer, cluster.topic_partitions(consumer), cluster.prefix)
    except KafkaError as error:
        raise unavailable(cluster, error) from error
    return [Witness(f"{at.topic}/{at.partition}", event.position, event.hash) for at, event in sorted(found.items())]
