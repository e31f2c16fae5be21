"""A simulated company: a year of leads, customers, tickets and promises about them, for a first look. Nothing is real.

The same seed and the same end give the same year. Names, numbers and rates are invented; ids begin with ``sim-``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from infra.intake.mapping import Wish

DAYS = 365
LEADS, CUSTOMERS, TICKETS = 1400, 150, 900
OPENS, CLOSES = 8, 18
WORKING_DAYS = ("mon", "tue", "wed", "thu", "fri")
WEEK = (1.0, 1.05, 1.0, 0.95, 0.8, 0.3, 0.2)
HOURS = (1, 1, 1, 1, 1, 2, 4, 8, 14, 18, 20, 18, 14, 16, 18, 17, 14, 11, 8, 7, 6, 5, 3, 2)

FIRST_NAMES = (
    "Ada",
    "Ben",
    "Chiara",
    "Dina",
    "Emil",
    "Fatima",
    "Goran",
    "Hana",
    "Ivo",
    "Jun",
    "Kofi",
    "Lea",
    "Mei",
    "Noor",
)
LAST_NAMES = (
    "Abel",
    "Brandt",
    "Costa",
    "Demir",
    "Eriksen",
    "Fischer",
    "Garcia",
    "Haddad",
    "Ito",
    "Jansen",
    "Kaya",
    "Lind",
)
COMPANIES = ("Acorn", "Birch", "Cedar", "Delta", "Ember", "Fjord", "Grove", "Harbour", "Iris", "Juniper")
COUNTRIES = ("DE", "AT", "CH", "NL", "SE", "IT", "ES")
LANDING_PAGES = ("pricing", "webinar", "comparison", "start", "case-study")
DISQUALIFIED = ("no budget", "no need", "chose a competitor", "cannot be reached", "not a company we serve")
SDRS = tuple(f"sim-sdr-{number}" for number in range(1, 6))
SRS = tuple(f"sim-sr-{number}" for number in range(1, 4))
GROUPS = {
    "sim-first-line": tuple(f"sim-agent-{number}" for number in range(1, 7)),
    "sim-billing": ("sim-agent-7", "sim-agent-8"),
    "sim-engineering": ("sim-agent-9", "sim-agent-10", "sim-agent-11"),
}
CATEGORIES = {
    "access": ("password", "permission"),
    "billing": ("invoice", "refund"),
    "defect": ("crash", "wrong result", "slow"),
    "question": ("how to", "contract"),
}


class Source(NamedTuple):
    """Where leads come from: its share of them, and how many of its leads are won at once, in hundredths."""

    name: str
    share: int
    won: int


SOURCES = (
    Source("organic search", 30, 12),
    Source("paid search", 20, 9),
    Source("social", 16, 5),
    Source("referral", 8, 28),
    Source("e-mail", 10, 7),
    Source("trade fair", 6, 16),
    Source("partner", 10, 20),
)


@dataclass(frozen=True, slots=True)
class Told:
    """A command in the order of telling; a late fact is told after it occurred."""

    told_at: datetime
    order: int
    occurred_at: datetime
    command: str
    fields: dict[str, Any]


class Simulation:
    """A year of commands that ends at ``until``; all of them are admitted by the rules. ``name`` is the import's name,
    ``count`` the number of commands.
    """

    name = "simulation"

    def __init__(self, seed: int, until: datetime, *, time_zone: str) -> None:
        self._seed = seed
        self._until = until.astimezone(UTC).replace(microsecond=0)
        self._zone = ZoneInfo(time_zone)
        self._random = Random(seed)
        self._told: list[Told] = []
        self._customers: list[tuple[datetime, str]] = []
        self._live_through()
        self._told.sort(key=lambda told: (told.told_at, told.order))
        self.count = len(self._told)

    def batches(self, size: int) -> Iterator[list[Wish]]:
        """The commands in the order in which the company told them, at most ``size`` at once."""
        wishes = self._wishes()
        while batch := list(islice(wishes, size)):
            yield batch

    def _wishes(self) -> Iterator[Wish]:
        year = f"{self.name} {self._seed} {self._until.isoformat()}"
        for number, told in enumerate(self._told, start=1):
            request_id = sha256(f"{year} {number}".encode()).hexdigest()[:32]
            yield Wish(told.command, told.fields, told.occurred_at, request_id, 1, number, 0)

    def _live_through(self) -> None:
        self._promise()
        for number, at in enumerate(self._arrivals(LEADS), start=1):
            self._lead(f"sim-lead-{number}", at)
        for number, at in enumerate(self._arrivals(CUSTOMERS), start=1):
            self._walk_in(f"sim-customer-w{number}", at)
        self._customers.sort()
        for number, at in enumerate(self._arrivals(TICKETS), start=1):
            self._ticket(f"sim-ticket-{number}", at)

    # What is promised

    def _promise(self) -> None:
        """When the office is open, what is promised, what a priority means; half a year later more is promised."""
        begin = self._midnight(DAYS)
        holidays = tuple(
            f"{year}-{day}" for year in range(begin.year, self._until.year + 1) for day in ("01-01", "12-25", "12-26")
        )
        zone = self._zone.key
        office = tuple(f"{day} {OPENS:02}:00-{CLOSES:02}:00" for day in WORKING_DAYS)
        self._tell(begin, "PublishCalendar", "sim-office", time_zone=zone, hours=office, holidays=holidays)
        nine_to_five = tuple(f"{day} 09:00-17:00" for day in WORKING_DAYS)
        engineers = {"hours": nine_to_five, "holidays": holidays, "group_ids": ("sim-engineering",)}
        self._tell(begin, "PublishCalendar", "sim-engineers", time_zone=zone, **engineers)
        hour = 3600
        respond = {"measure": "first_response", "seconds": 8 * hour, "high_seconds": 4 * hour}
        self._tell(begin, "PublishSla", "sim-respond", **respond, critical_seconds=4 * hour)
        solve = {"measure": "full_resolution", "seconds": 24 * hour, "critical_seconds": 12 * hour}
        self._tell(begin, "PublishSla", "sim-solve", **solve, pauses=("pending", "on_hold"))
        self._tell(begin, "PublishPriority", "sim-priority", a_percent=75, b_percent=34, c_percent=15)
        half = self._midnight(DAYS // 2)
        respond |= {"seconds": 6 * hour, "high_seconds": 3 * hour, "critical_seconds": 3 * hour}
        self._tell(half, "PublishSla", "sim-respond", **respond)

    def _midnight(self, days_ago: int) -> datetime:
        """The beginning of a local day before the year's end."""
        local = self._until.astimezone(self._zone).replace(hour=0, minute=0, second=0, tzinfo=None)
        return (local - timedelta(days=days_ago)).replace(tzinfo=self._zone).astimezone(UTC)

    # How time passes

    def _arrivals(self, count: int) -> list[datetime]:
        """Instants of the year: more of them towards its end, on working days and by day."""
        midnight = self._until.astimezone(self._zone).replace(hour=0, minute=0, second=0, tzinfo=None)
        days = [midnight - timedelta(days=back) for back in range(DAYS, -1, -1)]
        weights = [WEEK[day.weekday()] * (1 + index / DAYS) for index, day in enumerate(days)]
        hours = self._random.choices(range(24), HOURS, k=count)
        instants = [
            (day + timedelta(hours=hour, seconds=self._random.randrange(3600)))
            .replace(tzinfo=self._zone)
            .astimezone(UTC)
            for day, hour in zip(self._random.choices(days, weights, k=count), hours, strict=True)
        ]
        return sorted(instants)

    def _later(self, at: datetime, hours: float) -> datetime:
        """Some time afterwards, so many hours on average."""
        return at + timedelta(seconds=round(self._random.expovariate(1 / (3600 * hours))))

    def _worked(self, at: datetime, hours: float) -> datetime:
        """Some time afterwards, when the office is open."""
        local = self._later(at, hours).astimezone(self._zone)
        if local.weekday() < 5 and OPENS <= local.hour < CLOSES:
            return local.astimezone(UTC)
        days = 1 if local.hour >= CLOSES else 0
        while (local + timedelta(days=days)).weekday() > 4 or (days == 0 and local.hour >= OPENS):
            days += 1
        opening = (local + timedelta(days=days)).replace(hour=OPENS, minute=0, second=0)
        return (opening + timedelta(seconds=self._random.randrange(7200))).astimezone(UTC)

    # How things are told

    def _tell(self, at: datetime, command: str, id: str, **fields: Any) -> None:
        self._tell_late(at, at, command, id, **fields)

    def _tell_late(self, told_at: datetime, occurred_at: datetime, command: str, id: str, **fields: Any) -> None:
        if told_at <= self._until:
            self._told.append(Told(told_at, len(self._told), occurred_at, command, {"id": id, **fields}))

    def _chance(self, hundredths: int) -> bool:
        return self._random.randrange(100) < hundredths

    def _person(self) -> dict[str, str]:
        first, last = self._random.choice(FIRST_NAMES), self._random.choice(LAST_NAMES)
        return {
            "name": f"{first} {last}",
            "email": f"{first}.{last}.{self._random.randrange(10_000)}@example.org".lower(),
            "phone": f"+49 30 23125 {self._random.randrange(1000):03}",
            "company": f"{self._random.choice(COMPANIES)} {self._random.randrange(1, 100)}",
            "country": self._random.choices(COUNTRIES, (9, 3, 3, 2, 1, 1, 1))[0],
            "postcode_area": f"{self._random.randrange(10, 100)}",
        }

    # Leads

    def _lead(self, id: str, at: datetime) -> None:
        source = self._random.choices(SOURCES, [source.share for source in SOURCES])[0]
        person = self._person()
        page = self._random.choice(LANDING_PAGES)
        self._tell(at, "CaptureLead", id, **person, source=source.name, landing_page=page)
        if self._chance(3):
            self._twice(id, at, person)
        sdr = self._random.choice(SDRS)
        at = self._worked(at, 3)
        self._tell(at, "AssignLead", id, agent_id=sdr)
        at = self._worked(at, 1)
        self._tell(at, "ScoreLead", id, score=self._random.randrange(10, 95))
        for number in range(1, self._random.randrange(2, 5)):
            at = self._contact(id, number, self._worked(at, 9), sdr)
        fate = self._random.randrange(100)
        if fate < source.won:
            self._win(id, at, sdr)
        elif fate < source.won + 12:
            self._nurture(id, at, sdr)
        elif fate < source.won + 62:
            self._lose(id, at, sdr)

    def _twice(self, id: str, at: datetime, person: dict[str, str]) -> None:
        """The same person fills in a second form, and somebody notices."""
        twin = f"{id}-twin"
        at = self._later(at, 20)
        self._tell(at, "CaptureLead", twin, name=person["name"], company=person["company"], source="organic search")
        at = self._worked(at, 30)
        self._tell(at, "MergeLeads", id, merged_id=twin, reason="the same person filled in two forms")
        if self._chance(20):
            self._tell(
                self._worked(at, 50), "UnmergeLeads", id, merged_id=twin, reason="two people of one name after all"
            )

    def _contact(self, id: str, number: int, at: datetime, sdr: str) -> datetime:
        """A call or a message; some are written down only after something else happened.

        :returns: when it was told.
        """
        told_at = at
        if self._chance(7):
            rescored = self._worked(at, 1)
            self._tell(rescored, "ScoreLead", id, score=self._random.randrange(10, 95))
            told_at = self._worked(rescored, 16)
        self._tell_late(
            told_at,
            at,
            "ContactLead",
            id,
            contact_id=f"{id}-contact-{number}",
            channel=self._random.choices(("phone", "email", "visit"), (6, 5, 1))[0],
            direction="inbound" if self._chance(15) else "outbound",
            agent_id=sdr,
        )
        return told_at

    def _win(self, id: str, at: datetime, sdr: str) -> None:
        at = self._worked(at, 40)
        self._tell(at, "QualifyLead", id)
        at = self._worked(at, 24 * 14)
        signed = {"sdr_id": sdr, "sr_id": self._random.choice(SRS)}
        customer_id = f"{id}-customer"
        known = [known for since, known in self._customers if since < at]
        if known and self._chance(4):
            self._tell(at, "ConvertLead", id, customer_id=self._random.choice(known), overwrite=("phone",), **signed)
            return
        self._tell(at, "ConvertLead", id, customer_id=customer_id, **signed)
        self._customer(customer_id, at)
        if self._chance(3):
            self._tell(self._worked(at, 60), "ReverseConversion", id, reason="the signature was not valid")

    def _nurture(self, id: str, at: datetime, sdr: str) -> None:
        at = self._worked(at, 30)
        self._tell(at, "NurtureLead", id)
        at = self._contact(id, 8, self._worked(at, 24 * 40), sdr)
        if self._chance(30):
            self._win(id, at, sdr)
        else:
            self._lose(id, at, sdr)

    def _lose(self, id: str, at: datetime, sdr: str) -> None:
        at = self._worked(at, 24 * 5)
        self._tell(at, "DisqualifyLead", id, reason=self._random.choice(DISQUALIFIED))
        if self._chance(6):
            at = self._worked(at, 24 * 60)
            self._tell(at, "RecycleLead", id)
            self._contact(id, 9, self._worked(at, 10), sdr)

    # Customers

    def _walk_in(self, id: str, at: datetime) -> None:
        person = self._person()
        self._tell(at, "RegisterCustomer", id, **person, source="walk-in")
        self._customer(id, at)
        if self._chance(4):
            twin = f"{id}-twin"
            self._tell(self._later(at, 30), "RegisterCustomer", twin, name=person["name"], email=person["email"])
            merged_at = self._worked(at + timedelta(days=20), 60)
            self._tell(merged_at, "MergeCustomers", id, merged_id=twin, reason="registered twice")

    def _customer(self, id: str, at: datetime) -> None:
        self._customers.append((at, id))
        self._tell(self._worked(at, 4), "ChangeOwner", id, owner_id=self._random.choice(SRS))
        self._reach(id, at)
        self._interact(id, at)
        active_at = self._worked(at, 48)
        if not self._chance(90):
            self._tell(active_at, "ChangePriority", id, priority="C")
            return
        self._tell(active_at, "ActivateCustomer", id)
        self._tell(active_at, "ChangePriority", id, priority=self._random.choice("AB"))
        if self._chance(15):
            self._leave(id, active_at)

    def _reach(self, id: str, at: datetime) -> None:
        """How and for what the customer may be reached."""
        point = f"{id}-mail"
        added_at = self._worked(at, 5)
        address = f"mail.{self._random.randrange(10_000)}@example.org"
        self._tell(added_at, "AddContactPoint", id, contact_point_id=point, kind="email", value=address, label="work")
        if self._chance(80):
            self._tell(self._later(added_at, 20), "VerifyContactPoint", id, contact_point_id=point)
        if self._chance(70):
            granted_at = self._later(at, 30)
            ends = granted_at + timedelta(days=180) if self._chance(30) else None
            expires = {"expires_at": ends} if ends else {}
            self._tell(granted_at, "GrantConsent", id, purpose="newsletter", channel="email", **expires)
            if self._chance(15):
                self._tell(
                    self._later(granted_at, 24 * 60), "WithdrawConsent", id, purpose="newsletter", channel="email"
                )
        if self._chance(25):
            wish = self._random.choice(("mornings", "afternoons", "by e-mail only"))
            self._tell(self._later(at, 200), "StatePreference", id, topic="when to call", preference=wish)
        if self._chance(20):
            bought_at = self._worked(at, 24 * 20)
            self._tell(
                bought_at,
                "AppendOverlay",
                id,
                overlay_id=f"{id}-industry",
                field="industry",
                value=self._random.choice(("trade", "building", "health")),
                source="simulated data broker",
                confidence=self._random.randrange(40, 100),
                expires_at=bought_at + timedelta(days=365),
            )
            if self._chance(10):
                self._tell(self._worked(bought_at, 24 * 50), "WithdrawOverlay", id, overlay_id=f"{id}-industry")

    def _interact(self, id: str, at: datetime) -> None:
        number = 0
        while (at := self._worked(at, 24 * 40)) <= self._until:
            number += 1
            self._tell(
                at,
                "LogInteraction",
                id,
                interaction_id=f"{id}-meeting-{number}",
                channel=self._random.choices(("phone", "email", "visit"), (5, 3, 2))[0],
                direction="inbound" if self._chance(40) else "outbound",
                agent_id=self._random.choice(SRS),
                result=self._random.choice(("purchase", "wants an offer", "no answer")),
                seconds=self._random.randrange(60, 3600),
            )
            if self._chance(30):
                score = self._random.choices(range(11), (1, 1, 1, 1, 2, 4, 6, 12, 20, 18, 14))[0]
                self._tell(
                    self._later(at, 30), "AnswerSurvey", id, answer_id=f"{id}-nps-{number}", metric="nps", score=score
                )

    def _leave(self, id: str, at: datetime) -> None:
        at = self._worked(at, 24 * 100)
        self._tell(at, "MarkAtRisk", id)
        at = self._worked(at, 24 * 25)
        if self._chance(55):
            self._tell(at, "DeclareChurn", id, reason=self._random.choice(("price", "service", "closed down")))
            at = self._worked(at, 24 * 60)
        if self._chance(40):
            self._tell(at, "ReactivateCustomer", id)

    # Tickets

    def _ticket(self, id: str, at: datetime) -> None:
        known = [customer for since, customer in self._customers if since < at]
        if not known:
            return
        customer = self._random.choice(known)
        category = self._random.choice(tuple(CATEGORIES))
        subcategory = self._random.choice(CATEGORIES[category])
        channel = self._random.choices(("email", "web", "phone", "live_chat"), (5, 4, 3, 2))[0]
        self._tell(at, "OpenTicket", id, channel=channel, customer_id=customer, subject=f"{category}: {subcategory}")
        if self._chance(2):
            self._again(id, at, customer)
        priority = self._random.choices(("low", "moderate", "high", "critical"), (20, 60, 15, 5))[0]
        at = self._worked(at, 0.5)
        self._tell(at, "TriageTicket", id, priority=priority, category=category, subcategory=subcategory)
        group = "sim-billing" if category == "billing" else "sim-first-line"
        agent = self._random.choice(GROUPS[group])
        at = self._worked(at, 0.5)
        self._tell(at, "AssignTicket", id, group_id=group, agent_id=agent)
        if category == "defect" and self._chance(60):
            at = self._worked(at, 3)
            agent = self._random.choice(GROUPS["sim-engineering"])
            self._tell(at, "AssignTicket", id, group_id="sim-engineering", agent_id=agent)
            if self._chance(20):
                self._tell(at, "EscalateTicket", id, level=2)
        at = self._solve(id, self._talk(id, at, agent), agent)
        at = self._doubt(id, at, agent)
        if self._chance(35):
            rating = self._random.choices((1, 2, 3, 4, 5), (6, 5, 12, 34, 43))[0]
            self._tell(self._later(at, 8), "RateTicket", id, rating=rating)
            if self._chance(40):
                answer = {"answer_id": f"{id}-csat", "metric": "csat", "score": rating, "ticket_id": id}
                self._tell(self._later(at, 10), "AnswerSurvey", customer, **answer)
        self._tell(at + timedelta(days=7), "CloseTicket", id)
        if self._chance(1):
            at = self._later(at + timedelta(days=8), 60)
            self._tell(at, "ReopenTicket", id, reason="the customer proved that it is not solved")
            at = self._solve(id, at, agent)
            self._tell(at + timedelta(days=7), "CloseTicket", id)

    def _again(self, id: str, at: datetime, customer: str) -> None:
        """The same customer asks the same on another channel."""
        twin = f"{id}-twin"
        at = self._later(at, 1)
        self._tell(at, "OpenTicket", twin, channel="phone", customer_id=customer, subject="the same again")
        self._tell(self._worked(at, 2), "MergeTickets", id, merged_id=twin, reason="the same question on two channels")

    def _talk(self, id: str, at: datetime, agent: str) -> datetime:
        """Replies to and fro, with waiting in between. Some calls are written down after the waiting began.

        :returns: when the last word was told.
        """
        for number in range(1, self._random.choices((2, 3, 4, 5), (50, 30, 15, 5))[0]):
            at = self._worked(at, 3)
            reply = {"reply_id": f"{id}-reply-{number}", "agent_id": agent, "channel": "email"}
            if self._chance(4):
                pended_at = self._worked(at, 1)
                self._tell(pended_at, "PendTicket", id)
                told_at = self._worked(pended_at, 4)
                self._tell_late(told_at, at, "ReplyToTicket", id, **reply | {"channel": "phone"})
                at = told_at
            else:
                self._tell(at, "ReplyToTicket", id, **reply)
            if self._chance(45):
                self._tell(at, "PendTicket", id)
                at = self._later(at, 18)
                self._tell(at, "ReceiveReply", id, reply_id=f"{id}-answer-{number}", channel="email")
            elif self._chance(15):
                self._tell(at, "HoldTicket", id)
                at = self._worked(at, 40)
                self._tell(at, "ResumeTicket", id)
            if self._chance(15):
                self._tell(at, "AddNote", id, note_id=f"{id}-note-{number}", agent_id=agent)
        return at

    def _solve(self, id: str, at: datetime, agent: str) -> datetime:
        at = self._worked(at, 5)
        resolution = self._random.choice(("explained", "repaired", "refunded", "worked around"))
        self._tell(at, "SolveTicket", id, agent_id=agent, resolution=resolution)
        return at

    def _doubt(self, id: str, at: datetime, agent: str) -> datetime:
        """Now and then it is not solved after all.

        :returns: when it was solved last.
        """
        if self._chance(8):
            at = self._later(at, 20)
            self._tell(at, "ReceiveReply", id, reply_id=f"{id}-doubt", channel="email")
            at = self._worked(at, 4)
            self._tell(at, "ReplyToTicket", id, reply_id=f"{id}-reassurance", agent_id=agent, channel="email")
            return self._solve(id, at, agent)
        if self._chance(2):
            at = self._worked(at, 10)
            self._tell(at, "ReopenTicket", id)
            return self._solve(id, at, agent)
        return at
