"""Who may do what: one row for each rpc, one column for each role.

``yes``: may. ``open``: may, and personal values are opened. ``sealed``: may, and personal values stay sealed. ``-``:
may not. Who has several roles may what any of them may. Without a row for every rpc no server starts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from commands.rejected import Rejected
from infra.roles import Role

TABLE = """
                            service  agent    analyst  auditor  admin

LeadService
  CaptureLead               yes      yes      -        -        yes
  CorrectLead               yes      yes      -        -        yes
  AssignLead                yes      yes      -        -        yes
  ContactLead               yes      yes      -        -        yes
  ScoreLead                 yes      yes      -        -        yes
  QualifyLead               yes      yes      -        -        yes
  NurtureLead               yes      yes      -        -        yes
  DisqualifyLead            yes      yes      -        -        yes
  RecycleLead               yes      yes      -        -        yes
  ConvertLead               yes      yes      -        -        yes
  ReverseConversion         yes      yes      -        -        yes
  MergeLeads                yes      yes      -        -        yes
  UnmergeLeads              yes      yes      -        -        yes
  ForgetLead                -        -        -        -        yes
  GetLead                   open     open     sealed   sealed   open
  ListLeads                 open     open     sealed   sealed   open
  WatchLead                 open     open     sealed   sealed   open
  GetLeadContact            open     open     sealed   sealed   open
  ListLeadContacts          open     open     sealed   sealed   open

CustomerService
  RegisterCustomer          yes      yes      -        -        yes
  CorrectCustomer           yes      yes      -        -        yes
  AddContactPoint           yes      yes      -        -        yes
  VerifyContactPoint        yes      yes      -        -        yes
  RemoveContactPoint        yes      yes      -        -        yes
  StatePreference           yes      yes      -        -        yes
  GrantConsent              yes      yes      -        -        yes
  WithdrawConsent           yes      yes      -        -        yes
  AppendOverlay             yes      yes      -        -        yes
  WithdrawOverlay           yes      yes      -        -        yes
  ChangeOwner               yes      yes      -        -        yes
  ChangePriority            yes      yes      -        -        yes
  LogInteraction            yes      yes      -        -        yes
  AnswerSurvey              yes      yes      -        -        yes
  ActivateCustomer          yes      yes      -        -        yes
  MarkAtRisk                yes      yes      -        -        yes
  DeclareChurn              yes      yes      -        -        yes
  ReactivateCustomer        yes      yes      -        -        yes
  MergeCustomers            yes      yes      -        -        yes
  UnmergeCustomers          yes      yes      -        -        yes
  ForgetCustomer            -        -        -        -        yes
  GetCustomer               open     open     sealed   sealed   open
  ListCustomers             open     open     sealed   sealed   open
  WatchCustomer             open     open     sealed   sealed   open
  GetConsent                yes      yes      yes      yes      yes
  ListConsents              yes      yes      yes      yes      yes
  GetContactPoint           open     open     sealed   sealed   open
  ListContactPoints         open     open     sealed   sealed   open
  GetInteraction            open     open     sealed   sealed   open
  ListInteractions          open     open     sealed   sealed   open
  GetOverlay                open     open     sealed   sealed   open
  ListOverlays              open     open     sealed   sealed   open
  GetPreference             open     open     sealed   sealed   open
  ListPreferences           open     open     sealed   sealed   open
  GetSurveyAnswer           open     open     sealed   sealed   open
  ListSurveyAnswers         open     open     sealed   sealed   open

TicketService
  OpenTicket                yes      yes      -        -        yes
  TriageTicket              yes      yes      -        -        yes
  AssignTicket              yes      yes      -        -        yes
  ReplyToTicket             yes      yes      -        -        yes
  ReceiveReply              yes      yes      -        -        yes
  AddNote                   yes      yes      -        -        yes
  PendTicket                yes      yes      -        -        yes
  HoldTicket                yes      yes      -        -        yes
  ResumeTicket              yes      yes      -        -        yes
  EscalateTicket            yes      yes      -        -        yes
  SolveTicket               yes      yes      -        -        yes
  ReopenTicket              yes      yes      -        -        yes
  CloseTicket               yes      yes      -        -        yes
  MergeTickets              yes      yes      -        -        yes
  UnmergeTickets            yes      yes      -        -        yes
  RateTicket                yes      yes      -        -        yes
  GetTicket                 open     open     sealed   sealed   open
  ListTickets               open     open     sealed   sealed   open
  WatchTicket               open     open     sealed   sealed   open
  GetTicketAssignment       yes      yes      yes      yes      yes
  ListTicketAssignments     yes      yes      yes      yes      yes
  GetTicketReply            open     open     sealed   sealed   open
  ListTicketReplies         open     open     sealed   sealed   open
  GetTicketSolution         yes      yes      yes      yes      yes
  ListTicketSolutions       yes      yes      yes      yes      yes

CommandService
  ExecuteCommands           yes      -        -        -        yes

