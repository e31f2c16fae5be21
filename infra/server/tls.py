"""Certificates: the server's own, and whose callers must have."""

from __future__ import annotations

from pathlib import Path

import grpc

from commands.rejected import Rejected
from infra.settings import Settings


def credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """What the server shows and asks for on every address but the Unix sockets; None where there is no TLS. Files that
    were replaced are read anew for the next connection, so a certificate is renewed without a restart.

    :raises Rejected: INVALID_SETTING where a file cannot be used.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    files = [file for file in (settings.tls_certificate, settings.tls_key, settings.tls_client_ca) if file is not None]
    require_usable(settings)
    seen = stamps(files)

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal seen
        try:
            now = stamps(files)
            if now == seen:
                return None
            require_usable(settings)
            seen = now
            return configuration(settings)
        except (OSError, Rejected):
            # Half of the files may be the new ones; until all are, the old certificate stays.
            return None

    return grpc.dynamic_ssl_server_credentials(
        configuration(settings), renewed, require_client_authentication=settings.tls_client_ca is not None
    )


def configuration(settings: Settings) -> grpc.ServerCertificateConfiguration:
    """The certificate, its key, and whose certificates callers must have."""
    assert settings.tls_certificate is not None
    assert settings.tls_key is not None
    pair = (settings.tls_key.read_bytes(), settings.tls_certificate.read_bytes())
    ca = None if settings.tls_client_ca is None else settings.tls_client_ca.read_bytes()
    return grpc.ssl_server_certificate_configuration([pair], root_certificates=ca)


def require_usable(settings: Settings) -> None:
    """Refuse files that are not what they should be, and a key that is another certificate's. gRPC itself says so of no
    more than every single connection.

    :raises Rejected: INVALID_SETTING.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificates

    def read(name: str) -> bytes | None:
        file: Path | None = getattr(settings, name)
        try:
            return None if file is None else file.read_bytes()
        except OSError as error:
            raise unusable(name, f"{file} cannot be read: {error.strerror}") from error

    certificate, key, ca = (read(name) for name in ("tls_certificate", "tls_key", "tls_client_ca"))
    assert certificate is not None
    assert key is not None
    try:
        public = load_pem_x509_certificates(certificate)[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise unusable("tls_certificate", "the file holds no certificate in PEM, or one for a key of no use") from error
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise unusable("tls_key", "the file holds no private key in PEM, or one with a password") from error
    if private.public_key() != public:
        raise unusable("tls_key", "the key is not that of the first certificate in CRM_TLS_CERTIFICATE")
    try:
        load_pem_x509_certificates(certificate if ca is None else ca)
    except ValueError as error:
        raise unusable("tls_client_ca", "the file holds no certificate in PEM") from error


def stamps(files: list[Path]) -> list[tuple[int, int]]:
    """What changes when files are replaced."""
    return [(status.st_mtime_ns, status.st_ino) for status in (file.stat() for file in files)]


def unusable(name: str, wrong: str) -> Rejected:
    """The refusal of a setting."""
    setting = f"CRM_{name.upper()}"
    return Rejected("INVALID_SETTING", f"{setting}: {wrong}", field=setting)
