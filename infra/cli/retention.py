"""``crm run retention``: forgets whom the published retention policies say, and says what it did."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from infra.cli.handed import handed_out, tell_of_copies
from infra.cli.options import DataOption, FormatOption, OutputOption, settings_of
from infra.cli.output import Rows, chosen, note, write
from infra.cli.privacy import decided_anew

if TYPE_CHECKING:
    from crm.client import Client

RAN = ("customer", "status", "since", "policy", "version", "days", "outcome")
PAGE = 1_000
UNKNOWN, FAILED = "not known: it was interrupted; run it again", "failed: "
CONTACTS = (
    *("CustomerRegistered", "CustomerChurned", "InteractionLogged", "SurveyAnswered", "LeadCaptured", "LeadContacted"),
    *("TicketOpened", "TicketReplied", "TicketReplyReceived", "TicketRated"),
)
"""The events from which a person's time counts."""


class Run(StrEnum):
    """What can be run."""

    RETENTION = "retention"


class Rule(NamedTuple):
    """A retention policy that is in force, for the customers of one status."""

    policy: str
    version: int
    status: str
    days: int


class Judged(NamedTuple):
    """Since when the time of a whole person counts, what speaks against forgetting them, if anything does, and up to
    which position they were judged.
    """

    since: datetime
    objection: str | None
    position: int


class Due(NamedTuple):
    """A customer whose time is over: since when it counts, until when that had to be, by which rule, and the state that
    it was judged by.
    """

    id: str
    etag: str
    since: datetime
    until: datetime
    rule: Rule


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(run)


