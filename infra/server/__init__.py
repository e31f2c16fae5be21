"""The server: every command, question and feed over gRPC."""

from infra.server.server import Server

__all__ = ["Server"]
