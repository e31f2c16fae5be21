"""Every code of a refusal, with the gRPC status that it has on the wire and what it means.

A code that is not here counts as FAILED_PRECONDITION; a test sees to it that there is none. OFFLINE are the codes of
what happens before or beside the server, which no caller meets on the wire.
"""

from __future__ import annotations

from grpc import StatusCode

STATUSES: dict[StatusCode, dict[str, str]] = {
    StatusCode.UNAUTHENTICATED: {
        "TOKEN_EXPIRED": "the token has expired; get a new one",
        "TOKEN_INVALID": "the token is not believed, and why",
        "TOKEN_MISSING": "the address takes calls with a token alone",
        "TOKEN_NOT_TAKEN": "a token was sent to a server that believes nobody's",
    },
    StatusCode.PERMISSION_DENIED: {
        "NOT_ALLOWED": "the caller's roles do not allow this; which ones do",
    },
    StatusCode.INVALID_ARGUMENT: {
        "CONTRADICTION": "what the request says excludes itself",
        "FIELD_IS_PERSONAL": "a personal field can be neither filtered, sorted nor grouped by",
        "INVALID_FIELD": "a field is missing or holds what it may not",
        "INVALID_SERIES": "a series cannot be cut so: into what, from when, or into too many parts",
        "INVALID_FILTER": "the filter cannot be understood, and where",
        "INVALID_INSTANT": "an instant has no time zone",
        "INVALID_KEY": "the key of a record is not the model's",
        "INVALID_MESSAGE": "the bytes sent are not a message of the call",
        "INVALID_ORDER": "the order cannot be understood",
        "INVALID_PAGE_SIZE": "the page size is negative",
        "INVALID_PAGE_TOKEN": "the page token is damaged or belongs to another question",
        "INVALID_PERIOD": "the period ends before it begins",
        "NOTHING_GIVEN": "a command that needs at least one of several fields has none",
        "NO_TIME_ZONE": "an instant has no time zone",
        "PAGE_TOO_LARGE": "the page has more bytes than a client takes",
        "REASON_REQUIRED": "this needs a reason",
        "SAME_STREAM": "a stream cannot be merged with itself",
        "SCORE_OUT_OF_RANGE": "the metric has no such score",
        "SQL_INVALID": "DuckDB does not understand the statement",
        "SQL_REFUSED": "only one statement is allowed, and it reads relations, no files",
        "TOO_MANY_COMMANDS": "a message of bulk commands has more than 500",
        "UNKNOWN_COLUMN": "there is no such column; the nearest ones are named",
        "UNKNOWN_FIELD": "there is no such field, or it has another type",
        "UNKNOWN_STREAM": "no stream can have this name",
    },
    StatusCode.OUT_OF_RANGE: {
        # The same request is right at another time: the world has to move, not the caller.
        "BEFORE_BEGINNING": "the stream began later than this is said to have happened",
        "IN_THE_FUTURE": "the instant or the position is yet to come",
        "POSITION_AHEAD": "the log does not go that far",
        "POSITION_BEYOND_LOG": "the log has no such position",
    },
    StatusCode.NOT_FOUND: {
        "NOT_FOUND": "there is no such stream or record",
        "NO_SUCH_CONTACT_POINT": "the customer has no such contact point",
        "NO_SUCH_OVERLAY": "the customer has no such overlay",
        "UNKNOWN_MODEL": "there is no such read model",
        "UNKNOWN_REPORT": "there is no such report",
    },
    StatusCode.ALREADY_EXISTS: {
        "ALREADY_EXISTS": "the id is taken",
        "REQUEST_ID_REUSED": "the request id was used for another request",
    },
    StatusCode.ABORTED: {
        "PERSON_CHANGED": "something was recorded about the person since the position; look at it, and decide anew",
        "VERSION_CONFLICT": "the stream is at another version than the etag says; read it again and decide anew",
    },
    StatusCode.FAILED_PRECONDITION: {
        "CHURNED": "the customer left",
        "CLOCK_WENT_BACK": "the clock lies more than a minute behind the log; somebody has to look",
        "CLOSED": "the ticket is closed",
        "FORGOTTEN": "the person was forgotten",
        "IS_CUSTOMER": "the person of the lead is a customer, who is to be forgotten as such",
        "MERGED": "the stream was merged into another one, which is named",
        "MODEL_BROKEN": "the read model's SQL fails",
        "MODEL_INVALID": "the read model's file says what a model may not",
        "NOT_CHURNED": "the customer neither left nor is at risk",
        "NOT_CONVERTED": "the lead was not converted",
        "NOT_CONVERTIBLE": "the lead cannot be converted from its status",
        "NOT_DISQUALIFIED": "the lead was not disqualified",
        "NOT_LATEST_MERGE": "a later merge has to be undone first",
        "NOT_LIVE": "the ticket is neither worked on nor waiting",
        "NOT_OPEN": "the lead can no longer be won or lost",
        "NOT_PROSPECT": "the customer is no prospect",
        "NOT_SOLVED": "the ticket is not solved",
        "OTHER_KIND": "the policy is of another kind",
        "REPORT_BROKEN": "the report's SQL fails",
        "STREAM_HELD_BACK": "an event of the stream cannot be taken in, so how its record stands is not known here",
    },
    StatusCode.RESOURCE_EXHAUSTED: {
        "KEYS_FULL": "no room is left for the keys",
        "LOG_BUSY": "too many commands wait for their turn; nothing was recorded",
        "LOG_FULL": "no room is left for the log; nothing was recorded",
        "MESSAGE_TOO_LARGE": "the message has more bytes than the server takes",
        "RATE_EXCEEDED": "the caller made more calls a second than one caller may",
        "SQL_OUT_OF_MEMORY": "the statement or the report needs more memory than is allowed",
        "SQL_TOO_MANY_ROWS": "the statement answers more rows than are allowed",
        "TOO_MANY_CALLS": "more calls wait than the server takes",
        "TOO_MANY_FOLLOWERS": "too many callers follow the log",
        "TOO_MANY_STREAMS": "more streams are under way than the server takes",
    },
    StatusCode.DEADLINE_EXCEEDED: {
        "DEADLINE_PASSED": "the deadline passed, or the call was cancelled, before it was done; nothing was",
        "MIN_POSITION_NOT_REACHED": "the log, or the read models, did not reach the position in time",
        "SQL_TIMEOUT": "the statement took longer than is allowed",
    },
    StatusCode.UNAVAILABLE: {
        "ACCESS_NOT_LOGGED": "the access log cannot be written, so nothing personal is opened",
        "DATA_NOT_WRITABLE": "the data directory cannot be written",
        "KEYS_UNAVAILABLE": "the keys cannot be used now",
        "LOG_CLOSED": "the server stops",
        "KEYS_UNCERTAIN": "the connection to the keys was lost during a commit",
        "LOG_UNAVAILABLE": "the log cannot be used now; nothing was recorded",
        "LOG_UNCERTAIN": "the connection was lost during a commit; ask again with the same request id",
        "MODELS_UNWRITABLE": "the read models cannot be written",
        "SERVER_STOPPING": "the server stops; connect again and go on where the feed ended",
        "STREAM_UNAVAILABLE": "Kafka cannot be used now; nothing is lost, and it is tried again",
        "TOKEN_KEYS_UNAVAILABLE": "the keys of those who sign tokens cannot be had now",
    },
    StatusCode.DATA_LOSS: {
        "EVENTS_UNREADABLE": "the archive cannot read events",
        "HISTORY_FORKED": "read models, topics or the reader of a feed have seen another history than the log's",
        "KEYS_UNREADABLE": "the keys' database is damaged",
        "LOG_TAMPERED": "the log was altered",
        "LOG_UNREADABLE": "the log's database is damaged",
        "NOT_SEALED": "a sealed text is none",
        "POSITION_MISSING": "the topics go further, but do not hold this event",
        "SEAL_BROKEN": "a sealed text was altered",
        "UNREADABLE_EVENT": "a stored event cannot be read",
    },
    StatusCode.UNIMPLEMENTED: {
        "NOT_SERVED_HERE": "this server runs one part alone, which does not answer this; ask one that does",
        "UNKNOWN_EVENT_TYPE": "a newer version recorded an event that this one does not know",
    },
    StatusCode.INTERNAL: {
        "INTERNAL": "something unforeseen; the server's log has it under the reference in the sentence",
    },
}

