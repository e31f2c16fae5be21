"""Business time, SLA clocks and what they are made of: once in SQL, once in Python, over clock changes, changed
calendars, changed priorities and pauses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from commands.policy import PublishCalendar, PublishSla
from commands.ticket import (
    AssignTicket,
    CloseTicket,
    HoldTicket,
    MergeTickets,
    OpenTicket,
    PendTicket,
    ReceiveReply,
    ReopenTicket,
    ReplyToTicket,
    ResumeTicket,
    SolveTicket,
    TriageTicket,
    UnmergeTickets,
)
from domain.business_time import CalendarVersion, business_time, open_intervals
from domain.policy import CalendarPublished, SlaPublished
from domain.ticket import LIVE, Ticket, TicketOpened, TicketReplied, TicketReplyReceived, TicketSolved
from infra.log import Request
from infra.models.report import run
from tests.models.company import ACTOR, Company, company_in, day, ratio, states_at
from tests.models.test_two_roads import At, answers, calendars_of, in_force_from, time_parts
from tests.models.test_two_roads import at as point_at

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
HORIZON = 400 * DAY
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def tell(company: Company, instant: datetime, *commands: Any) -> None:
    company.now = instant
    for command in commands:
        company.log.submit([Request(command, ACTOR)])


def rows(company: Company, name: str, **question: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = run(company.models, name, **question).table.to_pylist()
    return found


def version_of(calendar_id: str, version: int, since: datetime, **says: Any) -> CalendarVersion:
    return CalendarVersion(
        calendar_id=calendar_id, version=version, in_force_from=since, says=CalendarPublished(**says)
    )


# The published vector: a ticket that changed hands from one schedule to another

CHICAGO = tuple(f"{weekday} 07:00-21:00" for weekday in WEEKDAYS)
SAN_FRANCISCO = tuple(f"{weekday} 08:00-17:30" for weekday in WEEKDAYS[:5])
CREATED, SWITCHED, REPLIED = utc("2024-07-02T17:01:38"), utc("2024-07-03T19:01:25"), utc("2024-07-03T19:01:46")


def in_utc(minutes: list[tuple[int, int]]) -> tuple[str, ...]:
    """Minutes of a week that starts on Sunday, as hours of days."""
    week = ("sun", *WEEKDAYS[:6])
    hours = []
    for start, end in minutes:
        for number in range(7):
            first, last = max(start, number * 1440), min(end, (number + 1) * 1440)
            if first < last:
                times = [f"{(m - number * 1440) // 60:02}:{m % 60:02}" for m in (first, last)]
                hours.append(f"{week[number]} {'-'.join(times)}")
    return tuple(hours)


LEVEL_1 = in_utc([*((start, start + 840) for start in range(720, 9360, 1440)), (9360, 10080), (0, 120)])
LEVEL_2 = in_utc([(2340, 2910), (3780, 4350), (5220, 5790), (6660, 7230), (8100, 8670)])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("UTC", LEVEL_1), ("UTC", LEVEL_2)),
        (("America/Chicago", CHICAGO), ("America/Los_Angeles", SAN_FRANCISCO)),
    ],
    ids=["in UTC", "in local hours"],
)
def test_the_published_vector(tmp_path: Path, first: tuple[str, Any], second: tuple[str, Any]) -> None:
    with company_in(tmp_path) as company:
        tell(
            company,
            utc("2024-06-01T00:00:00"),
            PublishCalendar(id="one", time_zone=first[0], hours=first[1], group_ids=("level-1",)),
            PublishCalendar(id="two", time_zone=second[0], hours=second[1], group_ids=("level-2",)),
            PublishSla(id="promise", measure="first_response", seconds=57_608),
            PublishSla(id="stricter", measure="first_response", seconds=57_607),
        )
        tell(company, CREATED, OpenTicket(id="941606", group_id="level-1"))
        tell(company, SWITCHED, AssignTicket(id="941606", group_id="level-2"))
        tell(company, REPLIED, ReplyToTicket(id="941606", reply_id="1", agent_id="ann"))
        clocks = {row["sla_id"]: row for row in rows(company, "sla_clocks")}
        assert clocks["promise"]["seconds"] / 60 == Decimal("57608") / 60
        assert round(clocks["promise"]["seconds"] / 60, 3) == Decimal("960.133")
        assert (clocks["promise"]["state"], clocks["promise"]["due_at"]) == ("met", REPLIED)
        assert (clocks["stricter"]["state"], clocks["stricter"]["due_at"]) == (
            "breached",
            REPLIED - timedelta(seconds=1),
        )
        (parts,) = rows(company, "ticket_time_parts")
        assert (parts["first_response"], parts["business_first_response"]) == (1560 * 60 + 8, 57_608)
    versions = [
        version_of("one", 1, BEGINNING, time_zone=first[0], hours=first[1], group_ids=("level-1",)),
        version_of("two", 1, BEGINNING, time_zone=second[0], hours=second[1], group_ids=("level-2",)),
    ]
    as_it_was = business_time(versions, "level-1", CREATED, SWITCHED) + business_time(
        versions, "level-2", SWITCHED, REPLIED
    )
    assert as_it_was == timedelta(seconds=57_608)
    by_the_last_alone = business_time(versions, "level-2", CREATED, REPLIED)
    assert round(by_the_last_alone / timedelta(minutes=1), 3) == 690.133


# Business time in Python


def berlin(hours: tuple[str, ...], **says: Any) -> list[CalendarVersion]:
    return [version_of("b", 1, BEGINNING, time_zone="Europe/Berlin", hours=hours, **says)]


@pytest.mark.parametrize(
    ("sunday", "hours", "open_hours"),
    [
        ("2024-03-31", "sun 00:00-24:00", 23),
        ("2024-03-31", "sun 00:00-04:00", 3),
        ("2024-03-31", "sun 02:00-03:00", 0),
        ("2024-03-31", "sun 02:00-02:30", 0.5),
        ("2024-03-31", "sun 03:00-04:00", 1),
        ("2024-10-27", "sun 00:00-24:00", 25),
        ("2024-10-27", "sun 00:00-04:00", 5),
        ("2024-10-27", "sun 09:00-17:00", 8),
        ("2024-10-27", "sun 02:30-04:00", 1.5),
        ("2024-06-02", "sun 00:00-24:00", 24),
    ],
)
def test_the_days_on_which_clocks_change(sunday: str, hours: str, open_hours: float, tmp_path: Path) -> None:
    start = utc(f"{sunday}T00:00:00") - timedelta(hours=6)
    versions = berlin((hours,))
    assert business_time(versions, None, start, start + 2 * DAY) == timedelta(hours=open_hours)
    with company_in(tmp_path) as company:
        tell(company, utc("2024-01-01T00:00:00"), PublishCalendar(id="b", time_zone="Europe/Berlin", hours=(hours,)))
        found = rows(company, "business_hours", as_of=start + 2 * DAY)
        assert sql_time(found, "", start, start + 2 * DAY) == timedelta(hours=open_hours)


def test_what_the_clock_skips_is_not_counted_twice() -> None:
    versions = berlin(("sun 02:00-02:30", "sun 03:00-04:00"))
    assert business_time(versions, None, utc("2024-03-31T00:00:00"), utc("2024-04-01T00:00:00")) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "since", "hours", "opens", "closes"),
    [
        ("Europe/Berlin", "2024-03-31T00:00:00", ("sun 02:15-02:45", "sun 03:00-12:00"), "01:00", "10:00"),
        ("America/Scoresbysund", "2025-03-30T00:00:00", ("sat 23:15-23:45", "sun 00:00-12:00"), "01:00", "13:00"),
    ],
)
def test_what_the_clock_skips_is_not_put_before_what_comes_later(
    zone: str, since: str, hours: tuple[str, ...], opens: str, closes: str, tmp_path: Path
) -> None:
    """Both roads: the hours that are skipped lie within later ones, of the same day or the next."""
    start, end = utc(since), utc(since) + DAY
    expected = [(utc(f"{since[:11]}{opens}:00"), utc(f"{since[:11]}{closes}:00"))]
    versions = [version_of("b", 1, BEGINNING, time_zone=zone, hours=hours)]
    assert merged(list(open_intervals(versions, None, start, end))) == expected
    with company_in(tmp_path) as company:
        tell(company, utc("2024-01-01T00:00:00"), PublishCalendar(id="b", time_zone=zone, hours=hours))
        found = [(row["opens_at"], row["closes_at"]) for row in rows(company, "business_hours", as_of=end)]
        assert merged([(max(a, start), min(b, end)) for a, b in found if a < end and start < b]) == expected


def test_holidays_groups_and_their_calendars() -> None:
    versions = [
        version_of("all", 1, BEGINNING, time_zone="UTC", hours=("mon 09:00-10:00",), holidays=("2024-03-11",)),
        version_of(
            "ours", 1, utc("2024-03-12T00:00:00"), time_zone="UTC", hours=("mon 09:00-12:00",), group_ids=("g",)
        ),
        version_of(
            "ours", 2, utc("2024-03-19T00:00:00"), time_zone="UTC", hours=("mon 09:00-13:00",), group_ids=("h",)
        ),
    ]
    monday = utc("2024-03-04T00:00:00")

    def hours(group: str | None) -> list[float]:
        spans = [(monday + week * 7 * DAY, monday + week * 7 * DAY + DAY) for week in range(4)]
        return [business_time(versions, group, *span) / timedelta(hours=1) for span in spans]

    assert hours(None) == hours("x") == [1, 0, 1, 1]
    assert hours("g") == [1, 0, 3, 1]
    assert hours("h") == [1, 0, 1, 4]
    assert business_time([], "g", monday, monday + DAY) == DAY


# Two roads

ZONES = ("Europe/Berlin", "America/Chicago", "UTC", "Asia/Kathmandu", "Australia/Lord_Howe")
GROUPS = ("first", "second", "third")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with company_in(tmp_path_factory.mktemp("company")) as company:
        happen(company, Random(4))
        yield company


def happen(company: Company, chance: Random) -> None:
    """A quarter with both changes of clocks of some zone in it, told by chance; one fact in five is late."""
    company.now = day("02-20 00:00")
    company.log.submit([Request(any_sla(chance, "a"), ACTOR), Request(any_sla(chance, "b"), ACTOR)])
    go_on(company, chance, range(700))


def go_on(company: Company, chance: Random, numbers: range) -> None:
    """So much more of it."""
    for number in numbers:
        company.now += timedelta(minutes=chance.randint(0, 240), seconds=chance.randint(0, 59))
        occurred = company.now - timedelta(hours=chance.randint(0, 60)) if chance.random() < 0.2 else None
        company.log.submit([Request(anything(chance, number, company.now), ACTOR, occurred_at=occurred)])


def anything(chance: Random, number: int, now: datetime) -> Any:
    if chance.random() < 0.06:
        valid_from = now + timedelta(hours=chance.randint(-50, 200)) if chance.random() < 0.5 else None
        if chance.random() < 0.4:
            return any_sla(chance, chance.choice(tuple(MEASURES))).model_copy(update={"valid_from": valid_from})
        return any_calendar(chance).model_copy(update={"valid_from": valid_from})
    id = f"{max(0, number // 12 - chance.randint(0, 3))}"
    said: list[Callable[[], Any]] = [
        lambda: OpenTicket(id=id, group_id=chance.choice((None, *GROUPS)), priority=any_priority(chance)),
        lambda: OpenTicket(id=id),
        lambda: AssignTicket(id=id, group_id=chance.choice(GROUPS)),
        lambda: TriageTicket(id=id, priority=any_priority(chance) or "low"),
        lambda: ReplyToTicket(id=id, reply_id=f"{number}", is_bot=chance.random() < 0.2),
        lambda: ReceiveReply(id=id, reply_id=f"{number}"),
        lambda: PendTicket(id=id),
        lambda: HoldTicket(id=id),
        lambda: ResumeTicket(id=id),
        lambda: SolveTicket(id=id),
        lambda: ReopenTicket(id=id),
        lambda: CloseTicket(id=id),
    ]
    if chance.random() < 0.06:
        merge, other = chance.choice((MergeTickets, UnmergeTickets)), max(0, number // 12 - chance.randint(0, 3))
        return merge(id=id, merged_id=f"{other}", reason="the same")
    return chance.choice(said)()


def any_priority(chance: Random) -> Any:
    return chance.choice((None, "low", "moderate", "high", "critical"))


def any_calendar(chance: Random) -> PublishCalendar:
    weekdays = chance.sample(WEEKDAYS, chance.randint(1, 7))
    times = sorted(chance.sample(range(49), 2))
    clocks = [f"{half // 2:02}:{half % 2 * 30:02}" for half in times]
    return PublishCalendar(
        id=chance.choice("xyz"),
        time_zone=chance.choice(ZONES),
        hours=tuple(f"{weekday} {clocks[0]}-{clocks[1]}" for weekday in weekdays),
        holidays=tuple(f"2024-0{chance.randint(3, 5)}-1{chance.randint(0, 9)}" for _ in range(3)),
        group_ids=tuple(chance.sample(GROUPS, chance.randint(0, 2))),
    )


MEASURES = {"a": "first_response", "b": "full_resolution", "c": "next_reply", "d": "first_resolution"}


def any_sla(chance: Random, id: str) -> PublishSla:
    longest = chance.choice((3600, 4 * 3600, 3 * 86_400))
    return PublishSla.model_validate(
        {
            "id": id,
            "measure": MEASURES[id],
            "seconds": chance.choice((None, longest)),
            "low_seconds": longest,
            "critical_seconds": longest // 3 + chance.randint(0, 100),
            "is_business_time": chance.random() < 0.7,
            "pauses": tuple(chance.sample(("pending", "on_hold"), chance.randint(0, 2))),
        }
    )


@pytest.fixture(scope="module")
def points(company: Company) -> list[At]:
    chance, events = Random(5), company.events()
    found = [point_at(events, events[-1][0].recorded_at + DAY, len(events))]
    for _ in range(12):
        instant = chance.choice(events)[0].occurred_at + chance.choice([timedelta(), -MICROSECOND, DAY])
        found.append(point_at(events, instant, chance.randint(len(events) // 2, len(events))))
    return found


def sql_time(hours: list[dict[str, Any]], group: str, start: datetime, end: datetime) -> timedelta:
    """The time between two instants, from the report's open hours."""
    named = group if any(row["group_id"] == group for row in hours) else ""
    spans = [(max(row["opens_at"], start), min(row["closes_at"], end)) for row in hours if row["group_id"] == named]
    return sum((closes - opens for opens, closes in spans if opens < closes), timedelta())


