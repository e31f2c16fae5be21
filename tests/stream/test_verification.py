"""The topics against the log: what is missing, repeated or different is named, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from infra.stream import verification, verify_topics
from infra.stream.record import headers
from tests.stream.company import Company, new_cluster

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "SETTLED_SECONDS", 0.5)


def url_of(company: Company) -> str:
    return f"sqlite:///{company.directory}/log.db"


def send(company: Company, *rows: Any) -> None:
    with company.cluster.producer() as producer:
        for row in rows:
            key = row.stream.encode()
            producer.send(company.cluster.topic_of(row.stream), row.document, key, headers(row), partition=0)
        producer.flush()


def test_what_is_published_is_sound_and_what_is_not_yet_is_not_missing(company: Company) -> None:
    assert verify_topics(company.cluster, url_of(company)) == ([], 0, 0)
    company.happen(700)
    company.publish_all()
    company.happen(20)
    told: list[tuple[int, int]] = []
    assert verify_topics(company.cluster, url_of(company), lambda *how: told.append(how)) == ([], 700, 720)
    assert told[-1][0] == told[-1][1] >= 700
    with company.cluster.producer() as producer:
        producer.send(f"{company.cluster.prefix}.lead", b"no event of ours").get(10)
    assert verify_topics(company.cluster, url_of(company)).findings == []


def test_everything_that_is_wrong_is_named(company: Company, kafka_address: str) -> None:
    company.happen(30)
    rows = list(company.log.rows())
    company.cluster = new_cluster(kafka_address, partitions=1)
    other = next(row for row in rows[10:] if row.stream.startswith("customer"))
    swapped = [row for row in rows[20:] if row.stream.startswith("ticket")][:2]
    left = [row for row in rows if row.position not in (3, 4, 9, *(each.position for each in (other, *swapped)))]
    send(company, *left, *reversed(swapped), rows[5])
    send(company, other._replace(document=other.document.replace(b"Customer", b"Costumer"), hash=bytes(32)))
    send(company, other._replace(hash=bytes(32)), rows[29]._replace(position=30, hash=rows[29].hash))
    found = verify_topics(company.cluster, url_of(company))
    assert (found.published, found.newest) == (30, 30)
    said = sorted((each.code, each.position) for each in found.findings)
    out_of_order = [each for each in said if each[0] == "EVENT_OUT_OF_ORDER"]
    assert ("EVENT_OUT_OF_ORDER", swapped[0].position) in out_of_order
    assert [each for each in said if each not in out_of_order] == sorted(
        [
            ("EVENT_DIFFERS", other.position),
            ("EVENT_DIFFERS", other.position),
            ("EVENT_MISSING", 3),
            ("EVENT_MISSING", 9),
            ("EVENT_MISSING", other.position),
            ("EVENT_REPEATED", 6),
            ("EVENT_REPEATED", 30),
        ]
    )
    assert any("the events 3 to 4 are on no topic" in each.sentence for each in found.findings)


def test_a_log_that_is_behind_its_topics_has_forked(company: Company) -> None:
    company.happen(3)
    before = list(company.log.rows())
    company.publish_all()
    send(company, before[-1]._replace(position=4, document=before[-1].document.replace(b"0003", b"0004")))
    found = verify_topics(company.cluster, url_of(company))
    assert [(each.code, each.position) for each in found.findings] == [("HISTORY_FORKED", 4)]
    assert (found.published, found.newest) == (4, 3)
