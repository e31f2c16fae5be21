"""The topics are followed as if they were the log: every event once and in order, from any place, in bounded memory."""

from __future__ import annotations

import random
import socket
import tracemalloc
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import orjson
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaTimeoutError, UnknownTopicOrPartitionError

from commands.rejected import Rejected
from infra.log import Row, from_microseconds
from infra.log.document import instant_text
from infra.stream import Cluster, Place, Stream, make_topics, merge, offsets_of, places, verify_topics
from infra.stream import cluster as cluster_module
from infra.stream import stream as stream_module
from infra.stream.record import headers, milliseconds
from infra.stream.topics import FOREVER
from tests.stream.company import DEADLINE, Company, committed, eventually, position_of, read_all

pytestmark = pytest.mark.slow

COLUMNS = ("position", "stream", "version", "type", "recorded_at", "document", "hash")


def await_head(stream: Stream, position: int) -> None:
    eventually(lambda: stream.wait(position - 1, 1.0) >= position, lambda: stream.status)


def rows_of(stream: Stream, after: int = 0, until: int | None = None, size: int = 10_000) -> list[tuple[object, ...]]:
    return [
        tuple(row[column] for column in COLUMNS)
        for batch in stream.batches(after, until, size)
        for row in batch.to_pylist()
    ]


def test_it_gives_what_the_log_gives(company: Company) -> None:
    company.happen(3_000)
    company.publish_all()
    with Stream(company.cluster) as stream:
        await_head(stream, 3_000)
        assert stream.head == company.log.head
        ours, theirs = list(stream.batches(0, None, 700)), list(company.log.batches(0, None, 700))
        assert [batch.schema.remove_metadata() for batch in ours] == [batch.schema for batch in theirs]
        assert [batch.to_pylist() for batch in ours] == [batch.to_pylist() for batch in theirs]
        # Anywhere else, too, in any order.
        whole = [tuple(row) for row in company.log.rows()]
        for after in (2_999, 0, 1_234, 17):
            assert rows_of(stream, after, after + 500, 333) == whole[after : after + 500]
        assert rows_of(stream, 3_000) == []
        assert stream.status.last_error is None


