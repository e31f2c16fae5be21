"""What the README says works, word for word."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from infra.deploy.broker import free_port

ROOT = Path(__file__).parent.parent
README = ROOT.joinpath("README.md").read_text()
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.slow


def block(language: str, containing: str) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return next(text for text in blocks if containing in text)


def shell(script: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what `make demo` leaves."""
    folder = tmp_path_factory.mktemp("readme")
    done = shell("crm demo", folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_tour(folder: Path) -> None:
    tour = block("sh", "crm report backlog").replace(". .venv/bin/activate\n", "")
    done = shell(tour, folder)
    assert done.returncode == 0, done.stderr
    assert "everything is sound" in done.stderr
    assert "TicketOpened" in done.stdout


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    with subprocess.Popen(
        [BIN / "crm", "serve", "--listen", "127.0.0.1:0", "--data", str(tmp_path / "served")],
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
        server.terminate()
        assert server.wait(timeout=30) == 0


def test_another_program(served: str, tmp_path: Path) -> None:
    program = block("python", "crm.client").replace("127.0.0.1:50551", served)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "new kim\n", done.stderr


@pytest.fixture
def databases(postgres_url: str) -> Iterator[dict[str, str]]:
    """Where the two databases are that the README makes, by where it says that they are. Others may have made them on
    the same server, so each name is another one here.
    """
    sign = uuid4().hex[:10]
    names = {name: f"{name}_{sign}" for name in ("crm", "log", "keys")}
    told = re.findall(r'-c "(.*?)"', block("sh", "create database"))
    at = urlsplit(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        for statement in told:
            connection.execute(re.sub(rf"\b({'|'.join(names)})\b", lambda found: names[found[0]], statement).encode())
        yield {
            f"postgresql://crm:secret@127.0.0.1/{name}": at._replace(
                netloc=f"{names['crm']}:secret@{at.hostname}:{at.port or 5432}", path=f"/{names[name]}"
            ).geturl()
            for name in ("log", "keys")
        }
        for name in ("log", "keys"):
            connection.execute(f"drop database {names[name]} with (force)".encode())
        connection.execute(f"drop role {names['crm']}".encode())


def test_more_than_one_machine(databases: dict[str, str], kafka_address: str, tmp_path: Path) -> None:
    addresses = {"127.0.0.1:9092": kafka_address, **databases}
    for port in (50551, 50552, 50553):
        addresses[f"127.0.0.1:{port}"] = f"127.0.0.1:{free_port()}"

    def here(text: str) -> str:
        """The same at the addresses that can be had here."""
        return re.sub("|".join(map(re.escape, addresses)), lambda found: addresses[found[0]], text)

    prefix = f"t{uuid4().hex[:10]}"
    first = shell(here(block("sh", "crm migrate")) + "env -0", tmp_path, CRM_KAFKA_PREFIX=prefix)
    assert first.returncode == 0, first.stderr
    assert "topics: made" in first.stderr
    told = dict(line.split("=", 1) for line in first.stdout.split("\0") if line.startswith("CRM_"))
    environment = os.environ | told | {"PATH": f"{BIN}:{os.environ['PATH']}"}
    lines = here(block("sh", "--only queries")).splitlines()
    terminals = [
        subprocess.Popen(
            ["bash", "-c", f"exec {line}"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )
        for line in lines
    ]
    try:
        assert len(terminals) == 3
        for terminal, port in zip(terminals, (50551, 50552, 50553), strict=True):
            assert terminal.stdout is not None
            assert terminal.stdout.readline().strip() == addresses[f"127.0.0.1:{port}"]
        program = here(block("python", "min_position=opened.position)\n    print(queries"))
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.stdout == "new\n", done.stderr
        asked = shell(block("sh", "crm verify --kafka"), tmp_path, **told)
        assert asked.returncode == 0, asked.stderr
        assert "everything is sound" in asked.stderr
    finally:
        for terminal in terminals:
            terminal.terminate()
        ends = [terminal.wait(60) for terminal in terminals]
        for terminal in terminals:
            terminal.communicate()
    assert ends == [0, 0, 0]


def test_every_verb_of_make_has_a_word_of_help() -> None:
    verbs = set(re.findall(r"^\.PHONY: (.*)$", ROOT.joinpath("Makefile").read_text(), re.MULTILINE)[0].split())
    helped = set(re.findall(r"make (\w+)", shell("make help", ROOT).stdout))
    assert helped == verbs


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", README))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert ROOT.joinpath(link).exists()
