import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Status(_message.Message):
    __slots__ = ("well", "program_version", "data_directory", "position", "recorded_at", "hash", "parts", "time_zone", "notices")
    class Part(_message.Message):
        __slots__ = ("name", "position", "lag_events", "lag_seconds", "rows", "held_back_streams", "last_error")
        NAME_FIELD_NUMBER: _ClassVar[int]
        POSITION_FIELD_NUMBER: _ClassVar[int]
        LAG_EVENTS_FIELD_NUMBER: _ClassVar[int]
        LAG_SECONDS_FIELD_NUMBER: _ClassVar[int]
        ROWS_FIELD_NUMBER: _ClassVar[int]
        HELD_BACK_STREAMS_FIELD_NUMBER: _ClassVar[int]
        LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
        name: str
        position: int
        lag_events: int
        lag_seconds: float
        rows: int
        held_back_streams: int
        last_error: str
        def __init__(self, name: _Optional[str] = ..., position: _Optional[int] = ..., lag_events: _Optional[int] = ..., lag_seconds: _Optional[float] = ..., rows: _Optional[int] = ..., held_back_streams: _Optional[int] = ..., last_error: _Optional[str] = ...) -> None: ...
    WELL_FIELD_NUMBER: _ClassVar[int]
    PROGRAM_VERSION_FIELD_NUMBER: _ClassVar[int]
    DATA_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    RECORDED_AT_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    well: bool
    program_version: str
    data_directory: str
    position: int
    recorded_at: _timestamp_pb2.Timestamp
    hash: bytes
    parts: _containers.RepeatedCompositeFieldContainer[Status.Part]
    time_zone: str
    notices: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, well: _Optional[bool] = ..., program_version: _Optional[str] = ..., data_directory: _Optional[str] = ..., position: _Optional[int] = ..., recorded_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., hash: _Optional[bytes] = ..., parts: _Optional[_Iterable[_Union[Status.Part, _Mapping]]] = ..., time_zone: _Optional[str] = ..., notices: _Optional[_Iterable[str]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("rebuild",)
    REBUILD_FIELD_NUMBER: _ClassVar[int]
    rebuild: bool
    def __init__(self, rebuild: _Optional[bool] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("part", "done", "total", "finding")
    PART_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    FINDING_FIELD_NUMBER: _ClassVar[int]
    part: str
    done: int
    total: int
    finding: Finding
    def __init__(self, part: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ..., finding: _Optional[_Union[Finding, _Mapping]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("code", "sentence", "position")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    code: str
    sentence: str
    position: int
    def __init__(self, code: _Optional[str] = ..., sentence: _Optional[str] = ..., position: _Optional[int] = ...) -> None: ...

class RebuildModelsRequest(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[str]] = ...) -> None: ...

class RebuildModelsResponse(_message.Message):
    __slots__ = ("model", "done", "total")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    model: str
    done: int
    total: int
    def __init__(self, model: _Optional[str] = ..., done: _Optional[int] = ..., total: _Optional[int] = ...) -> None: ...

class ListHeldBackStreamsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListHeldBackStreamsResponse(_message.Message):
    __slots__ = ("streams",)
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    streams: _containers.RepeatedCompositeFieldContainer[HeldBackStream]
    def __init__(self, streams: _Optional[_Iterable[_Union[HeldBackStream, _Mapping]]] = ...) -> None: ...

class HeldBackStream(_message.Message):
    __slots__ = ("part", "stream", "position", "type", "events", "sentence", "found_at")
    PART_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    FOUND_AT_FIELD_NUMBER: _ClassVar[int]
    part: str
    stream: str
    position: int
    type: str
    events: int
    sentence: str
    found_at: _timestamp_pb2.Timestamp
    def __init__(self, part: _Optional[str] = ..., stream: _Optional[str] = ..., position: _Optional[int] = ..., type: _Optional[str] = ..., events: _Optional[int] = ..., sentence: _Optional[str] = ..., found_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ReplayHeldBackStreamsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReplayHeldBackStreamsResponse(_message.Message):
    __slots__ = ("tried", "streams")
    TRIED_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    tried: int
    streams: _containers.RepeatedCompositeFieldContainer[HeldBackStream]
    def __init__(self, tried: _Optional[int] = ..., streams: _Optional[_Iterable[_Union[HeldBackStream, _Mapping]]] = ...) -> None: ...

class CreateSnapshotRequest(_message.Message):
    __slots__ = ("min_position",)
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    min_position: int
    def __init__(self, min_position: _Optional[int] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("file", "position", "hash", "created_at", "rows")
    class RowsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    FILE_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    file: str
    position: int
    hash: bytes
    created_at: _timestamp_pb2.Timestamp
    rows: _containers.ScalarMap[str, int]
    def __init__(self, file: _Optional[str] = ..., position: _Optional[int] = ..., hash: _Optional[bytes] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rows: _Optional[_Mapping[str, int]] = ...) -> None: ...
