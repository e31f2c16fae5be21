"""``buf curl``, a client that knows nothing but the server's reflection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import which
from typing import Any

import pytest

Curl = Callable[..., list[dict[str, Any]]]


class CurlFailed(Exception):
    """What buf printed as the error."""


def curl_to(address: str, home: Path) -> Curl:
    """Calls a server; skips the test where buf is not installed."""
    buf = which("buf", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if buf is None:
        assert not os.environ.get("CI"), "buf is missing"
        pytest.skip("buf is not installed")
    environment = {**os.environ, "HOME": str(home)}

    def run(rpc: str, /, *headers: str, **fields: Any) -> list[dict[str, Any]]:
        """The messages that answer an rpc.

        :raises CurlFailed: with what buf printed.
        """
        command = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "--data", json.dumps(fields)]
        command += [part for header in headers for part in ("--header", header)]
        command.append(f"http://{address}/crm.v1.{rpc}")
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
        if done.returncode:
            raise CurlFailed(done.stderr)
        decoder, text, messages = json.JSONDecoder(), done.stdout.strip(), []
        while text:
            message, end = decoder.raw_decode(text)
            messages.append(message)
            text = text[end:].strip()
        return messages

    return run
