from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any, ClassVar

import orjson
import pytest

from commands.command import Command, Elsewhere, Fact
from commands.lead import AssignLead, CaptureLead, ConvertLead, QualifyLead, ScoreLead
from commands.rejected import Rejected
from domain.customer import CustomerActivated
from domain.event import State
from domain.lead import Lead, LeadScored
from infra.keys import Keys
from infra.log import Actor, Log, Outcome, Request, decode

ANN = Actor("user", "ann")


def ask(command: Command, **circumstances: Any) -> Request:
    return Request(command, ANN, **circumstances)


def code(log: Log, request: Request) -> str:
    with pytest.raises(Rejected) as refused:
        log.execute(request)
    return refused.value.code


@pytest.fixture
def broken() -> Iterator[type[Command]]:
    class BreakLead(Command):
        state: ClassVar[type[State]] = Lead
        how: str

        def decide(self, lead: Lead) -> Iterator[Fact]:
            yield LeadScored(score=1)
            if self.how == "decides":
                raise ZeroDivisionError
            if self.how == "yields":
                yield CustomerActivated()
            yield LeadScored(score=2**70)

    yield BreakLead
    del Command.by_name["BreakLead"]


def test_positions_versions_and_answers(log: Log) -> None:
    first = log.execute(ask(CaptureLead(id="1")))
    second = log.execute(ask(CaptureLead(id="2")))
    third = log.execute(ask(AssignLead(id="1", agent_id="bo")))

    assert (first.stream, first.id, first.version, first.first_position, first.last_position) == (
        "lead-1",
        "1",
        1,
        1,
        1,
    )
    assert (second.version, second.position) == (1, 2)
    assert (third.version, third.position) == (2, 3)
    assert [(row.position, row.stream, row.version) for row in log.rows()] == [
        (1, "lead-1", 1),
        (2, "lead-2", 1),
        (3, "lead-1", 2),
    ]
    assert log.head.position == 3


def test_a_submission_is_decided_in_order_and_each_request_stands_for_itself(log: Log) -> None:
    answers = log.submit(
        [
            ask(AssignLead(id="1", agent_id="bo")),
            ask(CaptureLead(id="1")),
            ask(AssignLead(id="1", agent_id="bo")),
            ask(AssignLead(id="1", agent_id="bo")),
            ask(CaptureLead(id="1")),
        ]
    )

    assert [getattr(answer, "code", None) or getattr(answer, "version", 0) for answer in answers] == [
        "NOT_FOUND",
        1,
        2,
        2,
        "ALREADY_EXISTS",
    ]
    assert log.submit([]) == []


def test_what_changes_nothing_is_answered_with_where_its_effect_is_seen(log: Log) -> None:
    log.submit([ask(CaptureLead(id="1")), ask(QualifyLead(id="1"))])
    log.execute(ask(CaptureLead(id="2")))

    again = log.execute(ask(QualifyLead(id="1")))

    assert (again.version, again.first_position, again.last_position, again.position) == (2, 0, 0, 3)


def test_one_command_over_two_streams_stands_together(log: Log) -> None:
    log.execute(ask(CaptureLead(id="1", name="Ann")))

    outcome = log.execute(ask(ConvertLead(id="1", customer_id="c"), causation_id="call-7", correlation_id="day"))

    assert (outcome.version, outcome.first_position, outcome.last_position) == (2, 2, 3)
    rows = list(log.rows(after=1))
    assert [(row.stream, row.version) for row in rows] == [("lead-1", 2), ("customer-c", 1)]
    assert rows[0].recorded_at == rows[1].recorded_at == outcome.recorded_at
    attributes = orjson.loads(rows[1].document)
    assert (attributes["causationid"], attributes["correlationid"]) == ("call-7", "day")


def test_an_expected_version_concerns_the_home_stream(log: Log) -> None:
    assert log.execute(ask(CaptureLead(id="1"), expected_version=0)).version == 1
    assert log.execute(ask(QualifyLead(id="1"), expected_version=1)).version == 2
    with pytest.raises(Rejected, match="at version 2, not at the expected version 1") as refused:
        log.execute(ask(AssignLead(id="1", agent_id="bo"), expected_version=1))
    assert refused.value.code == "VERSION_CONFLICT"
    assert code(log, ask(CaptureLead(id="2"), expected_version=3)) == "VERSION_CONFLICT"
    assert log.execute(ask(CaptureLead(id="2"), expected_version=0)).version == 1


def test_a_request_id_brings_the_original_answer_for_ever(log: Log, log_url: str, keys: Keys) -> None:
    request = ask(CaptureLead(id="1", name="Ann"), request_id="r")
    nothing = ask(QualifyLead(id="1"), request_id="n")
    original = log.execute(request)
    log.execute(ask(QualifyLead(id="1")))
    changed_nothing = log.execute(nothing)
    log.execute(ask(AssignLead(id="1", agent_id="bo")))

    assert changed_nothing.last_position == 0
    assert (log.execute(request), log.execute(nothing)) == (original, changed_nothing)
    with_others = log.submit([ask(CaptureLead(id="2")), request, request])
    assert with_others[1:] == [original, original]
    log.close()
    again = Log.open(log_url, keys)
    assert (again.execute(request), again.execute(nothing)) == (original, changed_nothing)
    assert again.head.position == 4
    again.close()


