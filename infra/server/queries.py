"""Records of the read models: one, or a page of them. The message of a resource says which columns it shows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message

from commands.rejected import Rejected, require
from infra.models import Models, Source, records
from infra.server.contract import FIRST_SHARED, message_class
from infra.server.opening import Edge, Opening
from infra.server.reading import newest_point, point_in, read_point
from infra.server.watching import Watching

READ_POINT = "read_point"
LARGEST_PAGE = 4_000_000
"""Bytes: what any client takes in one message unless it was told otherwise."""

Call = Callable[[Any, grpc.ServicerContext], Message]
MessageT = TypeVar("MessageT", bound=Message)


class Queries:
    """Makes the calls that read the models."""

    def __init__(self, log: Source, models: Models, edge: Edge, watching: Watching | None = None) -> None:
        self._log = log
        self._models = models
        self._edge = edge
        self._watching = watching

    def get(self, model: str, method: MethodDescriptor) -> Call:
        """The call that gets one record by its key."""
        return self._getting(model, method, point_in)

    def watch(self, model: str, method: MethodDescriptor) -> Callable[[Any, grpc.ServicerContext], Iterator[Message]]:
        """The call that watches one record. Every event that changes a row of ours names its key: a law has a test.

        :raises Rejected: NOT_SERVED_HERE where there is no log to follow.
        """
        get = self._getting(model, method, newest_point)
        key = method.input_type.fields[0].name

        def call(request: Any, context: grpc.ServicerContext) -> Iterator[Message]:
            if self._watching is None:
                raise not_served()
            return self._watching.watch(context, model, getattr(request, key), lambda: get(request, context))

        return call

    def _getting(self, model: str, method: MethodDescriptor, point: Callable[..., dict[str, Any]]) -> Call:
        key = [field.name for field in method.input_type.fields if field.number < FIRST_SHARED]
        resource = Resource(method.output_type)

        def call(request: Any, context: grpc.ServicerContext) -> Message:
            shown = resource.shown(request)
            found = records.get(
                self._models,
                model,
                {name: getattr(request, name) for name in key},
                **point(request, context, self._log, self._models, model),
            )
            with self._edge.opening() as opening:
                message = resource.message(found.row, shown, self._models.model(model).personal, opening)
            message.read_point.CopyFrom(read_point(found.as_of, found.position, found.held_back))
            return message

        return call

    def list(self, model: str, method: MethodDescriptor) -> Call:
        """The call that lists a page of records."""
        answer: Any = message_class(method.output_type)
        described = method.output_type.fields_by_name[model].message_type
        resource = Resource(described)

        def call(request: Any, context: grpc.ServicerContext) -> Message:
            shown = resource.shown(request)
            page = page_in(self._models, model, request, context, self._log)
            personal = self._models.model(model).personal
            with self._edge.opening() as opening:
                message: Message = answer(
                    next_page_token=page.next_page_token,
                    read_point=read_point(page.as_of, page.position, page.held_back),
                    **{model: [resource.message(row, shown, personal, opening) for row in page.rows]},
                )
                return of_allowed_size(message)

        return call


def page_in(models: Models, model: str, request: Any, context: grpc.ServicerContext, log: Source) -> records.Page:
    """The page of a model that a list asks for.

    :raises Rejected: what ``records.list_`` and ``point_in`` refuse.
    """
    return records.list_(
        models,
        model,
        filter=request.filter,
        order_by=request.order_by,
        page_size=request.page_size,
        page_token=request.page_token,
        **point_in(request, context, log, models, model),
    )


def not_served() -> Rejected:
    """The refusal of what another part answers."""
    return Rejected(
        "NOT_SERVED_HERE", "this server runs a part that does not answer this; ask one that runs all, without --only"
    )


def of_allowed_size(page: MessageT) -> MessageT:
    """The page, where any client takes it.

    :raises Rejected: PAGE_TOO_LARGE.
    """
    require(
        page.ByteSize() <= LARGEST_PAGE,
        "PAGE_TOO_LARGE",
        f"the page has more than {LARGEST_PAGE} bytes; ask for fewer rows, or fewer fields in the read_mask",
        field="page_size",
    )
    return page


def masked(paths: Collection[str], known: Mapping[str, str]) -> Mapping[str, str]:
    """Those of the fields that a ``read_mask`` names; all where it names none, or ``*``.

    :raises Rejected: UNKNOWN_COLUMN.
    """
    if list(paths) in ([], ["*"]):
        return known
    for name in paths:
        if name not in known:
            close = get_close_matches(name, known, n=3) or list(known)
            sentence = f"there is no field {name}; did you mean {', '.join(close)}?"
            raise Rejected("UNKNOWN_COLUMN", sentence, field="read_mask")
    return {name: known[name] for name in paths}


class Resource:
    """Turns the rows of one model into its messages. The column ``version`` is shown as the text ``etag`` where the
    message says so; personal values are opened here, for those who may see them, and left out where their key is gone.
    """

    def __init__(self, descriptor: Descriptor) -> None:
        self._message: Any = message_class(descriptor)
        names = [field.name for field in descriptor.fields if field.name != READ_POINT]
        self._columns = {name: "version" if name == "etag" else name for name in names}

    def shown(self, request: Any) -> Mapping[str, str]:
        """The columns to show by the fields of the message, as the ``read_mask`` of a request wants it.

        :raises Rejected: UNKNOWN_COLUMN.
        """
        return masked(request.read_mask.paths, self._columns)

    def message(
        self, row: Mapping[str, Any], shown: Mapping[str, str], personal: Collection[str], opening: Opening
    ) -> Any:
        """The message for a row whose ``personal`` columns are sealed."""
        values = {name: _value(name, row[column], personal, opening) for name, column in shown.items()}
        return self._message(**values)


def _value(name: str, value: Any, personal: Collection[str], opening: Opening) -> Any:
    if value is None:
        return None
    if name in personal:
        return opening.open_text(value)
    return str(value) if name == "etag" else value
