"""``crm find``, ``crm forget`` and ``crm subject``: who somebody is, what we hold about them, and forgetting it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from infra.cli.handed import handed_out, tell_of_copies
from infra.cli.options import DataOption, FormatOption, OutputOption, settings_of
from infra.cli.output import Rows, chosen, json_line, note, write, write_lines

if TYPE_CHECKING:
    from crm.client import Client
    from infra.cli.remains import Word

MATCHES = ("stream", "slots")
FORGOTTEN = ("stream",)
MOST_TRIES = 5
"""How often is decided about somebody of whom more is told each time."""

Decided = TypeVar("Decided")

SHORTEST_ALONE = 6
"""Shorter words of a name are in other words: Abel in label."""

PersonArgument = Annotated[
    str,
    typer.Argument(metavar="PERSON", help="A customer's id or customer-ID; lead-ID for whom we know as a lead only."),
]


def add_to(app: typer.Typer) -> None:
    """Offer the commands."""
    for command in (find, forget, subject):
        app.command()(command)
    app.command("rotate-master-key")(rotate_master_key)


def find(
    email: Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="The e-mail address.")] = None,
    phone: Annotated[str | None, typer.Option("--phone", metavar="NUMBER", help="The telephone number.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="WORDS", help="Words of the name, in any order.")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Find leads and customers by an e-mail address, a telephone number or a name. All that is given must fit, as it
    stands now; case does not matter, nor how a number is grouped. Words of a name are whole words.

    Exit status 1 where there is nobody.

    For example:

        crm find --email ada@example.org

        crm find --name "abel ada" --phone "+49 30 12345"
    """
    if email is None and phone is None and name is None:
        raise typer.BadParameter("give --email, --phone or --name")
    format = chosen(format, output)
    settings = settings_of(data)

    from crm.v1 import privacy_pb2
    from infra.cli.connection import connected

    with connected(settings) as crm:
        found = crm.privacy.FindPeople(privacy_pb2.FindPeopleRequest(email=email, phone=phone, name=name))
    if found.is_cut:
        note(f"only the first {len(found.matches)} are shown; say more about the person")
    rows = [{"stream": match.stream, "slots": list(match.slots)} for match in found.matches]
    write(Rows.of(rows, MATCHES, {"position": found.position}), format, output)
    if not rows:
        note("nobody was found")
        raise typer.Exit(1)