@pytest.mark.slow
def test_business_hours(company: Company, points: list[At]) -> None:
    assert len(calendars_of(points[0])) > 12
    for at in points:
        versions = calendars_of(at)
        found = rows(company, "business_hours", as_of=at.as_of, known_at=at.known_at)
        start, end = day("02-15 00:00"), at.as_of + 50 * DAY
        for group in ("", *GROUPS):
            named = group if any(group in each.says.group_ids for each in versions) else ""
            mine = [row for row in found if row["group_id"] == named]
            clipped = [(max(row["opens_at"], start), min(row["closes_at"], end)) for row in mine]
            expected = list(open_intervals(versions, group or None, start, end))
            assert merged([each for each in clipped if each[0] < each[1]]) == merged(expected)
            before = 0
            for row in mine:
                assert row["microseconds_before"] == before
                before += (row["closes_at"] - row["opens_at"]) // MICROSECOND


def merged(intervals: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Those that touch as one."""
    found: list[tuple[datetime, datetime]] = []
    for opens, closes in intervals:
        if found and found[-1][1] == opens:
            found[-1] = (found[-1][0], closes)
        else:
            found.append((opens, closes))
    return found


@pytest.mark.slow
def test_business_time_of_tickets(company: Company, points: list[At]) -> None:
    """Every part of a ticket's time in business time, moment by moment; and the parts add up."""
    told = 0
    for at in points:
        versions = calendars_of(at)
        found = {
            row["ticket_id"]: row for row in rows(company, "ticket_time_parts", as_of=at.as_of, known_at=at.known_at)
        }
        replies = [
            row for row in rows(company, "next_replies", as_of=at.as_of, known_at=at.known_at) if row["answered_at"]
        ]
        for id, ticket in at.of("ticket").items():
            own = [(envelope, event) for envelope, event in at.events if envelope.stream == f"ticket-{id}"]
            row = found[id]
            spent = business_parts(at, own, versions, row["ended_at"])
            assert {name: row[f"business_{name}"] for name in spent} == spent
            assert sum(row[f"business_{part}"] for part in PARTS) == row["business_total"]
            for measure in ("first_response", "full_resolution"):
                ((start, stop),) = starts(own, ticket, measure)
                expected = business_between(at, own, versions, start, stop) if stop else None
                assert row[f"business_{measure}"] == expected
                assert row[measure] == (seconds(stop - start) if stop else None)
            waits = {start: stop for start, stop in starts(own, ticket, "next_reply") if stop}
            mine = [each for each in replies if each["ticket_id"] == id]
            assert {each["asked_at"]: each["answered_at"] for each in mine} == waits
            for each in mine:
                span = each["asked_at"], each["answered_at"]
                assert each["business_seconds"] == business_between(at, own, versions, *span)
                told += 1
    assert told > 20


def test_who_has_a_time_and_who_has_none_yet(company: Company, points: list[At]) -> None:
    none_yet: Counter[str] = Counter()
    for at in points:
        counted: dict[str, list[object]] = {}
        for id, ticket in at.of("ticket").items():
            own = [(envelope, event) for envelope, event in at.events if envelope.stream == f"ticket-{id}"]
            for measure in MEASURES.values():
                counted.setdefault(measure, []).extend(stop for _, stop in starts(own, ticket, measure))
            parts = time_parts(at, f"ticket-{id}")
            for measure in ("requester_wait", "agent_work", "on_hold", "pending"):
                counted.setdefault(measure, []).append(parts[measure])
            if parts["reopened_at"] is not None:
                counted.setdefault("response_after_reopening", []).append(parts["response_after_reopening"])
            for measure in ("periodic_update", "pausable_update"):
                if parts[measure] is not None:
                    counted.setdefault(measure, []).append(parts[measure])
        found = {row["measure"]: (row["tickets"], row["not_yet"]) for row in answers(company, at, "ticket_times")}
        assert found == {
            measure: (len(times) - times.count(None), times.count(None)) for measure, times in counted.items() if times
        }
        none_yet += Counter({measure: without for measure, (_, without) in found.items()})
    assert none_yet.keys() == {*MEASURES.values(), "response_after_reopening"}


PARTS = ("agent_work", "on_hold", "pending", "solved_before_reopening")
PART_OF = {
    "new": "agent_work", "open": "agent_work", "on_hold": "on_hold", "pending": "pending",
    "solved": "solved_before_reopening", "closed": "solved_before_reopening",
}  # fmt: skip


def business_parts(at: At, own: Any, versions: list[CalendarVersion], end: datetime) -> dict[str, Decimal]:
    spent = dict.fromkeys(PARTS, timedelta())
    for since, until, state in spans_of(at, own, own[0][0].occurred_at, end):
        spent[PART_OF[worked_as(state)]] += business_time(versions, state.group_id, since, until)
    return {part: seconds(time) for part, time in spent.items()}


def business_between(at: At, own: Any, versions: list[CalendarVersion], start: datetime, end: datetime) -> Decimal:
    spans = spans_of(at, own, start, end)
    return seconds(
        sum((business_time(versions, state.group_id, since, until) for since, until, state in spans), timedelta())
    )


def spans_of(at: At, own: Any, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, Any]]:
    """The times between two instants in which nothing happened to a ticket, and its state."""
    marks = {start, end, *(envelope.occurred_at for envelope, _ in own if start < envelope.occurred_at < end)}
    for since, until in pairwise(sorted(marks)):
        yield since, until, states_at(own, since, at.known_at)[own[0][0].stream]


