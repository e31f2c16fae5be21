"""``crm backup`` and ``crm restore``: the log in one file, the keys in another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.handed import KEYS_BACKUP, hand_out
from infra.cli.options import DataOption, settings_of
from infra.cli.output import note, shown

if TYPE_CHECKING:
    from infra.settings import Settings

KEEP_APART = """
*** KEEP THE BACKUP OF THE KEYS APART FROM THE BACKUP OF THE LOG: together, and with the master key, they open every
*** personal value. The master key is in neither of them, and nobody but you keeps it. Without it no personal value
*** can ever be read again.
"""


def add_to(app: typer.Typer) -> None:
    """Offer the commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to put crm-POSITION.db; made if need be.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", metavar="FILE", help="Back up the keys into this file, which must lie elsewhere."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Back up the log, and with --keys the keys, each into a file of its own, while commands run or while none do.

    Every event is checked on the way: what was altered is not backed up. The file is complete or not there. It is a log
    of its own that any tool can open, and can be restored into any kind of database. Prints the files.

    For example:

        crm backup /backup/crm

        crm backup /backup/crm --keys /elsewhere/keys.db
    """
    settings = settings_of(data)

    from commands.rejected import require
    from infra.cli.upkeep import progress_bar
    from infra.keys import backup as keys_backup
    from infra.log import backup as log_backup

    require(
        keys is None or keys.absolute().parent.resolve() != folder.absolute().resolve(),
        "KEYS_NOT_APART",
        f"{keys} would lie beside the log's backup; name a file in another place, best on another machine",
    )
    require(settings.has_log, "NO_DATA", f"there is no data in {settings.data}; name another directory with --data")
    with progress_bar() as progress:
        made = log_backup.back_up(settings.log_url, folder, lambda done, total: progress("log", done, total))
        # After the log: a key is there before the first event that it seals.
        if keys is not None:
            hand_out(settings, KEYS_BACKUP, keys, made.seal.position)  # rather once too often than not at all
            keys_backup.back_up(settings.keys_url, keys, made.seal)
    hand_out(settings, "backup", made.file, made.seal.position)
    note(f"position {made.seal.position}")
    print(made.file)
    if keys is None:
        note("the keys are not in it: without a backup of them (--keys FILE) its personal values can never be read")
    else:
        print(keys)
        note(KEEP_APART)


def restore(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="BACKUP", help="A file that crm backup made, or a folder that crm export cloudevents made."
        ),
    ],
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Restore the keys as well, from their own backup.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Restore the log, and with --keys the keys, from their backups into a directory or database that has none.

    The whole backup is verified before anything is written, and what was written before it counts; it is all there at
    the end, or nothing is. Nothing is ever written over data. Read models come back by themselves. Stop every server
    first, also those on other machines that share the databases. An export as CloudEvents becomes the same log, with
    equal hashes; only the answers to request ids are not in it.

    For example:

        crm restore /backup/crm/crm-120000.db --keys /elsewhere/keys.db --data /srv/crm

        crm export cloudevents then --known-at 2026-05-01 && crm restore then --data as-we-knew-it-then
    """
    settings = settings_of(data)

    from commands.rejected import require
    from infra.cli.upkeep import progress_bar, seen
    from infra.directory import lock, looking
    from infra.keys import backup as keys_backup
    from infra.keys import given_master_key
    from infra.log import backup as log_backup
    from infra.log import contradictions_in, export, from_microseconds

    source = export if file.is_dir() else log_backup
    with looking(settings) as unserved:
        require(unserved, "ALREADY_SERVED", f"a server runs on {settings.data}; stop it before anything is restored")
    log_backup.require_empty(settings.log_url)
    master_key = given_master_key(settings)
    keys_seal = None
    with progress_bar() as progress:
        seal = source.examine(file, lambda done, total: progress("checking", done, total))
        if keys is not None:
            keys_seal = keys_backup.examine(keys, seal, master_key)
        with lock(settings):
            # Before the log, which counts: what was cut off in between can be asked for again.
            if keys is not None:
                keys_backup.restore(keys, settings.keys_url)
            source.restore(file, settings.log_url, lambda done, total: progress("restoring", done, total))
    forked = contradictions_in(settings.log_url, seen(settings))
    made_at = shown(from_microseconds(seal.made_at).replace(microsecond=0))
    made = "exported" if source is export else "backed up"
    note(f"the log stands at position {seal.position}, as it was {made} at {made_at}")
    if source is export:
        note("an export remembers no request ids: a request that was sent before would be taken for a new one")
    tell_of_keys(settings, seal, keys_seal, master_key)
    for finding in forked:
        note(f"what was not in the backup is lost: {finding.sentence}")
    if forked:
        note("crm verify and crm status go on saying so until these files are removed")


def tell_of_keys(settings: Settings, log: Any, keys: Any, master_key: bytes | None) -> None:
    """Say what is still needed to read personal values."""
    from infra.database import is_there

    if not is_there(settings.keys_url):
        note(
            "there are no keys: personal values read as null, and a request id that was remembered is refused; "
            "to have them, restore into an empty place with --keys FILE"
        )
    elif keys is not None and keys.position < log.position:
        note(f"the keys' backup is older than the log's: what was sealed after position {keys.position} may be null")
    if keys is not None:
        note(f"whoever was forgotten after position {log.position} is not forgotten in it: forget them again")
    if keys is not None and master_key is None:
        note(
            f"bring the master key back, as CRM_MASTER_KEY or as {settings.master_key_file}: nothing starts without it"
        )
