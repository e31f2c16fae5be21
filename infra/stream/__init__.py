"""Kafka: publish the log on topics, follow the topics as if they were the log."""

from infra.stream.cluster import Cluster
from infra.stream.publisher import Publisher, PublisherStatus
from infra.stream.stream import Place, Stream, StreamStatus, offsets_of
from infra.stream.topics import check_topics, make_topics, topics, unavailable
from infra.stream.verification import verify_topics

__all__ = [
    "Cluster",
    "Place",
    "Publisher",
    "PublisherStatus",
    "Stream",
    "StreamStatus",
    "check_topics",
    "make_topics",
    "offsets_of",
    "topics",
    "unavailable",
    "verify_topics",
]
