from crm.v1 import reading_pb2 as _reading_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RunSqlRequest(_message.Message):
    __slots__ = ("sql", "min_position", "encoding", "open_personal")
    SQL_FIELD_NUMBER: _ClassVar[int]
    MIN_POSITION_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    OPEN_PERSONAL_FIELD_NUMBER: _ClassVar[int]
    sql: str
    min_position: int
    encoding: _reading_pb2.Encoding
    open_personal: bool
    def __init__(self, sql: _Optional[str] = ..., min_position: _Optional[int] = ..., encoding: _Optional[_Union[_reading_pb2.Encoding, str]] = ..., open_personal: _Optional[bool] = ...) -> None: ...

class RunSqlResponse(_message.Message):
    __slots__ = ("position", "chunk", "held_back_streams")
    POSITION_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    HELD_BACK_STREAMS_FIELD_NUMBER: _ClassVar[int]
    position: int
    chunk: _reading_pb2.TableChunk
    held_back_streams: int
    def __init__(self, position: _Optional[int] = ..., chunk: _Optional[_Union[_reading_pb2.TableChunk, _Mapping]] = ..., held_back_streams: _Optional[int] = ...) -> None: ...
