"""Every setting, in one class, read once: from the environment (``CRM_…``) or a ``.env`` file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from commands.policy import TimeZone
from commands.rejected import Rejected
from infra.parts import Part


class Settings(BaseSettings):
    """What a company may set. Each setting is read from ``CRM_<NAME>``.

    :raises pydantic.ValidationError: where a value is not usable.
    """

    model_config = SettingsConfigDict(env_prefix="CRM_", env_file=".env", extra="ignore")

    data: Path = Field(default=Path("annals-data"), description="The data directory; one directory is one company.")
    listen: str = Field(
        default="127.0.0.1:50551",
        description="Where `crm serve` answers: host:port on loopback, or unix:/path/of/a/socket; elsewhere only with"
        " CRM_TOKEN_KEYS and CRM_TLS_CERTIFICATE.",
    )
    only: Part | None = Field(
        default=None,
        description="What `crm serve` runs, where not everything: commands (no read models; any number of such nodes),"
        " queries (read models that follow Kafka), or publisher (the log to Kafka).",
    )
    log: str | None = Field(
        default=None,
        description="The log's database, such as postgresql://user@host/crm. Default: log.db in the data directory.",
    )
    keys: str | None = Field(
        default=None,
        description="The stream keys' database, backed up apart. Default: keys.db in the data directory.",
    )
    time_zone: TimeZone = Field(
        default="UTC", description="The office's time zone, an IANA name; periods and bare dates are in it."
    )
    master_key: str | None = Field(
        default=None,
        description="The key that wraps all stream keys: 32 bytes in base64. Default: the file master.key.",
    )
    state_cache: int = Field(default=100_000, ge=0, description="How many streams' states are remembered.")
    memory: str = Field(default="1GB", description="What DuckDB may use, for example 1GB.")
    threads: int = Field(default=2, ge=1, description="How many threads DuckDB may use.")
    workers: int = Field(default=40, ge=1, description="How many calls the server handles at once.")
    sql_seconds: float = Field(default=30.0, gt=0, description="How long a statement of an analyst may run.")
    sql_rows: int = Field(default=1_000_000, ge=1, description="How many rows a statement of an analyst may return.")
    snapshot_hours: float | None = Field(
        default=None, gt=0, description="How often `crm serve` publishes a snapshot. Default: only when asked to."
    )
    snapshots_kept: int | None = Field(
        default=None, ge=1, description="How many snapshots stay when one is published, the newest. Default: all."
    )
    kafka_bootstrap_servers: str | None = Field(
        default=None, description="Where Kafka answers, host:port, several with commas between. Default: no Kafka."
    )
    kafka_prefix: str = Field(
        default="crm",
        pattern=r"^[a-z][a-z0-9_-]*$",
        description="What our topics begin with, as in crm.lead; another one for each company on the same Kafka.",
    )
    kafka_partitions: int = Field(default=6, ge=1, description="How many partitions `crm migrate` gives a new topic.")
    kafka_options: dict[str, Any] = Field(
        default_factory=dict,
        description="What Kafka's clients need besides, as JSON in the words of kafka-python, for example"
        ' {"security_protocol": "SSL", "ssl_cafile": "ca.pem"}.',
    )
    token_keys: str | None = Field(
        default=None,
        description="Whose tokens the server believes: a file of public keys (PEM, or a JWKS), or the https address of"
        " a JWKS. Default: no tokens, so nobody but this machine is answered.",
    )
    token_audience: str = Field(default="crm", min_length=1, description="The audience (aud) that a token must name.")
    token_issuer: str | None = Field(
        default=None, min_length=1, description="The issuer (iss) that a token must name. Default: any with a key."
    )
    token_roles: str = Field(default="roles", min_length=1, description="The claim that holds a token's roles.")
    token_skew: float = Field(
        default=30.0, ge=0, le=600, description="By how many seconds the clocks of issuers may differ from ours."
    )
    tls_certificate: Path | None = Field(
        default=None, description="The server's certificate and those above it, PEM. Default: no TLS."
    )
    tls_key: Path | None = Field(default=None, description="The private key of the server's certificate, PEM.")
    tls_client_ca: Path | None = Field(
        default=None,
        description="Whose certificates callers must show, PEM (mTLS). Default: callers need no certificate.",
    )
    message_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=64 * 1024,
        le=256 * 1024 * 1024,
        description="The largest message that the server takes.",
    )
    message_seconds: float = Field(
        default=10.0, gt=0, description="How long a call may take to send its message before it is cut off."
    )
    streams: int = Field(
        default=256, ge=1, description="How many streaming calls the server handles at once; more are refused."
    )
    waiting_calls: int = Field(
        default=1_000, ge=0, description="How many calls may wait for one of the workers; more are refused."
    )
    waiting_commands: int = Field(
        default=10_000, ge=1, description="How many commands may wait for those being decided; more are refused."
    )
    rate: float | None = Field(
        default=None, gt=0, description="How many calls a second one caller may make. Default: any number."
    )
    burst: int = Field(
        default=100, ge=1, description="How many calls one caller may make at once, where CRM_RATE limits them."
    )
    drain_seconds: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="How long calls under way may take to finish when the server is told to stop.",
    )
    metrics: str | None = Field(
        default=None,
        description="Where Prometheus fetches metrics from `crm serve`: a port on loopback, or host:port. Default:"
        " nowhere.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="What `crm serve` writes down on stderr: info is a line a call, warning what is wrong.",
    )
    server: str | None = Field(
        default=None,
        description="The server that the `crm` command asks: host:port, or unix:/path. Default: the one that runs on"
        " the data directory, or one of its own.",
    )
    token: str | None = Field(default=None, repr=False, description="The token that the `crm` command sends.")
    token_file: Path | None = Field(default=None, description="A file that holds it, read anew for every command.")
    ca: Path | None = Field(
        default=None,
        description="By whose certificates the `crm` command knows CRM_SERVER, PEM. Default: those that gRPC brings"
        " along; on loopback no TLS.",
    )
    certificate: Path | None = Field(
        default=None, description="The certificate that the `crm` command shows to CRM_SERVER, PEM (mTLS)."
    )
    certificate_key: Path | None = Field(default=None, description="Its private key, PEM.")

    @field_validator("memory")
    @classmethod
    def _known_size(cls, size: str) -> str:
        if not re.fullmatch(r"\d+(\.\d+)? ?([KMGT]i?B|%)", size):
            raise ValueError(f"{size!r} is no size; give a number and a unit such as 800MB or 4GB")
        return size

    @model_validator(mode="after")
    def _keys_are_shared_where_the_log_is(self) -> Self:
        if self.log is not None and self.keys is None:
            raise ValueError("CRM_KEYS has to stand beside CRM_LOG: whoever shares a log has to share the keys")
        return self

    @model_validator(mode="after")
    def _certificates_have_keys(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("CRM_TLS_CERTIFICATE and CRM_TLS_KEY go together: a certificate and its private key")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise ValueError("CRM_TLS_CLIENT_CA needs CRM_TLS_CERTIFICATE: only over TLS callers show certificates")
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("CRM_CERTIFICATE and CRM_CERTIFICATE_KEY go together: a certificate and its private key")
        if self.token is not None and self.token_file is not None:
            raise ValueError("CRM_TOKEN and CRM_TOKEN_FILE exclude each other: give one of them")
        return self

    @classmethod
    def read(cls, **named: Any) -> Self:
        """The settings, with those that are named here instead of what the environment says.

        :raises Rejected: INVALID_SETTING where one is not usable.
        """
        try:
            return cls(**named)
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_context=False, include_input=False)[0]
            named_first = re.match(r"Value error, CRM_(\w+)", wrong["msg"])
            place = wrong["loc"] or [named_first[1] if named_first else "settings"]
            name = "_".join(("CRM", *map(str, place))).upper()
            raise Rejected("INVALID_SETTING", f"{name}: {wrong['msg']}", field=name) from None

    @property
    def log_url(self) -> str:
        """Where the log is."""
        return self.log or f"sqlite:///{self.log_file.absolute()}"

    @property
    def keys_url(self) -> str:
        """Where the stream keys are."""
        return self.keys or f"sqlite:///{self.keys_file.absolute()}"

    @property
    def has_log(self) -> bool:
        """Whether there is a log already, or a database for it."""
        return self.log is not None or self.log_file.exists()

    @property
    def log_file(self) -> Path:
        """The log's database, where it is a file of ours."""
        return self.data / "log.db"

    @property
    def keys_file(self) -> Path:
        """The stream keys' database, where it is a file of ours; backed up apart from the rest."""
        return self.data / "keys.db"

    @property
    def master_key_file(self) -> Path:
        """The master key, where the environment does not give it."""
        return self.data / "master.key"

    @property
    def next_master_key_file(self) -> Path:
        """The master key that is about to take the place of the present one."""
        return self.data / "master.key.next"

    @property
    def models_file(self) -> Path:
        """The read models' DuckDB file."""
        return self.data / "models.duckdb"

    @property
    def snapshots(self) -> Path:
        """The folder of the published snapshots."""
        return self.data / "snapshots"

    @property
    def access(self) -> Path:
        """The folder of the access log: who opened personal data, a file a month."""
        return self.data / "access"

    @property
    def socket_file(self) -> Path:
        """The Unix socket of the server on this data directory."""
        return self.data / "crm.sock"
