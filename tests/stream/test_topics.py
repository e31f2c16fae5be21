"""The topics are made on purpose and keep events for ever."""

from __future__ import annotations

from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, codec
from kafka.admin import ConfigResource, ConfigResourceType

from commands.rejected import Rejected
from domain.event import State
from infra.settings import Settings
from infra.stream import Cluster, Publisher, Stream, check_topics, make_topics, topics
from tests.stream.company import Company, eventually

pytestmark = pytest.mark.slow


@pytest.fixture
def bare(kafka_address: str) -> Cluster:
    """A cluster without our topics."""
    return Cluster(kafka_address, f"t{uuid4().hex[:10]}", partitions=3)


def test_there_is_one_for_every_aggregate_and_one_for_the_library(bare: Cluster) -> None:
    assert "library" not in State.by_aggregate
    events = [f"{bare.prefix}.{name}" for name in sorted([*State.by_aggregate, "library"])]
    assert topics(bare) == events
    assert make_topics(bare) == [*events, *(f"{name}.dlq" for name in events)]
    assert make_topics(bare) == []
    check_topics(bare)
    with bare.admin() as admin:
        assert {len(each["partitions"]) for each in admin.describe_topics(events)} == {3}
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in events]
        for configs in admin.describe_configs(resources, config_filter="all")["topic"].values():
            said = {name: configs[name]["value"] for name in ("cleanup.policy", "retention.ms", "retention.bytes")}
            assert said == {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}


@pytest.mark.parametrize(
    ("config", "value"),
    [("cleanup.policy", "compact"), ("cleanup.policy", "compact,delete"), ("retention.ms", "604800000"),
     ("retention.bytes", "1073741824")],
)  # fmt: skip
def test_one_that_loses_history_is_refused(bare: Cluster, config: str, value: str) -> None:
    name = f"{bare.prefix}.ticket"
    forever = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    with bare.admin() as admin:
        admin.create_topics({name: {"num_partitions": 1, "configs": forever | {config: value}}}, wait_for_metadata=True)
    with pytest.raises(Rejected, match=f"the topic {name} has {config}={value}") as refused:
        make_topics(bare)
    assert refused.value.code == "TOPIC_LOSES_HISTORY"
    with bare.admin() as admin:
        assert [each for each in admin.list_topics() if each.startswith(bare.prefix)] == [name]


def test_while_kafka_has_no_controller_it_says_so(bare: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def between_two(*_: object) -> None:
        raise RuntimeError("Failed to find active controller id!")

    with monkeypatch.context() as patched:
        patched.setattr(KafkaAdminClient, "create_topics", between_two)
        with pytest.raises(Rejected, match="active controller") as refused:
            make_topics(bare)
    assert refused.value.code == "STREAM_UNAVAILABLE"
    assert make_topics(bare)


def test_one_that_does_not_repack_is_refused(bare: Cluster) -> None:
    make_topics(bare)
    name = f"{bare.prefix}.ticket"
    with bare.admin() as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {"compression.type": "producer"})])
    for ask in (make_topics, check_topics):
        with pytest.raises(Rejected, match=f"the topic {name} has compression.type=producer") as refused:
            ask(bare)
        assert refused.value.code == "TOPIC_COMPRESSION"


def test_what_others_send_in_another_compression_stops_nobody(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.happen(10)
    company.publish_all()
    with company.cluster.producer(compression_type="gzip") as producer:
        producer.send(f"{company.cluster.prefix}.ticket", b"garbage " * 100).get(60)
    # As if gzip were a compression that no reader here knows.
    monkeypatch.setattr(codec, "has_gzip", lambda: False)
    company.happen(10)
    company.publish_all()
    with Stream(company.cluster) as stream:
        eventually(lambda: stream.wait(19, 1.0) == 20, lambda: stream.status)
        eventually(lambda: stream.status.foreign == 1, lambda: stream.status)
        assert stream.status.last_error is None


def test_nothing_is_published_where_one_is_missing(bare: Cluster, company: Company) -> None:
    with pytest.raises(Rejected, match=f"no topic {bare.prefix}.customer; make it with crm migrate") as refused:
        check_topics(bare)
    assert refused.value.code == "TOPIC_MISSING"
    company.happen(3)
    publisher = Publisher(company.log, bare)
    publisher.start()
    eventually(lambda: "TOPIC_MISSING" in str(publisher.status.last_error), lambda: publisher.status)
    assert (publisher.status.position, publisher.status.lag) == (0, 3)
    make_topics(bare)
    eventually(lambda: publisher.status.lag == 0, lambda: publisher.status)
    publisher.close()


def test_without_kafka_it_says_so() -> None:
    nowhere = Cluster("127.0.0.1:1", options={"bootstrap_timeout_ms": 200})
    for ask in (make_topics, check_topics):
        with pytest.raises(Rejected, match=r"Kafka at 127\.0\.0\.1:1 cannot be used now") as refused:
            ask(nowhere)
        assert refused.value.code == "STREAM_UNAVAILABLE"


def test_the_settings_name_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CRM_KAFKA_BOOTSTRAP_SERVERS", raising=False)
    assert Cluster.named_by(Settings.read()) is None
    monkeypatch.setenv("CRM_KAFKA_BOOTSTRAP_SERVERS", "a:9092, b:9092")
    monkeypatch.setenv("CRM_KAFKA_PREFIX", "acme")
    monkeypatch.setenv("CRM_KAFKA_PARTITIONS", "12")
    monkeypatch.setenv("CRM_KAFKA_OPTIONS", '{"security_protocol": "SSL"}')
    cluster = Cluster.named_by(Settings.read())
    assert cluster == Cluster("a:9092, b:9092", "acme", 12, {"security_protocol": "SSL"})
    assert cluster.topic_of("ticket-7") == "acme.ticket"
    assert cluster.topic_of("eventsourcing:Fleet-a-7") == "acme.library"
    monkeypatch.setenv("CRM_KAFKA_PREFIX", "Two Words")
    with pytest.raises(Rejected, match="CRM_KAFKA_PREFIX"):
        Settings.read()