def worked_as(state: Any) -> str:
    """The status, and in a merge the one that the ticket would go back to."""
    return str(state.status_before_merge if state.status == "merged" else state.status)


def seconds(time: timedelta) -> Decimal:
    return Decimal(time // MICROSECOND) / 1_000_000


@pytest.mark.slow
def test_sla_clocks(company: Company, points: list[At]) -> None:
    seen: set[str] = set()
    for at in points:
        found = rows(company, "sla_clocks", as_of=at.as_of, known_at=at.known_at)
        keyed = {(row["sla_id"], row["ticket_id"], row["started_at"]): row for row in found}
        assert len(keyed) == len(found)
        expected = dict(clocks(at))
        assert {key: tuple(list(row.values())[4:]) for key, row in keyed.items()} == expected
        seen |= {row["state"] for row in found}
    assert seen == {"met", "breached", "running", "late", "void"}


@pytest.mark.slow
def test_the_spans_of_a_clock_add_up_to_what_it_counted(company: Company, points: list[At]) -> None:
    """Each instant from the start to the stop, or T, is in one span."""
    whys: set[str] = set()
    for at in points:
        point = {"as_of": at.as_of, "known_at": at.known_at}
        spans: dict[Any, list[dict[str, Any]]] = {}
        for span in rows(company, "sla_minutes", **point):
            spans.setdefault((span["sla_id"], span["ticket_id"], span["started_at"], span["measure"]), []).append(span)
        for clock in rows(company, "sla_clocks", **point):
            mine = spans.pop((clock["sla_id"], clock["ticket_id"], clock["started_at"], clock["measure"]), [])
            assert sum(span["counted_seconds"] for span in mine) == clock["seconds"]
            ends = [clock["started_at"], *(span["ended_at"] for span in mine)]
            assert [span["began_at"] for span in mine] == ends[:-1]
            assert ends[-1] == (clock["ended_at"] or at.as_of)
            assert all(span["began_at"] < span["ended_at"] for span in mine)
            whys |= {span["why"] for span in mine}
        assert not spans
    assert whys == {"counted", "paused", "solved", "out_of_hours"}


@pytest.mark.slow
@pytest.mark.parametrize("by", [None, "priority"])
def test_sla_attainment(company: Company, points: list[At], by: str | None) -> None:
    for at in points[:8]:
        begin, end = at.as_of - 20 * DAY, at.as_of - DAY
        counted: dict[tuple[str | None, str], Counter[str]] = {}
        for (sla_id, id, _), (_, ended_at, _, _, state) in clocks(at):
            priority = at.of("ticket")[id].priority
            counts = counted.setdefault(("all" if by is None else priority, sla_id), Counter())
            if state in ("running", "late") or (ended_at is not None and begin <= ended_at < end):
                counts[state] += 1
        found = rows(
            company, "sla_attainment", as_of=at.as_of, known_at=at.known_at, by=by, period_from=begin, period_to=end
        )
        expected = {
            key: (
                MEASURES[key[1]],
                met + breached,
                met,
                breached,
                ratio(met, met + breached) if met + breached else None,
                counts["running"],
                late,
            )
            for key, counts in counted.items()
            for met, breached, late in [(counts["met"], counts["breached"], counts["late"])]
            if met + breached + counts["running"] + late
        }
        assert {(row["breakdown"], row["sla_id"]): tuple(list(row.values())[2:]) for row in found} == expected


@pytest.mark.slow
def test_of_one_stream_a_report_says_what_it_says_of_it_among_all(company: Company, points: list[At]) -> None:
    for at in points[:3]:
        point = {"as_of": at.as_of, "known_at": at.known_at}
        for name in ("sla_clocks", "ticket_time_parts", "ticket_phases", "next_replies", "ticket_moves"):
            found = rows(company, name, **point)
            for id in sorted(at.of("ticket"))[::7]:
                assert rows(company, name, stream=f"ticket-{id}", **point) == [
                    row for row in found if row["ticket_id"] == id
                ]


def clocks(at: At) -> Iterator[tuple[Any, Any]]:
    """Every clock, followed from moment to moment."""
    slas: dict[str, list[tuple[datetime, int, SlaPublished]]] = {}
    for envelope, event in at.events:
        if isinstance(event, SlaPublished):
            since = in_force_from(envelope, event)
            slas.setdefault(envelope.stream.partition("-")[2], []).append((since, envelope.version, event))
    for id, ticket in at.of("ticket").items():
        own = [(envelope, event) for envelope, event in at.events if envelope.stream == f"ticket-{id}"]
        for sla_id, versions in slas.items():
            for start, stop in starts(own, ticket, versions[0][2].measure):
                if start >= min(since for since, _, _ in versions):
                    clock = follow(at, own, ticket, versions, start, stop)
                    if clock is not None:
                        yield (sla_id, id, start), clock


def starts(own: Any, ticket: Ticket, measure: str) -> list[tuple[datetime, datetime | None]]:
    opened = next(envelope.occurred_at for envelope, event in own if isinstance(event, TicketOpened))
    answers = sorted(
        envelope.occurred_at
        for envelope, event in own
        if isinstance(event, TicketReplied) and event.is_public and not event.is_bot
    )
    if measure == "first_response":
        return [(opened, min(answers, default=None))]
    solved = [envelope.occurred_at for envelope, event in own if isinstance(event, TicketSolved)]
    if measure == "first_resolution":
        return [(opened, min(solved, default=None))]
    if measure == "full_resolution":
        return [(opened, solved[-1] if worked_as(ticket) in ("solved", "closed") else None)]
    waits: dict[datetime | None, datetime] = {}
    for asked in sorted(envelope.occurred_at for envelope, event in own if isinstance(event, TicketReplyReceived)):
        waits.setdefault(next((answer for answer in answers if answer >= asked), None), asked)
    return [(asked, answer) for answer, asked in waits.items()]


def ended(at: At, own: Any, ticket: Ticket, start: datetime, stop: datetime | None) -> datetime | None:
    """When a clock ended: when it stopped, or since when the ticket has not been live."""
    if stop is not None or ticket.status in LIVE:
        return stop
    spans = spans_of(at, own, own[0][0].occurred_at, at.as_of)
    return max([start, *(until for _, until, state in spans if state.status in LIVE)])


def follow(at: At, own: Any, ticket: Ticket, versions: Any, start: datetime, stop: datetime | None) -> Any:
    """When a clock stopped, ended and was due, what it counted, and how it ended; None where nothing is promised."""
    end = ended(at, own, ticket, start, stop)
    counted = counted_until_end = timedelta()
    due, promised = None, False
    for since, until, state, sla in moments(at, own, versions, start, stop, end or at.as_of):
        target = getattr(sla, f"{state.priority}_seconds", None) or sla.seconds
        promised |= target is not None
        missing = timedelta.max if target is None else max(timedelta(seconds=target) - counted, timedelta())
        if missing == timedelta() and due is None:
            due = since
        is_over = stop is None and end is not None and since >= end
        for opens, closes in () if is_over else counting(at, sla, state, since, until):
            if due is None and closes - opens >= missing:
                due = opens + missing
            missing -= closes - opens
            counted += closes - opens
        counted_until_end = counted if until <= (end or at.as_of) else counted_until_end
    return (stop, end, due, seconds(counted_until_end), outcome(at, stop, end, due)) if promised else None


def moments(at: At, own: Any, versions: Any, start: datetime, stop: datetime | None, end: datetime) -> Iterator[Any]:
    """The times in which nothing changed for a clock, with the ticket and the SLA; after its end all stays."""
    horizon = end + HORIZON
    marks = {start, end, horizon, *(since for since, _, _ in versions)}
    marks |= {envelope.occurred_at for envelope, _ in own if envelope.occurred_at < end}
    before_the_stop = [each for each in own if each[0].occurred_at < end or start == end]
    for since, until in pairwise(sorted(mark for mark in marks if start <= mark <= horizon)):
        known = own if since < end or stop is None else before_the_stop
        sla = max((version, says) for began, version, says in versions if began <= since)[1]
        instant = at.as_of if stop is None and since >= end else start if start == end else since
        yield since, until, states_at(known, instant, at.known_at)[own[0][0].stream], sla


def counting(at: At, sla: SlaPublished, state: Ticket, since: datetime, until: datetime) -> list[Any]:
    """The times that count between two moments."""
    if worked_as(state) not in LIVE or worked_as(state) in sla.pauses:
        return []
    if sla.is_business_time:
        return list(open_intervals(calendars_of(at), state.group_id, since, until))
    return [(since, until)]


def outcome(at: At, stop: datetime | None, end: datetime | None, due: datetime | None) -> str:
    if end is not None and due is not None and due < end:
        return "breached"
    if end is not None:
        return "void" if stop is None else "met"
    return "late" if due is not None and due < at.as_of else "running"