OFFLINE: dict[str, str] = {
    "ADDRESS_INVALID": "the address has no port, or one that cannot be",
    "ADDRESS_IN_USE": "nothing can be bound to the address",
    "ADDRESS_NEEDS_TLS": "beyond this machine the server answers over TLS alone",
    "ADDRESS_NOT_LOCAL": "without tokens the server answers on this machine alone",
    "ALREADY_SERVED": "another process serves the data directory",
    "BACKUP_ALTERED": "the backup is not what was backed up; what is wrong, and where",
    "BACKUP_EXISTS": "there is another file where the backup should be written",
    "BACKUP_FULL": "no room is left for the backup",
    "BACKUP_RUNNING": "another backup is being written into the folder",
    "BACKUP_UNAVAILABLE": "the backup cannot be written or read now",
    "BACKUP_UNREADABLE": "the backup is damaged, and from where on",
    "CHECKPOINT_INVALID": "the checkpoint was not signed with the key, or was altered",
    "CHECKPOINT_KEY_INVALID": "the file holds no key for checkpoints",
    "EXPORT_ALTERED": "the export is not what was exported; what is wrong, and where",
    "INVALID_MASTER_KEY": "the master key is not 32 bytes in base64",
    "INVALID_SETTING": "a setting cannot be used",
    "INVALID_SUBJECT": "a token cannot be made for this name",
    "KEYS_NOT_APART": "the keys would be backed up beside the log",
    "KEYS_NOT_EMPTY": "there are keys already where the backup should be restored",
    "KEYS_OF_ANOTHER_LOG": "the backup of the keys does not belong to the backup of the log",
    "KEY_UNUSABLE": "the key cannot sign tokens",
    "LOG_NOT_EMPTY": "there are events already where the backup should be restored",
    "MAPPING_INVALID": "the mapping's SQL is wrong, and where",
    "MAPPING_UNREADABLE": "the mapping cannot be read",
    "MASTER_KEY_MISSING": "there are keys, but not the master key that wraps them",
    "MODELS_IN_USE": "another process has the read models open",
    "NEWER_VERSION": "the data directory is of a newer version",
    "NOT_A_DEMO": "the data directory holds more than a demo",
    "NOT_A_BACKUP": "the file was not made by crm backup, or holds something else",
    "NOT_AN_EXPORT": "the folder was not made by crm export, or holds something else",
    "NO_DATA": "there is no data directory",
    "NO_SNAPSHOT": "no snapshot was published",
    "OUTPUT_NOT_WRITABLE": "the output cannot be written",
    "OUT_OF_SPACE": "no room is left for the import",
    "REFUSED_NOT_WRITABLE": "the file of refused rows cannot be written",
    "SOURCE_FORMAT_UNKNOWN": "the source is of no known format",
    "SOURCE_MISSING": "the mapping names a source that was not given",
    "SOURCE_UNREADABLE": "the source cannot be read, and where",
    "SOURCE_UNUSED": "a source was given that the mapping does not name",
    "TOPIC_BLOCKED": "somebody else's open transaction hides what is on a topic",
    "TOPIC_COMPRESSION": "a topic keeps records in the compression of whoever sent them",
    "TOPIC_LOSES_HISTORY": "a topic is compacted or deletes events by age or size",
    "TOPIC_MISSING": "a topic was not made yet",
    "UNKNOWN_DATABASE": "the database is of a kind that is not supported",
    "UNKNOWN_MAPPING": "there is no such mapping",
    "WRONG_MASTER_KEY": "the keys were wrapped by another master key",
}

_STATUS_OF = {code: status for status, codes in STATUSES.items() for code in codes}


def status_of(code: str) -> StatusCode:
    """The gRPC status of a refusal."""
    return _STATUS_OF.get(code, StatusCode.FAILED_PRECONDITION)


def page() -> str:
    """All of it as a page for people, in Markdown."""
    lines = [
        "# Refusals",
        "",
        "Every refusal has a stable code and a sentence that says what is wrong, and what is allowed. Over gRPC the",
        "code is the `reason` of `google.rpc.ErrorInfo` (domain `annals.crm`), beside `BadRequest`, `ResourceInfo`,",
        "`PreconditionFailure` or `RetryInfo` where they fit; on the command line it stands before the sentence.",
    ]
    for heading, codes in [(f"`{status.name}`", codes) for status, codes in STATUSES.items()] + [
        ("Before or beside the server", OFFLINE)
    ]:
        lines += ["", f"## {heading}", "", "| code | means |", "|---|---|"]
        lines += [f"| `{code}` | {meaning} |" for code, meaning in sorted(codes.items())]
    return "\n".join(lines) + "\n"