def test_a_request_id_used_twice_in_one_submission(log: Log) -> None:
    request = ask(CaptureLead(id="1"), request_id="r")

    first, second, other = log.submit([request, request, ask(CaptureLead(id="2"), request_id="r")])

    assert isinstance(first, Outcome)
    assert first == second
    assert isinstance(other, Rejected)
    assert other.code == "REQUEST_ID_REUSED"


@pytest.mark.parametrize(
    "other",
    [
        ask(CaptureLead(id="2", name="Ann"), request_id="r"),
        ask(CaptureLead(id="1", name="Bo"), request_id="r"),
        ask(CaptureLead(id="1", name="Ann"), request_id="r", expected_version=0),
        ask(CaptureLead(id="1", name="Ann"), request_id="r", occurred_at=datetime(2026, 1, 1, tzinfo=UTC)),
        ask(QualifyLead(id="1"), request_id="r"),
    ],
)
def test_a_request_id_with_other_content_is_refused(log: Log, other: Request) -> None:
    log.execute(ask(CaptureLead(id="1", name="Ann"), request_id="r"))
    assert code(log, other) == "REQUEST_ID_REUSED"


def test_the_same_instant_said_in_another_time_zone_is_the_same_request(log: Log) -> None:
    from zoneinfo import ZoneInfo

    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    first = log.execute(ask(CaptureLead(id="1"), request_id="r", occurred_at=at))
    second = log.execute(ask(CaptureLead(id="1"), request_id="r", occurred_at=at.astimezone(ZoneInfo("Asia/Tokyo"))))
    assert first == second


def test_refusals_and_questions_are_not_remembered(log: Log) -> None:
    assert code(log, ask(QualifyLead(id="1"), request_id="r")) == "NOT_FOUND"
    asked = log.execute(ask(CaptureLead(id="1"), request_id="r", validate_only=True))
    assert (asked.version, asked.first_position, asked.position, log.head.position) == (1, 0, 0, 0)
    assert code(log, ask(QualifyLead(id="1"), validate_only=True)) == "NOT_FOUND"
    assert log.execute(ask(CaptureLead(id="1"), request_id="r")).last_position == 1
    assert log.execute(ask(QualifyLead(id="1"), request_id="s")).version == 2


def test_what_is_only_asked_does_not_reach_the_next_one(log: Log) -> None:
    asked, then = log.submit([ask(CaptureLead(id="1"), validate_only=True), ask(QualifyLead(id="1"))])
    assert isinstance(asked, Outcome)
    assert isinstance(then, Rejected)
    assert then.code == "NOT_FOUND"


def test_a_broken_command_concerns_only_whoever_asked_for_it(log: Log, broken: Any) -> None:
    log.execute(ask(CaptureLead(id="1")))
    for how, error in (("decides", ZeroDivisionError), ("yields", TypeError), ("encodes", TypeError)):
        score = log.state("lead-1")[1].score or 0  # type: ignore[attr-defined]
        requests = [ask(ScoreLead(id="1", score=score + 1)), ask(broken(id="1", how=how)), ask(CaptureLead(id=how))]
        with pytest.raises(error):
            log.submit(requests)
        assert log.state("lead-1")[1].score == score + 1  # type: ignore[attr-defined]
        assert log.state(f"lead-{how}")[0] == 1
    assert log.verify() == []