def forget(
    person: PersonArgument,
    reason: Annotated[
        str | None,
        typer.Option("--reason", metavar="TEXT", help="Why; it is kept for ever, so say nothing personal in it."),
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(
            "--words", metavar="FILE", help="Write what is known about the person into this file before, to look for."
        ),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    data: DataOption = None,
) -> None:
    """Forget a person: destroy the keys of the customer and of all leads and tickets that are the same person's, so
    that nothing personal in them can ever be read again, by anybody. It cannot be taken back. Somebody whom we know as
    a lead only is forgotten as lead-ID.

    Prints the streams. What happened, when and how much goes on counting. What was handed out before (snapshots,
    exports, backups) is listed on stderr, also where the person was forgotten already, and with --format json in the
    answer.

    For example:

        crm forget 42 --reason "asked by letter of 3 May"

        crm forget lead-7

        crm forget 42 --words words.txt && crm verify --forgotten --words words.txt
    """
    format = chosen(format, output)
    settings = settings_of(data)
    aggregate, id = person_of(person)

    from crm.client import CrmError
    from crm.v1 import customers_pb2, leads_pb2, log_pb2
    from infra.cli.connection import connected

    copies = handed_out(settings)  # before what cannot be taken back
    with connected(settings) as crm:
        if aggregate == "lead":
            ask, request = crm.leads.ForgetLead, leads_pb2.ForgetLeadRequest
        else:
            ask, request = crm.customers.ForgetCustomer, customers_pb2.ForgetCustomerRequest
        try:
            ask(request(id=id, reason=reason, validate_only=True))  # before anything is written down
            if words is None:
                outcome = ask(request(id=id, reason=reason))
            else:
                outcome = decided_anew(
                    lambda: ask(request(id=id, reason=reason, unchanged_since_position=words_kept(words, crm, person)))
                )
        except CrmError as refusal:
            if refusal.code == "FORGOTTEN":  # perhaps by one who was killed before it said this
                tell_of_copies(copies_before(crm, f"{aggregate}-{id}", copies))
            raise
        if not outcome.first_position:
            note(f"the person of {outcome.stream} was forgotten already")
            tell_of_copies(copies_before(crm, outcome.stream, copies))
            return
        asked = log_pb2.ReadEventsRequest(after_position=outcome.first_position - 1, limit=1)
        streams = streams_in(next(crm.log.ReadEvents(asked)).events[0].document)
    about = {"position": outcome.first_position, "handed_out": copies}
    write(Rows.of([{"stream": stream} for stream in streams], FORGOTTEN, about), format, output)
    tell_of_copies(copies)
    if words is not None:
        note(f"{words} holds what was personal: remove it as soon as crm verify --forgotten has looked for it")


def decided_anew(decide: Callable[[], Decided]) -> Decided:
    """What comes of deciding about somebody, anew where more was told of them meanwhile.

    :raises CrmError: PERSON_CHANGED where more is told of them each time.
    """
    from crm.client import CrmError

    for _ in range(MOST_TRIES - 1):
        try:
            return decide()
        except CrmError as refusal:
            if refusal.code != "PERSON_CHANGED":
                raise
    return decide()


def copies_before(crm: Client, stream: str, copies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was handed out before the person of a stream was forgotten; all of it where another stream says when."""
    from crm.v1 import log_pb2

    request = log_pb2.ReadEventsRequest(stream=stream, types=["CustomerForgotten", "LeadForgotten"])
    forgotten = [event.position for answer in crm.log.ReadEvents(request) for event in answer.events]
    return [each for each in copies if not forgotten or each["position"] < forgotten[0]]


def person_of(person: str) -> tuple[str, str]:
    """The aggregate and the id of somebody whom the command line names."""
    aggregate, _, id = person.partition("-")
    return (aggregate, id) if id and aggregate in ("customer", "lead") else ("customer", person)


def words_of(crm: Client, person: str) -> tuple[list[Word], int]:
    """Every personal value that we hold about a person, and what names and telephone numbers are recognised by where
    they are written in another order, or grouped otherwise; and up to which position.
    """
    from domain.event import Event
    from infra.cli.remains import Word

    found: set[Word] = set()
    position = 0
    for part in described(crm, person):
        position = position or part.position
        if part.HasField("event"):
            personal = Event.by_name[part.event.type].personal
            for name, value in part.event.data.items():
                if name in personal and value:
                    kind = part.event.data["kind"] if part.event.type == "ContactPointAdded" else name
                    found |= {Word(str(value)), *parts_of(kind.removesuffix("_was"), str(value))}
    return sorted(found), position


def parts_of(kind: str, value: str) -> list[Word]:
    """What a value of a kind may be recognised by as well as by the whole: a name with its last word first, its words
    alone, the shorter ones as whole words, a number's digits.
    """
    from infra.cli.remains import SHORTEST_WHOLE, Word

    if kind == "name":
        words = re.findall(r"[\w'’.-]+", value)
        first, last = " ".join(words[:-1]), "".join(words[-1:])
        turned = [f"{last} {first}", f"{last}, {first}"] if first else []
        alone = [word for word in re.findall(r"\w+", value) if len(word) >= SHORTEST_WHOLE]
        return [*map(Word, turned), *(Word(word, whole=len(word) < SHORTEST_ALONE) for word in alone)]
    if kind == "phone":
        numbers = (value, value.replace("(0)", ""))
        return [Word(re.sub(r"\D", "", each)) for each in numbers] if re.search(r"\d", value) else []
    return []


def words_kept(file: Path, crm: Client, person: str) -> int:
    """Write everything personal of somebody into the file; up to which position."""
    words, known = words_of(crm, person)
    keep_words(file, words)
    return known


def keep_words(file: Path, words: list[Word]) -> None:
    """Write the words into a file that only its owner may read, one JSON text a line, or object for a whole word.

    :raises Rejected: OUTPUT_NOT_WRITABLE.
    """
    from commands.rejected import Rejected
    from infra.cli.remains import line_of

    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            os.fchmod(out.fileno(), 0o600)  # it may have been there
            out.writelines(map(line_of, words))
    except OSError as error:
        raise Rejected("OUTPUT_NOT_WRITABLE", f"{file} cannot be written: {error.strerror or error}") from error


def streams_in(document: str) -> list[str]:
    """The streams that a forgetting names."""
    import json

    return [str(stream) for stream in json.loads(document)["data"]["streams"]]


def subject(person: PersonArgument, output: OutputOption = None, data: DataOption = None) -> None:
    """Tell everything that we hold about a person, as one JSON object: the streams, what they say now, every event, and
    for everything that was sent to the person what they allowed at that moment. Personal values are opened.

    For example:

        crm subject 42 --output 42.json

        crm subject lead-7
    """
    settings = settings_of(data)

    from infra.cli.connection import connected
    from infra.cli.history import plain
    from infra.cli.moments import moment

    told: dict[str, Any] = {"states": {}, "events": [], "sendings": []}
    with connected(settings) as crm:
        for part in described(crm, person):
            match part.WhichOneof("part"):
                case "state":
                    told["states"][part.state.stream] = plain(part.state.values)
                case "event":
                    told["events"].append(
                        {
                            "position": part.event.position,
                            "stream": part.event.stream,
                            "type": part.event.type,
                            "occurred_at": moment(part.event, "occurred_at"),
                            "recorded_at": moment(part.event, "recorded_at"),
                            "actor": part.event.actor,
                            "reason": part.event.reason if part.event.HasField("reason") else None,
                            "data": plain(part.event.data),
                        }
                    )
                case "sending":
                    told["sendings"].append(sending_of(part.sending))
                case _:
                    told = {"position": part.position, "streams": list(part.streams), **told}
    write_lines([json_line(told)], output)


def rotate_master_key(
    new: Annotated[
        Path | None,
        typer.Option("--new", metavar="FILE", help="The new master key; made in this file where it is not there."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Wrap all keys with another master key. No event is touched, and nothing else changes; killed at any moment, it is
    as before or finished at the next start. No server may run on the directory; others that share the keys refuse to
    make new ones until they are started again with the new master key.

    Where the master key is in the data directory, the new one takes its place there. Backups of the keys that were made
    before still need the old one.

    For example:

        crm rotate-master-key

        crm rotate-master-key --new /safe/master-2.key
    """
    settings = settings_of(data)

    from infra.directory import lock
    from infra.keys import rotate

    with lock(settings):
        count = rotate(settings, new)
    note(f"{count} keys are wrapped with the new master key; destroy the old one and the backups of the keys it opens")
    if settings.master_key is not None:
        note(f"set CRM_MASTER_KEY to what is in {new} now: nothing starts with the old one")


def sending_of(sending: Any) -> dict[str, Any]:
    """Something that was sent, with what was allowed, as we know now and knew then."""
    from infra.cli.moments import moment

    return {
        "position": sending.position,
        "occurred_at": moment(sending, "occurred_at"),
        "channel": sending.channel if sending.HasField("channel") else None,
        "consents": [consent_of(consent) for consent in sending.consents],
        "consents_known": [consent_of(consent) for consent in sending.consents_known],
    }


def consent_of(consent: Any) -> dict[str, Any]:
    """What a customer allowed."""
    from infra.cli.moments import moment

    return {
        "customer_id": consent.customer_id,
        "purpose": consent.purpose,
        "channel": consent.channel,
        "expires_at": moment(consent, "expires_at"),
    }


def described(crm: Client, person: str) -> Iterator[Any]:
    """What the server tells about a person."""
    from crm.v1 import privacy_pb2

    aggregate, id = person_of(person)
    request = privacy_pb2.DescribeSubjectRequest()
    setattr(request, f"{aggregate}_id", id)
    return iter(crm.privacy.DescribeSubject(request))
