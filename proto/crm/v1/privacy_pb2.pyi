import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FindPeopleRequest(_message.Message):
    __slots__ = ("email", "phone", "name", "min_position")
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    email: str
    phone: str
    name: str
    min_position: int
    def __init__(self, email: _Optional[str] = ..., phone: _Optional[str] = ..., name: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class FindPeopleResponse(_message.Message):
    __slots__ = ("matches", "is_cut", "position")
    class Match(_message.Message):
        __slots__ = ("stream", "slots")
        STREAM_FIELD_NUMBER: _ClassVar[int]
        SLOTS_FIELD_NUMBER: _ClassVar[int]
        stream: str
        slots: _containers.RepeatedScalarFieldContainer[str]
        def __init__(self, stream: _Optional[str] = ..., slots: _Optional[_Iterable[str]] = ...) -> None: ...
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    IS_CUT_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    matches: _containers.RepeatedCompositeFieldContainer[FindPeopleResponse.Match]
    is_cut: bool
    position: int
    def __init__(self, matches: _Optional[_Iterable[_Union[FindPeopleResponse.Match, _Mapping]]] = ..., is_cut: _Optional[bool] = ..., position: _Optional[int] = ...) -> None: ...

class DescribeSubjectRequest(_message.Message):
    __slots__ = ("customer_id", "lead_id", "min_position")
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    LEAD_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    customer_id: str
    lead_id: str
    min_position: int
    def __init__(self, customer_id: _Optional[str] = ..., lead_id: _Optional[str] = ..., min_position: _Optional[int] = ...) -> None: ...

class DescribeSubjectResponse(_message.Message):
    __slots__ = ("streams", "position", "state", "event", "sending")
    class State(_message.Message):
        __slots__ = ("stream", "values")
        STREAM_FIELD_NUMBER: _ClassVar[int]
        VALUES_FIELD_NUMBER: _ClassVar[int]
        stream: str
        values: _struct_pb2.Struct
        def __init__(self, stream: _Optional[str] = ..., values: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
    class Event(_message.Message):
        __slots__ = ("position", "stream", "type", "occurred_at", "recorded_at", "actor", "reason", "data")
        POSITION_FIELD_NUMBER: _ClassVar[int]
        STREAM_FIELD_NUMBER: _ClassVar[int]
        TYPE_FIELD_NUMBER: _ClassVar[int]
        OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
        RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
        ACTOR_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        DATA_FIELD_NUMBER: _ClassVar[int]
        position: int
        stream: str
        type: str
        occurred_at: _timestamp_pb2.Timestamp
        recorded_at: _timestamp_pb2.Timestamp
        actor: str
        reason: str
        data: _struct_pb2.Struct
        def __init__(self, position: _Optional[int] = ..., stream: _Optional[str] = ..., type: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
    class Sending(_message.Message):
        __slots__ = ("position", "occurred_at", "channel", "consents", "consents_known")
        POSITION_FIELD_NUMBER: _ClassVar[int]
        OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
        CHANNEL_FIELD_NUMBER: _ClassVar[int]
        CONSENTS_FIELD_NUMBER: _ClassVar[int]
        CONSENTS_KNOWN_FIELD_NUMBER: _ClassVar[int]
        position: int
        occurred_at: _timestamp_pb2.Timestamp
        channel: str
        consents: _containers.RepeatedCompositeFieldContainer[DescribeSubjectResponse.Consent]
        consents_known: _containers.RepeatedCompositeFieldContainer[DescribeSubjectResponse.Consent]
        def __init__(self, position: _Optional[int] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., channel: _Optional[str] = ..., consents: _Optional[_Iterable[_Union[DescribeSubjectResponse.Consent, _Mapping]]] = ..., consents_known: _Optional[_Iterable[_Union[DescribeSubjectResponse.Consent, _Mapping]]] = ...) -> None: ...
    class Consent(_message.Message):
        __slots__ = ("customer_id", "purpose", "channel", "expires_at")
        CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
        PURPOSE_FIELD_NUMBER: _ClassVar[int]
        CHANNEL_FIELD_NUMBER: _ClassVar[int]
        EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
        customer_id: str
        purpose: str
        channel: str
        expires_at: _timestamp_pb2.Timestamp
        def __init__(self, customer_id: _Optional[str] = ..., purpose: _Optional[str] = ..., channel: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    SENDING_FIELD_NUMBER: _ClassVar[int]
    streams: _containers.RepeatedScalarFieldContainer[str]
    position: int
    state: DescribeSubjectResponse.State
    event: DescribeSubjectResponse.Event
    sending: DescribeSubjectResponse.Sending
    def __init__(self, streams: _Optional[_Iterable[str]] = ..., position: _Optional[int] = ..., state: _Optional[_Union[DescribeSubjectResponse.State, _Mapping]] = ..., event: _Optional[_Union[DescribeSubjectResponse.Event, _Mapping]] = ..., sending: _Optional[_Union[DescribeSubjectResponse.Sending, _Mapping]] = ...) -> None: ...
