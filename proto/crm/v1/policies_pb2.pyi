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

class PublishCalendarRequest(_message.Message):
    __slots__ = ("id", "valid_from", "time_zone", "hours", "holidays", "group_ids", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    HOLIDAYS_FIELD_NUMBER: _ClassVar[int]
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    valid_from: _timestamp_pb2.Timestamp
    time_zone: str
    hours: _containers.RepeatedScalarFieldContainer[str]
    holidays: _containers.RepeatedScalarFieldContainer[str]
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., time_zone: _Optional[str] = ..., hours: _Optional[_Iterable[str]] = ..., holidays: _Optional[_Iterable[str]] = ..., group_ids: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class PublishSlaRequest(_message.Message):
    __slots__ = ("id", "valid_from", "measure", "seconds", "low_seconds", "moderate_seconds", "high_seconds", "critical_seconds", "is_business_time", "pauses", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    LOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MODERATE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HIGH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IS_BUSINESS_TIME_FIELD_NUMBER: _ClassVar[int]
    PAUSES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    valid_from: _timestamp_pb2.Timestamp
    measure: str
    seconds: int
    low_seconds: int
    moderate_seconds: int
    high_seconds: int
    critical_seconds: int
    is_business_time: bool
    pauses: _containers.RepeatedScalarFieldContainer[str]
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., measure: _Optional[str] = ..., seconds: _Optional[int] = ..., low_seconds: _Optional[int] = ..., moderate_seconds: _Optional[int] = ..., high_seconds: _Optional[int] = ..., critical_seconds: _Optional[int] = ..., is_business_time: _Optional[bool] = ..., pauses: _Optional[_Iterable[str]] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class PublishPriorityRequest(_message.Message):
    __slots__ = ("id", "valid_from", "a_percent", "b_percent", "c_percent", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    A_PERCENT_FIELD_NUMBER: _ClassVar[int]
    B_PERCENT_FIELD_NUMBER: _ClassVar[int]
    C_PERCENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    valid_from: _timestamp_pb2.Timestamp
    a_percent: int
    b_percent: int
    c_percent: int
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., a_percent: _Optional[int] = ..., b_percent: _Optional[int] = ..., c_percent: _Optional[int] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class PublishRetentionRequest(_message.Message):
    __slots__ = ("id", "valid_from", "prospect_days", "churned_days", "reason", "occurred_at", "request_id", "etag", "validate_only", "correlation_id", "causation_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALID_FROM_FIELD_NUMBER: _ClassVar[int]
    PROSPECT_DAYS_FIELD_NUMBER: _ClassVar[int]
    CHURNED_DAYS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    CORRELATION_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSATION_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    valid_from: _timestamp_pb2.Timestamp
    prospect_days: int
    churned_days: int
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    request_id: str
    etag: str
    validate_only: bool
    correlation_id: str
    causation_id: str
    def __init__(self, id: _Optional[str] = ..., valid_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., prospect_days: _Optional[int] = ..., churned_days: _Optional[int] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request_id: _Optional[str] = ..., etag: _Optional[str] = ..., validate_only: _Optional[bool] = ..., correlation_id: _Optional[str] = ..., causation_id: _Optional[str] = ...) -> None: ...

class Calendar(_message.Message):
    __slots__ = ("calendar_id", "version", "time_zone", "hours", "holidays", "group_ids", "published_at", "in_force_from", "read_point")
    CALENDAR_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    HOLIDAYS_FIELD_NUMBER: _ClassVar[int]
    GROUP_IDS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FROM_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    calendar_id: str
    version: int
    time_zone: str
    hours: _containers.RepeatedScalarFieldContainer[str]
    holidays: _containers.RepeatedScalarFieldContainer[str]
    group_ids: _containers.RepeatedScalarFieldContainer[str]
    published_at: _timestamp_pb2.Timestamp
    in_force_from: _timestamp_pb2.Timestamp
    read_point: _reading_pb2.ReadPoint
    def __init__(self, calendar_id: _Optional[str] = ..., version: _Optional[int] = ..., time_zone: _Optional[str] = ..., hours: _Optional[_Iterable[str]] = ..., holidays: _Optional[_Iterable[str]] = ..., group_ids: _Optional[_Iterable[str]] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., in_force_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class GetCalendarRequest(_message.Message):
    __slots__ = ("calendar_id", "version", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    CALENDAR_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    calendar_id: str
    version: int
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, calendar_id: _Optional[str] = ..., version: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListCalendarsRequest(_message.Message):
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

class ListCalendarsResponse(_message.Message):
    __slots__ = ("calendars", "next_page_token", "read_point")
    CALENDARS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    calendars: _containers.RepeatedCompositeFieldContainer[Calendar]
    next_page_token: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, calendars: _Optional[_Iterable[_Union[Calendar, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class Sla(_message.Message):
    __slots__ = ("sla_id", "version", "measure", "seconds", "low_seconds", "moderate_seconds", "high_seconds", "critical_seconds", "is_business_time", "pauses", "published_at", "in_force_from", "read_point")
    SLA_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    MEASURE_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    LOW_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MODERATE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HIGH_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CRITICAL_SECONDS_FIELD_NUMBER: _ClassVar[int]
    IS_BUSINESS_TIME_FIELD_NUMBER: _ClassVar[int]
    PAUSES_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FROM_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    sla_id: str
    version: int
    measure: str
    seconds: int
    low_seconds: int
    moderate_seconds: int
    high_seconds: int
    critical_seconds: int
    is_business_time: bool
    pauses: _containers.RepeatedScalarFieldContainer[str]
    published_at: _timestamp_pb2.Timestamp
    in_force_from: _timestamp_pb2.Timestamp
    read_point: _reading_pb2.ReadPoint
    def __init__(self, sla_id: _Optional[str] = ..., version: _Optional[int] = ..., measure: _Optional[str] = ..., seconds: _Optional[int] = ..., low_seconds: _Optional[int] = ..., moderate_seconds: _Optional[int] = ..., high_seconds: _Optional[int] = ..., critical_seconds: _Optional[int] = ..., is_business_time: _Optional[bool] = ..., pauses: _Optional[_Iterable[str]] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., in_force_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class GetSlaRequest(_message.Message):
    __slots__ = ("sla_id", "version", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    SLA_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    sla_id: str
    version: int
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, sla_id: _Optional[str] = ..., version: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListSlasRequest(_message.Message):
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

class ListSlasResponse(_message.Message):
    __slots__ = ("slas", "next_page_token", "read_point")
    SLAS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    slas: _containers.RepeatedCompositeFieldContainer[Sla]
    next_page_token: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, slas: _Optional[_Iterable[_Union[Sla, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class Priority(_message.Message):
    __slots__ = ("priority_id", "version", "a_percent", "b_percent", "c_percent", "published_at", "in_force_from", "read_point")
    PRIORITY_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    A_PERCENT_FIELD_NUMBER: _ClassVar[int]
    B_PERCENT_FIELD_NUMBER: _ClassVar[int]
    C_PERCENT_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FROM_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    priority_id: str
    version: int
    a_percent: int
    b_percent: int
    c_percent: int
    published_at: _timestamp_pb2.Timestamp
    in_force_from: _timestamp_pb2.Timestamp
    read_point: _reading_pb2.ReadPoint
    def __init__(self, priority_id: _Optional[str] = ..., version: _Optional[int] = ..., a_percent: _Optional[int] = ..., b_percent: _Optional[int] = ..., c_percent: _Optional[int] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., in_force_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class GetPriorityRequest(_message.Message):
    __slots__ = ("priority_id", "version", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    PRIORITY_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    priority_id: str
    version: int
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, priority_id: _Optional[str] = ..., version: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListPrioritiesRequest(_message.Message):
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

class ListPrioritiesResponse(_message.Message):
    __slots__ = ("priorities", "next_page_token", "read_point")
    PRIORITIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    priorities: _containers.RepeatedCompositeFieldContainer[Priority]
    next_page_token: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, priorities: _Optional[_Iterable[_Union[Priority, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class Retention(_message.Message):
    __slots__ = ("retention_id", "version", "prospect_days", "churned_days", "published_at", "in_force_from", "read_point")
    RETENTION_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROSPECT_DAYS_FIELD_NUMBER: _ClassVar[int]
    CHURNED_DAYS_FIELD_NUMBER: _ClassVar[int]
    PUBLISHED_AT_FIELD_NUMBER: _ClassVar[int]
    IN_FORCE_FROM_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    retention_id: str
    version: int
    prospect_days: int
    churned_days: int
    published_at: _timestamp_pb2.Timestamp
    in_force_from: _timestamp_pb2.Timestamp
    read_point: _reading_pb2.ReadPoint
    def __init__(self, retention_id: _Optional[str] = ..., version: _Optional[int] = ..., prospect_days: _Optional[int] = ..., churned_days: _Optional[int] = ..., published_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., in_force_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...

class GetRetentionRequest(_message.Message):
    __slots__ = ("retention_id", "version", "as_of", "known_at", "known_at_position", "min_position", "read_mask")
    RETENTION_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    READ_MASK_FIELD_NUMBER: _ClassVar[int]
    retention_id: str
    version: int
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    min_position: int
    read_mask: _field_mask_pb2.FieldMask
    def __init__(self, retention_id: _Optional[str] = ..., version: _Optional[int] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., min_position: _Optional[int] = ..., read_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class ListRetentionsRequest(_message.Message):
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

class ListRetentionsResponse(_message.Message):
    __slots__ = ("retentions", "next_page_token", "read_point")
    RETENTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    retentions: _containers.RepeatedCompositeFieldContainer[Retention]
    next_page_token: str
    read_point: _reading_pb2.ReadPoint
    def __init__(self, retentions: _Optional[_Iterable[_Union[Retention, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ...) -> None: ...
