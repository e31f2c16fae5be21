"""The ``crm`` command: what it offers, and how it ends."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from infra.cli import (
    access,
    backup,
    checkpoint,
    compare,
    demo,
    dlq,
    export,
    history,
    intake,
    migrate,
    privacy,
    report,
    retention,
    serve,
    sql,
    token,
    upkeep,
    why,
)
from infra.cli.output import note

DONE, REFUSED, WRONG_USAGE, UNREACHABLE, CHECK_FAILED, INTERRUPTED = 0, 1, 2, 3, 4, 130

app = typer.Typer(
    name="crm",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ROOMS = (
    *(serve, demo, intake, report, compare, why, sql, history, export),
    *(privacy, retention, access, upkeep, checkpoint, dlq, backup, migrate, token),
)
for room in ROOMS:
    room.add_to(app)


def show_version(asked: bool) -> None:
    """Print the version and stop."""
    if asked:
        print(f"crm {version('annals')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DIR", help="The data directory, as on each command.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Annals: a CRM that keeps facts, and shows every number at any instant of the past.

    Data goes to stdout, everything else to stderr. Exit status: 0 done, 1 refused or not found, 2 wrong usage,
    3 the server cannot be reached, 4 a check failed. CRM_DEBUG=1 shows where an unforeseen error came from.
    """
    if data is not None:
        context.default_map = {str(context.invoked_subcommand): {"data": data}}


def main() -> None:
    """Run the command line, and end with its status."""
    # Read when gRPC is loaded. It would say of every connection that failed what no reader of our lines understands.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; every error becomes a sentence on stderr and a status."""
    try:
        app(arguments, prog_name="crm")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else DONE
        if status == INTERRUPTED:
            note("stopped")
        return status
    except KeyboardInterrupt:
        note("stopped")
        return INTERRUPTED
    except Exception as error:
        return explain(error)
    return DONE


def explain(error: Exception) -> int:
    """Say what went wrong, in a sentence; answers with the exit status."""
    import grpc

    from commands.rejected import Rejected
    from crm.client import CrmError, crm_error

    if os.environ.get("CRM_DEBUG"):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, grpc.RpcError):
        error = crm_error(error)
    if isinstance(error, CrmError) and error.status is grpc.StatusCode.UNAVAILABLE:
        # With a code of its own it is the server that says what it cannot reach.
        where = "the server cannot be reached: " if error.code == error.status.name else ""
        note(f"error: {error.code}: {where}{error.sentence}")
        return UNREACHABLE
    if isinstance(error, CrmError | Rejected):
        note(f"error: {error.code}: {error.sentence}")
        if error.code == "NOT_SERVED_HERE":
            note("where none runs all, a command on a data directory of its own (--data) does, with the same settings")
        return REFUSED
    kind = type(error).__name__
    note(f"error: UNFORESEEN: {kind}: {error}; CRM_DEBUG=1 shows where it came from")
    return REFUSED