def test_a_client_that_looked_for_few_topics_knows_where_all_begin_and_end(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.happen(100)
    company.publish_all()
    with company.cluster.consumer() as consumer:
        partitions = company.cluster.topic_partitions(consumer)
        for each in {one.topic: one for one in partitions}.values():
            # From now on the client looks for this topic alone.
            places.read_from(consumer, {each: 0})
            consumer.poll(timeout_ms=200)
            for known in (places.begins_of(consumer, partitions), places.ends_of(consumer, partitions)):
                assert known.keys() == set(partitions)
        monkeypatch.setattr(places, "PATIENCE", 0.1)
        with pytest.raises(KafkaTimeoutError, match="nobodys/0"):
            places.ends_of(consumer, [TopicPartition(f"{company.cluster.prefix}.nobodys", 0), *partitions])


def test_one_whose_leader_is_not_known_is_not_taken_for_one_that_has_nothing(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.happen(100)
    company.publish_all()
    with company.cluster.consumer() as consumer:
        partitions = company.cluster.topic_partitions(consumer)
        ends = places.ends_of(consumer, partitions)
        known = places.offsets_since(consumer, ends, 0)
        assert known == dict.fromkeys(partitions, 0) | {each: 0 for each in partitions if ends[each] == 0}
        metadata = consumer._cluster
        update = metadata.update_metadata
        for each in partitions:
            answers = [-1, -1]
            """What Kafka says of its leader while another one is chosen."""

            def choosing(answer: Any, each: TopicPartition = each, answers: list[int] = answers) -> None:
                for topic in answer.topics:
                    for partition in topic.partitions:
                        if answers and (topic.name, partition.partition_index) == each:
                            partition.leader_id = answers.pop()
                update(answer)

            monkeypatch.setattr(metadata, "update_metadata", choosing)
            consumer.topics()
            assert places.offsets_since(consumer, ends, 0) == known
            assert answers == []


def test_no_partition_is_overlooked(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    with company.cluster.consumer() as consumer:
        # As kafka-python answers while it looks for few topics alone.
        monkeypatch.setattr(consumer, "partitions_for_topic", lambda topic: None)
        with pytest.raises(UnknownTopicOrPartitionError, match=company.cluster.prefix):
            company.cluster.topic_partitions(consumer)


def test_it_goes_on_from_a_place(company: Company) -> None:
    company.happen(1_000)
    company.publish_all()
    with Stream(company.cluster) as stream:
        await_head(stream, 1_000)
        batches = list(stream.batches(0, None, 90))
    company.happen(200)
    company.publish_all()
    whole = [tuple(row) for row in company.log.rows()]
    for batch in random.Random().sample(batches, 2):
        position, hash = batch["position"][-1].as_py(), batch["hash"][-1].as_py()
        full = Place(position, hash, offsets_of(batch))
        stale = replace(full, offsets={name: offset + 1_000_000 for name, offset in full.offsets.items()})
        for place in (full, replace(full, offsets={}), replace(full, hash=None), stale):
            with Stream(company.cluster, place) as stream:
                await_head(stream, 1_200)
                assert rows_of(stream, position) == whole[position:]


def test_copies_of_old_events_lead_no_search_astray(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "NEAR", 5)
    for _ in range(6):
        company.happen(100)
    company.publish_all()
    records = committed(company.cluster)
    with company.cluster.producer() as producer:
        for old in {(record.topic, record.partition): record for record in reversed(records)}.values():
            for _ in range(50):
                producer.send(old.topic, old.value, old.key, old.headers, partition=old.partition)
        producer.flush()
    whole = list(company.log.rows())
    with company.cluster.consumer() as consumer:
        partitions = company.cluster.topic_partitions(consumer)
        shown, found = (
            places.last_events(consumer, partitions, company.cluster.prefix, thorough=thorough)
            for thorough in (False, True)
        )
        assert max(event.position for event in shown.values()) < 600
        assert max(event.position for event in found.values()) == 600
    for position in (300, 590):
        with company.cluster.consumer() as consumer:
            partitions = company.cluster.topic_partitions(consumer)
            begins = places.offsets_after(consumer, partitions, company.cluster.prefix, position)
        for record in records:
            if position_of(record) > position:
                assert record.offset >= begins[TopicPartition(record.topic, record.partition)]
        assert sum(begins.values()) > position / 2
        with Stream(company.cluster, Place(position, whole[position - 1].hash)) as stream:
            await_head(stream, 600)
            assert stream.head == company.log.head
            assert rows_of(stream, position) == [tuple(row) for row in whole[position:]]


def test_it_follows(company: Company) -> None:
    with company.publishing(), Stream(company.cluster) as stream:
        assert stream.wait(0, 0.01) == 0
        for count in (1, 2, 50):
            before = company.log.head.position
            company.happen(count)
            await_head(stream, before + count)
            assert rows_of(stream, before) == [tuple(row) for row in company.log.rows(after=before)]


def test_it_says_how_far_the_topics_got_although_nobody_takes(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "READ_AHEAD_BYTES", 1)
    company.happen(100)
    company.publish_all()
    with Stream(company.cluster) as stream:
        await_head(stream, 100)
        eventually(lambda: stream.status.position > 0)
        for count in (1, 700):
            company.happen(count)
            company.publish_all()
            await_head(stream, company.log.head.position)
        assert stream.head == company.log.head
        assert stream.status.position < 801
        assert rows_of(stream) == [tuple(row) for row in company.log.rows()]


def test_instants_are_found_as_in_the_log(company: Company) -> None:
    for _ in range(30):
        company.happen(7)
    company.publish_all()
    with Stream(company.cluster) as stream:
        await_head(stream, 210)
        recorded = [row.recorded_at for row in company.log.rows()]
        step = timedelta(microseconds=1)
        for instant in [*random.Random().sample(recorded, 3), recorded[0] - step, recorded[-1]]:
            assert stream.position_at(instant) == company.log.position_at(instant)


def test_memory_is_bounded_whatever_runs_ahead(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "AHEAD_BYTES", 64 << 10)
    monkeypatch.setattr(stream_module, "READ_AHEAD_BYTES", 64 << 10)
    rows = made_up(6_000, 4_000)
    with cluster.producer() as producer:
        # Long runs in turn on each of two partitions, so that most of what is fetched comes too early.
        for row in rows:
            send(producer, cluster, row, row.position // 1_500 % 2)
        producer.flush()
    limits = []
    with Stream(cluster) as stream:
        await_head(stream, len(rows))
        tracemalloc.start()
        for batch in stream.batches(0, None, 100):
            assert batch.num_rows == 100
            limits.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert stream.status.position == len(rows)
    size = sum(len(row.document) for row in rows)
    assert size > 24_000_000
    assert max(limits) < size / 2


def made_up(count: int, size: int = 10) -> list[Row]:
    """A history that no log has, of events of a certain size."""
    rows, hash = [], bytes(32)
    for position in range(1, count + 1):
        document = document_of(position, {"body": "x" * size})
        hash = sha256(hash + document).digest()
        rows.append(Row(position, "ticket-1", position, "crm.TicketReplied.v1", instant_of(position), document, hash))
    return rows


def instant_of(position: int) -> datetime:
    return from_microseconds(position * 1_000)


def document_of(position: int, data: dict[str, object], stream: str = "ticket-1") -> bytes:
    return orjson.dumps(
        {"source": "/crm", "type": "crm.TicketReplied.v1", "subject": stream, "sequence": f"{position:020}",
         "version": position, "recordedtime": instant_text(instant_of(position)), "data": data}
    )  # fmt: skip


def test_what_is_not_ours_is_noticed_and_in_nobodys_way(company: Company) -> None:
    company.happen(100)
    company.publish_all()
    prefix = company.cluster.prefix
    topic = f"{prefix}.lead"
    lead = next(record for record in committed(company.cluster, [topic]))
    garbage = [
        (b"\x00\xff", None, []),
        (b"", b"lead-1", [("position", b"12")]),
        (None, b"lead-1", lead.headers),
        (b"[1, 2]", b"lead-1", lead.headers),
        (lead.value, b"lead-2", lead.headers),
        (lead.value, lead.key, [lead.headers[0], ("position", b"-1"), lead.headers[2]]),
        (lead.value, lead.key, [*lead.headers[:2], ("hash", b"00")]),
        (lead.value.replace(b"/crm", b"/erp"), lead.key, lead.headers),
    ]
    with company.cluster.producer() as producer:
        for value, key, said in garbage:
            producer.send(topic, value, key, said, partition=0)
            producer.send(topic, value, key or b"k", said, partition=1)
        # A copy of what is there changes nothing.
        producer.send(topic, lead.value, lead.key, lead.headers, partition=lead.partition)
        producer.flush()
    company.happen(100)
    company.publish_all()
    with Stream(company.cluster) as stream:
        await_head(stream, 200)
        assert rows_of(stream) == [tuple(row) for row in company.log.rows()]
        assert (stream.status.foreign, stream.status.last_error) == (2 * len(garbage), None)
    with company.cluster.consumer() as consumer:
        notices = read_all(consumer, [TopicPartition(f"{topic}.dlq", 0)])
    assert len(notices) == 2 * len(garbage)
    first = next(notice for notice in notices if notice.value == b"\x00\xff")
    said = dict(first.headers)
    assert said["error"] == b"it has not the headers of an event: content-type, position and hash"
    assert first.key.decode() == f"{topic}/{said['partition'].decode()}/{said['offset'].decode()}"
    assert said["topic"] == topic.encode()


def test_headers_that_are_no_text_stop_nobody(company: Company) -> None:
    class Bytes(str):
        def encode(self, *_: object) -> bytes:
            return b"\xff\xfe"

    company.happen(50)
    company.publish_all()
    topic = f"{company.cluster.prefix}.lead"
    for _ in range(2):
        # Enough for a batch that is compressed, and so kept as it was sent.
        with company.cluster.producer(linger_ms=100) as producer:
            for n in range(40):
                producer.send(topic, bytes(1_000), b"k", [(Bytes("no text"), b"")] if n > 5 else [], partition=n % 2)
        company.happen(50)
        company.publish_all()
    with Stream(company.cluster) as stream:
        await_head(stream, 150)
        assert rows_of(stream) == [tuple(row) for row in company.log.rows()]
        assert stream.status.last_error is None
    assert verify_topics(company.cluster, f"sqlite:///{company.directory}/log.db") == ([], 150, 150)


def send(producer: KafkaProducer, cluster: Cluster, row: Row, partition: int) -> None:
    """As the publisher does, but where one likes."""
    topic, key = cluster.topic_of(row.stream), row.stream.encode()
    producer.send(topic, row.document, key, headers(row), partition, milliseconds(row))


def publish_by_hand(cluster: Cluster, rows: list[Row]) -> None:
    with cluster.producer() as producer:
        for row in rows:
            send(producer, cluster, row, 0)
        producer.flush()


def altered(row: Row) -> Row:
    return row._replace(document=document_of(row.position, {"body": "another"}))


def of_one_partition(address: str) -> Cluster:
    """One whose only topic has one partition."""
    cluster = Cluster(address, f"t{uuid4().hex[:10]}")
    with cluster.admin() as admin:
        # Its records are old, and a broker that may delete them does, every five minutes.
        one = {"num_partitions": 1, "configs": FOREVER}
        admin.create_topics({f"{cluster.prefix}.ticket": one}, wait_for_metadata=True)
    return cluster


def refusal(stream: Stream, head: int) -> Rejected:
    """What stops a stream whose topics do not go beyond the head."""
    with pytest.raises(Rejected) as refused:
        stream.wait(head, DEADLINE)
    return refused.value


def test_a_history_that_does_not_continue_stops_it(cluster: Cluster) -> None:
    rows = made_up(20)
    publish_by_hand(cluster, [*rows[:9], altered(rows[9]), *rows[10:]])
    with Stream(cluster) as stream:
        refused = refusal(stream, 20)
        assert (refused.code, "position 10" in refused.sentence) == ("HISTORY_FORKED", True)
        with pytest.raises(Rejected, match="position 10"):
            list(stream.batches(0, 20))
        assert stream.status.position <= 9
        assert str(stream.status.last_error).startswith("HISTORY_FORKED")


def test_a_place_of_another_history_stops_it(cluster: Cluster) -> None:
    rows = made_up(20)
    publish_by_hand(cluster, rows)
    for place in (Place(10, bytes(32)), Place(25, rows[19].hash)):
        with Stream(cluster, place) as stream:
            assert refusal(stream, 25).code == "HISTORY_FORKED"


def test_topics_that_hold_again_what_was_read_are_followed(cluster: Cluster) -> None:
    rows = made_up(20)
    publish_by_hand(cluster, rows[:15])
    with Stream(cluster, Place(20, rows[19].hash)) as stream:
        refused = refusal(stream, 20)
        assert (refused.code, "end at position 15" in refused.sentence) == ("HISTORY_FORKED", True)
        publish_by_hand(cluster, rows[15:])
        eventually(lambda: stream.status.last_error is None, lambda: stream.status)
        assert stream.wait(20, 0.01) == 20


def test_it_ends_although_kafka_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "CLOSE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cluster = Cluster(f"127.0.0.1:{silent.getsockname()[1]}", options={"bootstrap_timeout_ms": 5_000})
        stream = Stream(cluster)
        # The first only looks whether anybody is there; the second asks.
        asking = [silent.accept()[0] for _ in range(2)]
        stream.close()
        assert stream._thread.is_alive()
        for each in asking:
            each.close()
    stream._thread.join(DEADLINE)
    assert not stream._thread.is_alive()


def test_an_event_that_is_missing_is_not_skipped(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "GAP_SECONDS", 0.5)
    rows = made_up(20)
    publish_by_hand(cluster, [*rows[:9], *rows[10:]])
    with Stream(cluster) as stream:
        refused = refusal(stream, 20)
        assert refused.code == "POSITION_MISSING"
        assert "go to position 11 at least, but do not hold the event at 10" in refused.sentence
        # It is late, and then it goes on.
        publish_by_hand(cluster, [rows[9]])
        eventually(lambda: stream.status.position == 20, lambda: stream.status)
        assert stream.wait(19, DEADLINE) == 20
        assert stream.wait(20, 0.01) == 20
        assert len(rows_of(stream)) == 20


def test_what_kafka_deleted_before_it_was_read_is_missing(kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "GAP_SECONDS", 0.5)
    monkeypatch.setattr(stream_module, "READ_AHEAD_BYTES", 1)
    monkeypatch.setitem(cluster_module.CONSUMER, "max_partition_fetch_bytes", 1)
    cluster = of_one_partition(kafka_address)
    rows = made_up(6_000, 4_000)
    publish_by_hand(cluster, rows)
    partition = TopicPartition(f"{cluster.prefix}.ticket", 0)
    with Stream(cluster) as stream:
        await_head(stream, 6_000)
        eventually(lambda: stream.status.position > 0)
        with cluster.admin() as admin, cluster.consumer() as consumer:
            admin.delete_records(places.ends_of(consumer, [partition]))
        # Nothing later comes that would show it.
        with pytest.raises(Rejected, match="go to position 6000 at least, but do not hold the event at") as refused:
            list(stream.batches(0))
        assert refused.value.code == "POSITION_MISSING"
        assert str(stream.status.last_error).startswith("POSITION_MISSING")
        publish_by_hand(cluster, rows)
        eventually(lambda: stream.status.last_error is None, lambda: stream.status)
        assert [row[0] for row in rows_of(stream)] == list(range(1, 6_001))


def test_nothing_is_missing_while_a_partition_has_more(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "GAP_SECONDS", 0.2)
    rows = made_up(20)
    publish_by_hand(cluster, [*rows[:9], *rows[10:]])

    def further(*asked: Any) -> places.Offsets:
        """As of a partition whose records do not come, because its broker is away."""
        return {each: end + 1 for each, end in places.ends_of(*asked).items()}

    with cluster.consumer() as consumer:
        merged = merge.Merge(cluster, consumer, cluster.topic_partitions(consumer), 0)
        with monkeypatch.context() as patched:
            patched.setattr(merge, "ends_of", further)
            given = [event.position for _ in range(10) for event in merged.poll(0.1)]
            assert given == list(range(1, 10))
        with pytest.raises(Rejected, match="go to position 11 at least, but do not hold the event at 10"):
            merged.poll(0.1)


def test_topics_that_lost_something_are_replaced_by_others(company: Company) -> None:
    company.happen(300)
    company.publish_all()
    with Stream(company.cluster) as stream:
        await_head(stream, 300)
        batch = next(stream.batches(0, 200))
        place = Place(200, batch["hash"][-1].as_py(), offsets_of(batch))
    with company.cluster.admin() as admin, company.cluster.consumer() as consumer:
        admin.delete_records(places.ends_of(consumer, company.cluster.topic_partitions(consumer)))
    others = replace(company.cluster, prefix=f"{company.cluster.prefix}again")
    make_topics(others)
    company.cluster = others
    company.publish_all()
    company.check_topics()
    with Stream(others, place) as stream:
        await_head(stream, 300)
        assert rows_of(stream, 200) == [tuple(row) for row in company.log.rows()][200:]


def test_memory_is_bounded_where_an_event_is_missing(kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "AHEAD_BYTES", 64 << 10)
    monkeypatch.setattr(merge, "GAP_SECONDS", 0.5)
    # On the only partition there is; another one could still bring what is missing.
    cluster = of_one_partition(kafka_address)
    rows = made_up(6_000, 4_000)
    publish_by_hand(cluster, [*rows[:9], *rows[10:]])
    held = 0
    with cluster.consumer() as consumer:
        merged = merge.Merge(cluster, consumer, cluster.topic_partitions(consumer), 0)
        given = []

        def refused() -> bool:
            nonlocal held
            try:
                given.extend(merged.poll(0.1))
            except Rejected as reason:
                return reason.code == "POSITION_MISSING"
            finally:
                held = max(held, sum(len(event.row[5]) for event in merged._pending.values()))
            return False

        eventually(refused)
        assert [event.position for event in given] == list(range(1, 10))
    # At most what a poll brings goes beyond twice the bound.
    assert 64 << 10 < held < (128 << 10) + 500 * 4_200
    with Stream(cluster) as stream:
        assert refusal(stream, 6_000).code == "POSITION_MISSING"
        with cluster.admin() as admin:
            admin.create_partitions({f"{cluster.prefix}.ticket": 2})
            admin.wait_for_topics([f"{cluster.prefix}.ticket"])
        with cluster.producer() as producer:
            send(producer, cluster, rows[9], 1)
            producer.flush()
        eventually(lambda: stream.status.position > 9, lambda: stream.status)
        assert [row[0] for row in rows_of(stream)] == list(range(1, 6_001))


def test_offsets_of_topics_that_were_made_anew_are_let_go(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "GAP_SECONDS", 0.5)
    rows = made_up(20)
    publish_by_hand(cluster, rows)
    # They lie within the topics, and behind the next event.
    place = Place(5, rows[4].hash, {f"{cluster.prefix}.ticket/0": 12})
    with Stream(cluster, place) as stream:
        eventually(lambda: stream.status.position == 20, lambda: stream.status)
        assert stream.wait(19, DEADLINE) == 20
        (batch,) = stream.batches(5)
        assert batch["position"].to_pylist() == list(range(6, 21))
        assert offsets_of(batch)[f"{cluster.prefix}.ticket/0"] == 20


def test_partitions_and_topics_that_come_later_are_read(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "NEW_PARTITIONS_SECONDS", 0.2)
    company.happen(50)
    company.publish_all()
    with Stream(company.cluster) as stream:
        await_head(stream, 50)
        with company.cluster.admin() as admin:
            for aggregate in ("lead", "customer", "ticket"):
                admin.create_partitions({f"{company.cluster.prefix}.{aggregate}": 5})
                admin.wait_for_topics([f"{company.cluster.prefix}.{aggregate}"])
        company.happen(200)
        company.publish_all()
        await_head(stream, 250)
        assert rows_of(stream) == [tuple(row) for row in company.log.rows()]
    assert len({record.partition for record in company.check_topics()}) == 5


def test_without_topics_or_kafka_it_waits_and_says_so(kafka_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PATIENCE", 0.2)
    nothing = Cluster(kafka_address, "nobody")
    nowhere = Cluster("127.0.0.1:1", options={"bootstrap_timeout_ms": 100})
    for cluster, said in ((nothing, "TOPIC_MISSING: Kafka has no topic nobody.*"), (nowhere, "Kafka at 127.0.0.1:1")):
        with Stream(cluster, Place(7, bytes(32))) as stream:
            eventually(lambda stream=stream, said=said: said in str(stream.status.last_error))  # type: ignore[misc]
            assert stream.head.position == 7
            with pytest.raises(Rejected, match=r"position 6 does not come: .*Kafka") as refused:
                list(stream.batches(5))
            assert refused.value.code == "STREAM_UNAVAILABLE"
    with pytest.raises(Rejected) as refused:
        stream.position_at(from_microseconds(0))
    assert refused.value.code == "STREAM_UNAVAILABLE"