def test_a_broken_command_among_other_callers(log: Log, broken: Any) -> None:
    log.execute(ask(CaptureLead(id="1")))
    together, results = Barrier(8), {}

    def call(n: int) -> None:
        together.wait()
        for turn in range(20):
            command = broken(id="1", how="encodes") if n == 0 else CaptureLead(id=f"{n}-{turn}")
            try:
                results[n, turn] = log.execute(ask(command)).version
            except TypeError:
                results[n, turn] = 0

    threads = [Thread(target=call, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {(n, turn): int(n > 0) for n in range(8) for turn in range(20)}
    assert log.head.position == 1 + 7 * 20
    assert log.verify() == []


def test_states_are_the_same_remembered_or_read(log_url: str, keys: Keys) -> None:
    forgetful = Log.open(log_url, keys, state_cache=0)
    for n in range(20):
        forgetful.execute(ask(CaptureLead(id=str(n), name=f"N{n}")))
        forgetful.execute(ask(ScoreLead(id=str(n // 2), score=n)))
    remembered = Log.open(log_url, keys, state_cache=3)
    for n in range(20):
        remembered.execute(ask(ScoreLead(id=str(n), score=50 + n)))
    for n in range(20):
        assert forgetful.state(f"lead-{n}") == remembered.state(f"lead-{n}")
        assert remembered.state(f"lead-{n}")[1].score == 50 + n  # type: ignore[attr-defined]
        assert remembered.state(f"lead-{n}")[1].name == f"N{n}"  # type: ignore[attr-defined]
    forgetful.close()
    remembered.close()


def test_unknown_streams(log: Log) -> None:
    assert log.state("lead-nobody") == (0, Lead())
    for name in ("nothing-1", "lead", "lead-"):
        with pytest.raises(Rejected, match="begin with") as refused:
            log.state(name)
        assert refused.value.code == "UNKNOWN_STREAM"


# Time.


def test_without_an_instant_it_happens_when_it_is_recorded(log: Log, keys: Keys) -> None:
    outcome = log.execute(ask(CaptureLead(id="1")))
    (row,) = log.rows()
    envelope, _ = decode(row.document, keys)
    assert envelope.occurred_at == envelope.recorded_at == row.recorded_at == outcome.recorded_at


def test_recorded_at_grows_though_the_clock_stands_still_or_goes_back(log: Log, clock: Any) -> None:
    begin = clock.now
    for n in range(5):
        clock.now = begin - timedelta(seconds=10 * n)
        log.execute(ask(CaptureLead(id=str(n))))
    instants = [row.recorded_at for row in log.rows()]
    assert instants == sorted(set(instants))


def test_one_transaction_is_one_instant(log: Log) -> None:
    log.submit([ask(CaptureLead(id=str(n))) for n in range(5)])
    assert len({row.recorded_at for row in log.rows()}) == 1


def test_nothing_happens_before_the_beginning(log: Log, clock: Any) -> None:
    log.execute(ask(CaptureLead(id="1"), occurred_at=clock.now - timedelta(days=2)))
    log.execute(ask(CaptureLead(id="2"), occurred_at=clock.now - timedelta(days=1)))
    assert code(log, ask(QualifyLead(id="1"), occurred_at=clock.now - timedelta(days=3))) == "BEFORE_BEGINNING"
    assert log.execute(ask(QualifyLead(id="1"), occurred_at=clock.now - timedelta(days=2))).version == 2


def test_nor_before_the_beginning_of_the_other_stream(log: Log, clock: Any) -> None:
    day = timedelta(days=1)
    log.execute(ask(CaptureLead(id="1", name="Ann"), occurred_at=clock.now - 3 * day))
    log.execute(ask(CaptureLead(id="2", name="Bo"), occurred_at=clock.now - 3 * day))
    log.execute(ask(ConvertLead(id="1", customer_id="c"), occurred_at=clock.now - day))
    convert = ConvertLead(id="2", customer_id="c", overwrite=("name",))
    assert code(log, ask(convert, occurred_at=clock.now - 2 * day)) == "BEFORE_BEGINNING"
    assert log.execute(ask(convert, occurred_at=clock.now - day)).version == 2


def test_a_little_ahead_is_now_and_more_is_the_future(log: Log, clock: Any, keys: Keys) -> None:
    outcome = log.execute(ask(CaptureLead(id="1"), occurred_at=clock.now + timedelta(seconds=5)))
    (row,) = log.rows()
    assert decode(row.document, keys)[0].occurred_at == outcome.recorded_at
    assert code(log, ask(CaptureLead(id="2"), occurred_at=clock.now + timedelta(seconds=5.1))) == "IN_THE_FUTURE"
    assert code(log, ask(CaptureLead(id="2"), occurred_at=datetime(2026, 1, 1))) == "NO_TIME_ZONE"


def test_a_clock_that_went_back_stops_the_log_until_it_is_right(log: Log, clock: Any) -> None:
    known = ask(CaptureLead(id="1"), request_id="r")
    original = log.execute(known)
    clock.now -= timedelta(seconds=61)
    assert code(log, ask(CaptureLead(id="2"))) == "CLOCK_WENT_BACK"
    assert log.execute(known) == original
    clock.now += timedelta(seconds=2)
    assert log.execute(ask(CaptureLead(id="2"))).position == 2
    clock.now += timedelta(days=400)
    assert log.execute(ask(CaptureLead(id="3"))).recorded_at > clock.now - timedelta(seconds=1)


def test_elsewhere_without_its_state_being_named(log: Log) -> None:
    class NoteLead(Command):
        state: ClassVar[type[State]] = Lead

        def decide(self, lead: Lead) -> Iterator[Fact]:
            yield Elsewhere("other", LeadScored(score=7))

    try:
        log.submit([ask(CaptureLead(id="1")), ask(CaptureLead(id="other"))])
        outcome = log.execute(ask(NoteLead(id="1")))
    finally:
        del Command.by_name["NoteLead"]
    assert (outcome.stream, outcome.version, outcome.last_position) == ("lead-1", 1, 3)
    assert log.state("lead-other") == (2, Lead(status="new", score=7))
