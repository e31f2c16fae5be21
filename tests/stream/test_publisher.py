"""Every event is on its topic exactly once and in order, whoever publishes and whatever else is on the topics."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
from eventsourcing.persistence import StoredEvent
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from infra.log.library import LogApplicationRecorder
from infra.stream import Cluster, Publisher, PublisherStatus, verify_topics
from tests.stream.company import Company, committed, eventually, new_cluster, position_of
from tests.stream.test_description import validator_of
from tests.stream.test_held_back import query_node

pytestmark = pytest.mark.slow


@contextmanager
def somebody_else(cluster: Cluster, **more: object) -> Iterator[KafkaProducer]:
    with cluster.producer(**more) as producer:
        yield producer


@pytest.mark.parametrize("partitions", [1, 6])
def test_each_event_is_on_its_topic_once(kafka_address: str, tmp_path: Path, partitions: int) -> None:
    company = Company(tmp_path, new_cluster(kafka_address, partitions))
    company.happen(700)
    company.publish_all()
    records = company.check_topics()
    assert {record.partition for record in records} == set(range(partitions))
    # Whoever comes next goes on there, and finds nothing to do.
    company.publish_all()
    company.happen(41)
    with company.publishing() as publisher:
        company.await_published(publisher)
        company.happen(7)
        company.await_published(publisher)
        well = PublisherStatus("publishing", 748, 0, None)
        eventually(lambda: publisher.status == well, lambda: publisher.status)
    company.check_topics()
    company.close()


def test_events_of_the_library_and_large_ones_are_published_among_the_others(company: Company) -> None:
    school = LogApplicationRecorder(company.log, "School")
    for state in (b"opaque", os.urandom(3 << 19)):
        company.happen(10)
        school.insert_events([StoredEvent("7", len(school.select_events("7")) + 1, "school:Begun", state)])
    company.happen(10)
    company.publish_all()
    records = [record for record in company.check_topics() if record.topic == f"{company.cluster.prefix}.library"]
    assert [position_of(record) for record in records] == [11, 22]
    assert len(records[1].value) > 2 << 20
    for record in records:
        validator_of("LibraryEvent").validate(orjson.loads(record.value))
    assert verify_topics(company.cluster, f"sqlite:///{company.directory}/log.db") == ([], 32, 32)
    with query_node(company.directory / "node", company.cluster, 32) as models, models.transaction() as cursor:
        assert models.held_back == []
        assert cursor.execute("select count(*), max(position) from events").fetchall() == [(32, 32)]


def test_keys_fall_where_every_client_puts_them(company: Company) -> None:
    company.happen(40)
    company.publish_all()
    records = company.check_topics()
    with somebody_else(company.cluster) as producer:
        sent = [producer.send(record.topic, b"of the same key", record.key) for record in records]
        assert [each.get(10).partition for each in sent] == [record.partition for record in records]


def test_of_two_one_publishes_and_the_other_takes_over_when_it_is_gone(company: Company) -> None:
    company.happen(20)
    with company.publishing(patience=2.0) as older:
        company.await_published(older)
        newer = Publisher(company.log, company.cluster, patience=2.0)
        newer.start()
        # Whoever was fenced learns it when there is something to publish.
        both = {older, newer}

        def settled() -> bool:
            company.happen(10)
            return {each.status.state for each in both} == {"publishing", "standing by"}

        eventually(settled, lambda: (older.status, newer.status))
        company.await_published(newer)
        company.check_topics()
        active = next(each for each in both if each.status.state == "publishing")
        (left,) = both - {active}
        active.close()
        company.happen(30)
        company.await_published(left)
        newer.close()
    company.check_topics()


def test_a_restored_older_log_is_not_published(cluster: Cluster, tmp_path: Path) -> None:
    now, backup = tmp_path / "now", tmp_path / "backup"
    now.mkdir()
    company = Company(now, cluster)
    company.happen(30)
    company.close()
    shutil.copytree(now, backup)
    company = Company(now, cluster)
    company.happen(30)
    company.publish_all()
    company.close()

    # The true one goes on meanwhile: it would take over again only after a silence longer than this test.
    company, restored = Company(now, cluster), Company(backup, cluster)
    with company.publishing(patience=600) as true, restored.publishing() as publisher:
        company.await_published(true)
        eventually(lambda: "the log ends at 30" in str(publisher.status.last_error), lambda: publisher.status)
        company.happen(30)
        well = PublisherStatus("publishing", company.log.head.position, 0, None)
        eventually(lambda: true.status == well, lambda: true.status)
        assert "HISTORY_FORKED: the topics" in str(publisher.status.last_error)
        # It went on elsewhere, and is longer by now.
        restored.happen(90)
        eventually(lambda: "holds another event" in str(publisher.status.last_error), lambda: publisher.status)
        company.happen(30)
        still = PublisherStatus("publishing", company.log.head.position, 0, None)
        eventually(lambda: true.status == still, lambda: true.status)
    restored.close()
    company.check_topics()
    company.close()


def test_what_is_not_ours_at_the_ends_is_looked_through(company: Company) -> None:
    company.happen(50)
    company.publish_all()
    topic = f"{company.cluster.prefix}.lead"
    with somebody_else(company.cluster, transactional_id=f"{company.cluster.prefix}-else") as producer:
        producer.init_transactions()
        for _ in range(3):
            producer.begin_transaction()
            for n in range(1_000):
                producer.send(topic, b"aborted", b"key", partition=n % 2)
            producer.flush()
            producer.abort_transaction()
        producer.begin_transaction()
        for n in range(500):
            producer.send(topic, b"{}", None, [("position", b"999999")], partition=n % 2)
        producer.commit_transaction()
    with somebody_else(company.cluster) as producer:
        # A copy of an older event right behind the newest is nothing to be misled by.
        ours = [record for record in committed(company.cluster, [topic]) if len(record.headers) == 3]
        newest = max(ours, key=position_of)
        assert position_of(newest) == 50
        old = next(record for record in ours if record.partition == newest.partition)
        assert old is not newest
        producer.send(topic, old.value, old.key, old.headers, partition=old.partition).get(10)
    company.happen(50)
    with company.publishing() as publisher:
        company.await_published(publisher)
    ours = [record for record in committed(company.cluster) if len(record.headers) == 3]
    assert sorted(map(position_of, ours)) == sorted([*range(1, 101), position_of(old)])


def test_a_topic_that_is_not_named_is_not_published_again(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    company.happen(20)
    company.publish_all()
    named = Cluster.topic_partitions
    with monkeypatch.context() as behind:
        # As a broker says that does not know all of them yet.
        behind.setattr(
            Cluster, "topic_partitions", lambda *asked: [p for p in named(*asked) if "ticket" not in p.topic]
        )
        with company.publishing() as publisher:
            missing = f"does not name {company.cluster.prefix}.ticket now"
            eventually(lambda: missing in str(publisher.status.last_error), lambda: publisher.status)
            behind.undo()
            company.await_published(publisher)
    company.check_topics()


def test_an_open_transaction_of_somebody_else_hides_nothing(company: Company) -> None:
    company.happen(10)
    company.publish_all()
    topic = f"{company.cluster.prefix}.ticket"
    with somebody_else(company.cluster, transactional_id=f"{company.cluster.prefix}-else") as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for partition in range(2):
            producer.send(topic, b"open", partition=partition)
        producer.flush()
        company.happen(10)
        with company.publishing() as publisher:
            eventually(lambda: "TOPIC_BLOCKED" in str(publisher.status.last_error), lambda: publisher.status)
            assert f"open transaction on {topic}/" in str(publisher.status.last_error)
            producer.abort_transaction()
            company.await_published(publisher)
    company.check_topics()


def test_a_refused_record_is_never_passed_over(company: Company) -> None:
    company.happen(20)
    topic = f"{company.cluster.prefix}.ticket"
    with company.cluster.admin() as admin:

        def allow(most: int) -> None:
            limit = {"max.message.bytes": str(most)}
            admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, limit)])

        allow(100)
        with company.publishing() as publisher:
            eventually(lambda: publisher.status.last_error is not None, lambda: publisher.status)
            assert committed(company.cluster) == []
            allow(1 << 20)
            company.await_published(publisher)
            assert publisher.status.last_error is None
    company.check_topics()
