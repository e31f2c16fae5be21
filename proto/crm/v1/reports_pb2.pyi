import datetime

from crm.v1 import reading_pb2 as _reading_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Report(_message.Message):
    __slots__ = ("name", "meaning", "clock", "formula", "breakdowns", "columns", "sql_version", "edges", "parameters", "broken", "source", "key", "event_types")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    FORMULA_FIELD_NUMBER: _ClassVar[int]
    BREAKDOWNS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    SQL_VERSION_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    BROKEN_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    name: str
    meaning: str
    clock: str
    formula: str
    breakdowns: _containers.RepeatedScalarFieldContainer[str]
    columns: _containers.RepeatedCompositeFieldContainer[_reading_pb2.Column]
    sql_version: str
    edges: str
    parameters: _containers.RepeatedScalarFieldContainer[str]
    broken: str
    source: str
    key: _containers.RepeatedScalarFieldContainer[str]
    event_types: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., meaning: _Optional[str] = ..., clock: _Optional[str] = ..., formula: _Optional[str] = ..., breakdowns: _Optional[_Iterable[str]] = ..., columns: _Optional[_Iterable[_Union[_reading_pb2.Column, _Mapping]]] = ..., sql_version: _Optional[str] = ..., edges: _Optional[str] = ..., parameters: _Optional[_Iterable[str]] = ..., broken: _Optional[str] = ..., source: _Optional[str] = ..., key: _Optional[_Iterable[str]] = ..., event_types: _Optional[_Iterable[str]] = ...) -> None: ...

class ListReportsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListReportsResponse(_message.Message):
    __slots__ = ("reports",)
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    reports: _containers.RepeatedCompositeFieldContainer[Report]
    def __init__(self, reports: _Optional[_Iterable[_Union[Report, _Mapping]]] = ...) -> None: ...

class GetReportRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class RunReportRequest(_message.Message):
    __slots__ = ("name", "as_of", "known_at", "known_at_position", "period_from", "period_to", "by", "min_position", "encoding", "every", "stream", "within")
    NAME_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_FIELD_NUMBER: _ClassVar[int]
    KNOWN_AT_POSITION_FIELD_NUMBER: _ClassVar[int]
    PERIOD_FROM_FIELD_NUMBER: _ClassVar[int]
    PERIOD_TO_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    EVERY_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    name: str
    as_of: _timestamp_pb2.Timestamp
    known_at: _timestamp_pb2.Timestamp
    known_at_position: int
    period_from: _timestamp_pb2.Timestamp
    period_to: _timestamp_pb2.Timestamp
    by: str
    min_position: int
    encoding: _reading_pb2.Encoding
    every: str
    stream: str
    within: str
    def __init__(self, name: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., known_at_position: _Optional[int] = ..., period_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., period_to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., by: _Optional[str] = ..., min_position: _Optional[int] = ..., encoding: _Optional[_Union[_reading_pb2.Encoding, str]] = ..., every: _Optional[str] = ..., stream: _Optional[str] = ..., within: _Optional[str] = ...) -> None: ...

class RunReportResponse(_message.Message):
    __slots__ = ("read_point", "report", "chunk")
    READ_POINT_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    read_point: _reading_pb2.ReadPoint
    report: Report
    chunk: _reading_pb2.TableChunk
    def __init__(self, read_point: _Optional[_Union[_reading_pb2.ReadPoint, _Mapping]] = ..., report: _Optional[_Union[Report, _Mapping]] = ..., chunk: _Optional[_Union[_reading_pb2.TableChunk, _Mapping]] = ...) -> None: ...