def run(
    what: Annotated[Run, typer.Argument(help="What to run.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say who would be forgotten.")] = False,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Forget the people whose time is over by the retention policies in force (PublishRetention): prospects with whom
    nobody has met, spoken or written for so many days, and customers who churned so many days ago. Time counts in days
    of 24 hours.

    The whole person is judged: somebody one of whose customers (also a merged one) has another status, or with whom
    there was any contact in these days, as a lead or in a ticket too, is left as it is. A row for each of them says
    why. Who changes meanwhile is judged again, or left for the next run. The reason of each forgetting names the
    policy. Running it again forgets nobody twice.

    The rows are written whatever comes in between, and what was handed out before is listed as by crm forget. Exit
    status 1 where somebody could not be forgotten.

    For example:

        crm run retention --dry-run

        crm run retention --format csv --output forgotten.csv
    """
    format = chosen(format, output)
    settings = settings_of(data)

    from crm.v1 import policies_pb2
    from infra.cli.connection import connected

    with connected(settings) as crm:
        first = crm.policies.ListRetentions(policies_pb2.ListRetentionsRequest(page_size=1))
        now, position = first.read_point.as_of, first.read_point.position
        rules = list(in_force(crm, now, position))
        if not rules:
            note("no retention policy is in force: nobody is forgotten")
        rows: list[dict[str, Any]] = []
        seen: set[str] = set()
        copies = handed_out(settings)
        try:
            for rule in rules:
                for due in [each for each in all_due(crm, rule, now, position) if each.id not in seen]:
                    seen.add(due.id)
                    rows.append(
                        {
                            "customer": due.id,
                            "status": rule.status,
                            "since": due.since,
                            "policy": rule.policy,
                            "version": rule.version,
                            "days": rule.days,
                            "outcome": UNKNOWN,
                        }
                    )
                    rows[-1] |= settled(crm, due, dry_run)
        finally:  # what was done cannot be undone, so it is said whatever comes in between
            write(Rows.of(rows, RAN, {"position": position, "handed_out": copies}), format, output)
            if any(row["outcome"] in ("forgotten", UNKNOWN) for row in rows):
                tell_of_copies(copies)
    if any(row["outcome"].startswith(FAILED) for row in rows):
        raise typer.Exit(1)


def in_force(crm: Client, now: Any, position: int) -> Iterator[Rule]:
    """The rules of all retention policies, the ones of few days first."""
    from crm.v1 import policies_pb2

    newest: dict[str, Any] = {}
    for each in listed(crm.policies.ListRetentions, policies_pb2.ListRetentionsRequest, "retentions", now, position):
        known = newest.get(each.retention_id)
        if instant(each.in_force_from) <= instant(now) and (known is None or each.version > known.version):
            newest[each.retention_id] = each
    rules = []
    for each in newest.values():
        for status, field in (("prospect", "prospect_days"), ("churned", "churned_days")):
            if each.HasField(field):
                rules.append(Rule(each.retention_id, each.version, status, getattr(each, field)))
    yield from sorted(rules, key=lambda rule: (rule.days, rule.policy))


def all_due(crm: Client, rule: Rule, now: Any, position: int) -> Iterator[Due]:
    """The customers whom a rule says to forget."""
    from crm.v1 import customers_pb2

    until = instant(now) - timedelta(days=rule.days)
    begun = f'registered_at <= "{rfc(until)}"'
    filter = f'status = "{rule.status}" AND forgotten = false AND merged_into = null AND {begun}'
    request = customers_pb2.ListCustomersRequest
    for customer in listed(crm.customers.ListCustomers, request, "customers", now, position, filter=filter):
        since = last_met(customer) if rule.status == "prospect" else left(crm, customer.customer_id, position)
        if since is not None and since <= until:
            yield Due(customer.customer_id, customer.etag, since, until, rule)


def last_met(customer: Any) -> datetime:
    """When somebody last met, spoke or wrote with a customer; where nobody ever did, when it was registered."""
    met = customer.last_interaction_at if customer.HasField("last_interaction_at") else customer.registered_at
    return max(instant(met), instant(customer.registered_at))


def left(crm: Client, id: str, position: int) -> datetime | None:
    """When a churned customer left, by the log."""
    import json

    from crm.v1 import log_pb2

    request = log_pb2.ReadEventsRequest(stream=f"customer-{id}", types=["CustomerChurned"])
    events = [each for answer in crm.log.ReadEvents(request) for each in answer.events if each.position <= position]
    return datetime.fromisoformat(json.loads(events[-1].document)["time"]) if events else None


def judged(crm: Client, due: Due) -> Judged:
    """The whole person judged. What speaks against forgetting them is another status of one of their customers, or a
    contact that is too new.
    """
    from crm.v1 import privacy_pb2

    since, position, objections = due.since, 0, []
    for part in crm.privacy.DescribeSubject(privacy_pb2.DescribeSubjectRequest(customer_id=due.id)):
        position = position or part.position
        match part.WhichOneof("part"):
            case "state" if part.state.stream.startswith("customer-"):
                status = part.state.values.fields["status"].string_value
                if status != due.rule.status:
                    objections.append(f"{part.state.stream} is {status}")
            case "event" if is_contact(part.event):
                since = max(since, instant(part.event.occurred_at))
                if instant(part.event.occurred_at) > due.until:
                    objections.append(f"{part.event.type} in {part.event.stream} since")
    return Judged(since, objections[0] if objections else None, position)


def is_contact(event: Any) -> bool:
    """Whether an event is one from which a person's time counts; what agents write to each other is none."""
    return event.type in CONTACTS and (event.type != "TicketReplied" or event.data.fields["is_public"].bool_value)


def settled(crm: Client, due: Due, dry_run: bool) -> dict[str, Any]:
    """What came of a customer who is due: the outcome, and since when the person's time counts.

    :raises CrmError: where the server is away, so that going on has no sense.
    """
    from crm.client import CrmError

    def settle() -> dict[str, Any]:
        found = judged(crm, due)
        if found.objection is not None:
            return {"since": found.since, "outcome": f"left as it is: {found.objection}"}
        if not dry_run:
            forget(crm, due, found)
        return {"since": found.since, "outcome": "would be forgotten" if dry_run else "forgotten"}

    try:
        return decided_anew(settle)
    except CrmError as refusal:
        if refusal.is_passing:
            raise
        left = refusal.code in ("VERSION_CONFLICT", "MERGED", "FORGOTTEN", "PERSON_CHANGED")
        return {"outcome": f"{'left as it is: ' if left else FAILED}{refusal.code}"}


def forget(crm: Client, due: Due, found: Judged) -> None:
    """Forget a customer, unless anything was recorded about the person since they were judged."""
    from crm.v1 import customers_pb2

    rule, since = due.rule, rfc(found.since)
    reason = f"retention policy {rule.policy}, version {rule.version}: {rule.status}, no contact since {since}"
    request = customers_pb2.ForgetCustomerRequest(
        id=due.id, etag=due.etag, reason=reason, unchanged_since_position=found.position
    )
    crm.customers.ForgetCustomer(request)


def listed(call: Any, request: Any, field: str, now: Any, position: int, **asked: Any) -> Iterator[Any]:
    """All records of a list as of an instant, known at a position."""
    token = ""
    while True:
        page = call(request(page_size=PAGE, page_token=token, as_of=now, known_at_position=position, **asked))
        yield from getattr(page, field)
        token = page.next_page_token
        if not token:
            return


def instant(stamp: Any) -> datetime:
    """The instant that a message holds."""
    found: datetime = stamp.ToDatetime(UTC)
    return found


def rfc(instant: datetime) -> str:
    """An instant as it is written in filters and sentences."""
    from infra.cli.instants import rfc3339

    return rfc3339(instant)