ModelService
  ListModels                yes      yes      yes      yes      yes
  GetRecord                 open     open     sealed   sealed   open
  ListRecords               open     open     sealed   sealed   open
  WatchRecord               open     open     sealed   sealed   open

ReportService
  ListReports               yes      yes      yes      yes      yes
  GetReport                 yes      yes      yes      yes      yes
  RunReport                 yes      yes      yes      yes      yes

SqlService
  RunSql                    -        -        sealed   sealed   open

LogService
  ReadEvents                yes      -        yes      yes      yes
  ReplayStream              open     open     sealed   sealed   open

PolicyService
  PublishCalendar           -        -        -        -        yes
  PublishSla                -        -        -        -        yes
  PublishPriority           -        -        -        -        yes
  PublishRetention          -        -        -        -        yes
  GetCalendar               yes      yes      yes      yes      yes
  ListCalendars             yes      yes      yes      yes      yes
  GetSla                    yes      yes      yes      yes      yes
  ListSlas                  yes      yes      yes      yes      yes
  GetPriority               yes      yes      yes      yes      yes
  ListPriorities            yes      yes      yes      yes      yes
  GetRetention              yes      yes      yes      yes      yes
  ListRetentions            yes      yes      yes      yes      yes

PrivacyService
  FindPeople                open     open     -        -        open
  DescribeSubject           -        -        -        -        open

SystemService
  GetStatus                 yes      yes      yes      yes      yes
  Verify                    -        -        -        yes      yes
  RebuildModels             -        -        -        -        yes
  ListHeldBackStreams       -        -        -        yes      yes
  ReplayHeldBackStreams     -        -        -        -        yes
  CreateSnapshot            -        -        -        -        yes

besides
  occurred_at               yes      -        -        -        yes
  crm-actor                 yes      -        -        -        -
"""

BESIDES = {
    "occurred_at": "say when something happened, as imports do",
    "crm-actor": "act on behalf of somebody else",
}
"""What may be done within several rpcs."""


class Permission(NamedTuple):
    """Who may do one thing, and who of them sees personal values opened."""

    service: str
    name: str
    allowed: frozenset[Role]
    opened: frozenset[Role]

    def require(self, roles: frozenset[Role], *, field: str | None = None) -> None:
        """Refuse those who have none of the roles that this needs.

        :raises Rejected: NOT_ALLOWED.
        """
        if self.allowed.isdisjoint(roles):
            what = BESIDES.get(self.name, f"call {self.name}")
            said = listed(roles) or "a token without any of our roles"
            raise Rejected("NOT_ALLOWED", f"{said} may not {what}; {listed(self.allowed)} may", field=field)


def listed(roles: Collection[Role]) -> str:
    """Roles in the order of the table, as in ``service, agent or admin``."""
    return " or ".join(", ".join(role for role in Role if role in roles).rsplit(", ", 1))


def read(table: str) -> Iterator[Permission]:
    """The rows of the table.

    :raises ValueError: where it is not written as it has to be.
    """
    lines = [line.split() for line in table.splitlines() if line.strip()]
    if lines[0] != [role.value for role in Role]:
        raise ValueError(f"the columns are {', '.join(Role)}")
    service = ""
    for name, *cells in lines[1:]:
        if not cells:
            service = name
            continue
        if len(cells) != len(Role) or not set(cells) <= {"yes", "open", "sealed", "-"}:
            raise ValueError(f"{name} needs yes, open, sealed or - for each role")
        said = dict(zip(Role, cells, strict=True))
        yield Permission(
            service,
            name,
            frozenset(role for role, cell in said.items() if cell != "-"),
            frozenset(role for role, cell in said.items() if cell == "open"),
        )


PERMISSIONS = {permission.name: permission for permission in read(TABLE)}
"""By the name of the rpc."""

EVERYTHING = frozenset(Role)
"""The roles of those who open the files themselves, or are on the server's own machine where there are no tokens."""


def markdown() -> str:
    """The table for people, in Markdown."""
    lines, service = [], None
    for line in (line.split() for line in TABLE.splitlines() if line.strip()):
        if len(line) == 1:
            service = line[0]
            title = "Besides" if service == "besides" else f"`{service}`"
            lines += ["", f"### {title}", "", f"| | {' | '.join(Role)} |", f"|---|{'---|' * len(Role)}"]
        elif service is not None:
            name, *cells = line
            meaning = f" ({BESIDES[name]})" if name in BESIDES else ""
            lines.append(f"| `{name}`{meaning} | {' | '.join('' if cell == '-' else cell for cell in cells)} |")
    return "\n".join(lines[1:]) + "\n"


def page(before: str) -> str:
    """A page of the documents, with the table as it is now between its two marks."""
    begin, end = "<!-- permissions -->\n", "<!-- end of permissions -->\n"
    head, _, rest = before.partition(begin)
    return f"{head}{begin}\n{markdown()}\n{end}{rest.partition(end)[2]}"
