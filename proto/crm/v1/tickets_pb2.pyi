import datetime

from crm.v1 import outcome_pb2 as _outcome_pb2
from crm.v1 import reading_pb2 as _reading_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OpenTicketRequest(_message.Message):
    __slots__ = ("id", "opened_by", "channel", "customer_id", "requester_id", "priority", "category", "subcategory", "subject", "body", "group_id", "agent_id", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    OPENED_BY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SUBCATEGORY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    opened_by: str
    channel: str
    customer_id: str
    requester_id: str
    priority: str
    category: str
    subcategory: str
    subject: str
    body: str
    group_id: str
    agent_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., opened_by: _Optional[str] = ..., channel: _Optional[str] = ..., customer_id: _Optional[str] = ..., requester_id: _Optional[str] = ..., priority: _Optional[str] = ..., category: _Optional[str] = ..., subcategory: _Optional[str] = ..., subject: _Optional[str] = ..., body: _Optional[str] = ..., group_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class TriageTicketRequest(_message.Message):
    __slots__ = ("id", "priority", "category", "subcategory", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SUBCATEGORY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    priority: str
    category: str
    subcategory: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., priority: _Optional[str] = ..., category: _Optional[str] = ..., subcategory: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class AssignTicketRequest(_message.Message):
    __slots__ = ("id", "group_id", "agent_id", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    group_id: str
    agent_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., group_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class ReplyToTicketRequest(_message.Message):
    __slots__ = ("id", "reply_id", "agent_id", "is_public", "is_bot", "channel", "body", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    IS_BOT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    reply_id: str
    agent_id: str
    is_public: bool
    is_bot: bool
    channel: str
    body: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., reply_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., is_public: _Optional[bool] = ..., is_bot: _Optional[bool] = ..., channel: _Optional[str] = ..., body: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class ReceiveReplyRequest(_message.Message):
    __slots__ = ("id", "reply_id", "channel", "body", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_ID_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    reply_id: str
    channel: str
    body: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., reply_id: _Optional[str] = ..., channel: _Optional[str] = ..., body: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class AddNoteRequest(_message.Message):
    __slots__ = ("id", "note_id", "agent_id", "body", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NOTE_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    note_id: str
    agent_id: str
    body: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., note_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., body: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class PendTicketRequest(_message.Message):
    __slots__ = ("id", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class HoldTicketRequest(_message.Message):
    __slots__ = ("id", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class ResumeTicketRequest(_message.Message):
    __slots__ = ("id", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class EscalateTicketRequest(_message.Message):
    __slots__ = ("id", "level", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    level: int
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., level: _Optional[int] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class SolveTicketRequest(_message.Message):
    __slots__ = ("id", "agent_id", "resolution", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    agent_id: str
    resolution: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., agent_id: _Optional[str] = ..., resolution: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class ReopenTicketRequest(_message.Message):
    __slots__ = ("id", "status", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class CloseTicketRequest(_message.Message):
    __slots__ = ("id", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class MergeTicketsRequest(_message.Message):
    __slots__ = ("id", "merged_id", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    MERGED_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    merged_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., merged_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class UnmergeTicketsRequest(_message.Message):
    __slots__ = ("id", "merged_id", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    MERGED_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    merged_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., merged_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class RateTicketRequest(_message.Message):
    __slots__ = ("id", "rating", "comment", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    COMMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    rating: int
    comment: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., rating: _Optional[int] = ..., comment: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class Ticket(_message.Message):
    __slots__ = ("ticket_id", "status", "opened_by", "channel", "customer_id", "requester_id", "priority", "category", "subcategory", "subject", "body", "opened_at", "escalation_level", "group_assignments", "agent_assignments", "public_replies", "requester_replies", "notes", "escalations", "reopens", "group_id", "agent_id", "first_replied_at", "solved_by", "resolution", "solved_at", "first_solved_at", "closed_at", "status_before_merge", "merged_into", "merged_at", "rating", "rating_comment", "updated_at", "etag", "read_point")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OPENED_BY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_ID_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SUBCATEGORY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    OPENED_AT_FIELD_NUMBER: _ClassVar[int]
    ESCALATION_LEVEL_FIELD_NUMBER: _ClassVar[int]
    GROUP_ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    AGENT_ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    PUBLIC_REPLIES_FIELD_NUMBER: _ClassVar[int]
    REQUESTER_REPLIES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    ESCALATIONS_FIELD_NUMBER: _ClassVar[int]
    REOPENS_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_REPLIED_AT_FIELD_NUMBER: _ClassVar[int]
    SOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    SOLVED_AT_FIELD_NUMBER: _ClassVar[int]
    FIRST_SOLVED_AT_FIELD_NUMBER: _ClassVar[int]
    CLOSED_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_BEFORE_MERGE_FIELD_NUMBER: _ClassVar[int]
    MERGED_INTO_FIELD_NUMBER: _ClassVar[int]
    MERGED_AT_FIELD_NUMBER: _ClassVar[int]
    RATING_FIELD_NUMBER: _ClassVar[int]
    RATING_COMMENT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    status: str
    opened_by: str
    channel: str
    customer_id: str
    requester_id: str
    priority: str
    category: str
    subcategory: str
    subject: str
    body: str
    opened_at: _timestamp_pb2.Timestamp
    escalation_level: int
    group_assignments: int
    agent_assignments: int
    public_replies: int
    requester_replies: int
    notes: int
    escalations: int
    reopens: int
    group_id: str
    agent_id: str
    first_replied_at: _timestamp_pb2.Timestamp
    solved_by: str
    resolution: str
    solved_at: _timestamp_pb2.Timestamp
    first_solved_at: _timestamp_pb2.Timestamp
    closed_at: _timestamp_pb2.Timestamp
    status_before_merge: str
    merged_into: str
    merged_at: _timestamp_pb2.Timestamp
    rating: int
    rating_comment: str
    updated_at: _timestamp_pb2.Timestamp
    etag: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, ticket_id: _Optional[str] = ..., status: _Optional[str] = ..., opened_by: _Optional[str] = ..., channel: _Optional[str] = ..., customer_id: _Optional[str] = ..., requester_id: _Optional[str] = ..., priority: _Optional[str] = ..., category: _Optional[str] = ..., subcategory: _Optional[str] = ..., subject: _Optional[str] = ..., body: _Optional[str] = ..., opened_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., escalation_level: _Optional[int] = ..., group_assignments: _Optional[int] = ..., agent_assignments: _Optional[int] = ..., public_replies: _Optional[int] = ..., requester_replies: _Optional[int] = ..., notes: _Optional[int] = ..., escalations: _Optional[int] = ..., reopens: _Optional[int] = ..., group_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., first_replied_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., solved_by: _Optional[str] = ..., resolution: _Optional[str] = ..., solved_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., first_solved_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., closed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status_before_merge: _Optional[str] = ..., merged_into: _Optional[str] = ..., merged_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rating: _Optional[int] = ..., rating_comment: _Optional[str] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., etag: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class GetTicketRequest(_message.Message):
    __slots__ = ("ticket_id", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, ticket_id: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTicketsRequest(_message.Message):
    __slots__ = ("filter", "order_by", "page_size", "page_token", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    filter: str
    order_by: str
    page_size: int
    page_token: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, filter: _Optional[str] = ..., order_by: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTicketsResponse(_message.Message):
    __slots__ = ("tickets", "next_page_token", "read_point")
    TICKETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    tickets: _containers.RepeatedCompositeFieldContainer[Ticket]
    next_page_token: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, tickets: _Optional[_Iterable[_Union[Ticket, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class WatchTicketRequest(_message.Message):
    __slots__ = ("ticket_id", "min_position", "read_mask")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, ticket_id: _Optional[str] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class TicketAssignment(_message.Message):
    __slots__ = ("ticket_id", "version", "group_id", "agent_id", "assigned_by", "assigned_at", "read_point")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    GROUP_ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_BY_FIELD_NUMBER: _ClassVar[int]
    ASSIGNED_AT_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    version: int
    group_id: str
    agent_id: str
    assigned_by: str
    assigned_at: _timestamp_pb2.Timestamp
    read_point: _reading_pb2.ReadPoint
    def __init__(self, ticket_id: _Optional[str] = ..., version: _Optional[int] = ..., group_id: _Optional[str] = ..., agent_id: _Optional[str] = ..., assigned_by: _Optional[str] = ..., assigned_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class GetTicketAssignmentRequest(_message.Message):
    __slots__ = ("ticket_id", "version", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    version: int
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, ticket_id: _Optional[str] = ..., version: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTicketAssignmentsRequest(_message.Message):
    __slots__ = ("filter", "order_by", "page_size", "page_token", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    filter: str
    order_by: str
    page_size: int
    page_token: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, filter: _Optional[str] = ..., order_by: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTicketAssignmentsResponse(_message.Message):
    __slots__ = ("ticket_assignments", "next_page_token", "read_point")
    TICKET_ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    ticket_assignments: _containers.RepeatedCompositeFieldContainer[TicketAssignment]
    next_page_token: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, ticket_assignments: _Optional[_Iterable[_Union[TicketAssignment, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class TicketReply(_message.Message):
    __slots__ = ("ticket_id", "reply_id", "direction", "agent_id", "is_public", "is_bot", "channel", "body", "replied_at", "read_point")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_ID_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    IS_PUBLIC_FIELD_NUMBER: _ClassVar[int]
    IS_BOT_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    REPLIED_AT_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    reply_id: str
    direction: str
    agent_id: str
    is_public: bool
    is_bot: bool
    channel: str
    body: str
    replied_at: _timestamp_pb2.Timestamp
    read_point: _reading_pb2.ReadPoint
    def __init__(self, ticket_id: _Optional[str] = ..., reply_id: _Optional[str] = ..., direction: _Optional[str] = ..., agent_id: _Optional[str] = ..., is_public: _Optional[bool] = ..., is_bot: _Optional[bool] = ..., channel: _Optional[str] = ..., body: _Optional[str] = ..., replied_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class GetTicketReplyRequest(_message.Message):
    __slots__ = ("ticket_id", "reply_id", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    reply_id: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, ticket_id: _Optional[str] = ..., reply_id: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTicketRepliesRequest(_message.Message):
    __slots__ = ("filter", "order_by", "page_size", "page_token", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    filter: str
    order_by: str
    page_size: int
    page_token: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, filter: _Optional[str] = ..., order_by: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTicketRepliesResponse(_message.Message):
    __slots__ = ("ticket_replies", "next_page_token", "read_point")
    TICKET_REPLIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    ticket_replies: _containers.RepeatedCompositeFieldContainer[TicketReply]
    next_page_token: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, ticket_replies: _Optional[_Iterable[_Union[TicketReply, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class TicketSolution(_message.Message):
    __slots__ = ("ticket_id", "version", "solved_by", "resolution", "solved_at", "read_point")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SOLVED_BY_FIELD_NUMBER: _ClassVar[int]
    RESOLUTION_FIELD_NUMBER: _ClassVar[int]
    SOLVED_AT_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    version: int
    solved_by: str
    resolution: str
    solved_at: _timestamp_pb2.Timestamp
    read_point: _reading_pb2.ReadPoint
    def __init__(self, ticket_id: _Optional[str] = ..., version: _Optional[int] = ..., solved_by: _Optional[str] = ..., resolution: _Optional[str] = ..., solved_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class GetTicketSolutionRequest(_message.Message):
    __slots__ = ("ticket_id", "version", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    TICKET_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    ticket_id: str
    version: int
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, ticket_id: _Optional[str] = ..., version: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTicketSolutionsRequest(_message.Message):
    __slots__ = ("filter", "order_by", "page_size", "page_token", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    ORDER_BY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    filter: str
    order_by: str
    page_size: int
    page_token: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, filter: _Optional[str] = ..., order_by: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListTicketSolutionsResponse(_message.Message):
    __slots__ = ("ticket_solutions", "next_page_token", "read_point")
    TICKET_SOLUTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    ticket_solutions: _containers.RepeatedCompositeFieldContainer[TicketSolution]
    next_page_token: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, ticket_solutions: _Optional[_Iterable[_Union[TicketSolution, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...
