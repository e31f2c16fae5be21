"""``crm migrate``."""

from __future__ import annotations

import typer

from infra.cli.options import DataOption, settings_of
from infra.cli.output import note


def add_to(app: typer.Typer) -> None:
    """Offer the command."""
    app.command()(migrate)


def migrate(data: DataOption = None) -> None:
    """Bring the databases to the tables of this version, and make them where there are none. With
    CRM_KAFKA_BOOTSTRAP_SERVERS set, make the topics as well.

    A server brings the databases there when it starts, too; topics are made by this command alone. One that is there
    already and does not keep its events for ever is refused. Any number may try at once.

    For example:

        crm migrate

        CRM_LOG=postgresql://crm@db/log CRM_KEYS=postgresql://crm@db/keys crm migrate
    """
    settings = settings_of(data)

    from infra import keys, log
    from infra.directory import lock
    from infra.stream import Cluster, make_topics

    with lock(settings):
        if settings.keys is None and not settings.keys_file.exists():
            # Keys of its own without a master key would be taken for keys whose master key was lost.
            keys.load_master_key(settings)
        for name, migrated in (("log", log.migrate(settings.log_url)), ("keys", keys.migrate(settings.keys_url))):
            before, now = migrated
            how = "made" if before is None else "already there" if before == now else f"brought from revision {before}"
            note(f"{name}: revision {now}, {how}")
        if (cluster := Cluster.named_by(settings)) is not None:
            made = make_topics(cluster)
            note(f"topics: made {', '.join(made)}" if made else "topics: already there")
