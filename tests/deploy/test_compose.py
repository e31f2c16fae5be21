"""What `infra/deploy` says to a container engine, as far as that can be tried without one: the image is made in a
folder, and every part is started from what that gives, by its command and its settings, on real servers.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import yaml

from crm.client import Client
from crm.v1 import tickets_pb2
from infra.deploy.broker import PROPERTIES, free_port
from infra.settings import Settings
from tests import postgres
from tests.stream.company import eventually

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "infra" / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load(DEPLOY.joinpath("compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "annals"}
CONTAINERFILE = DEPLOY.joinpath("Containerfile").read_text()


class Step(NamedTuple):
    """One instruction of the container file."""

    does: str
    said: str


STEPS = [Step(*line.split(" ", 1)) for line in CONTAINERFILE.splitlines() if line and not line.startswith("#")]


def test_every_part_runs_from_the_image_after_the_topics_are_there() -> None:
    assert OURS.keys() == SERVICES.keys() - {"log", "keys", "kafka"}
    for name, service in OURS.items():
        build = service["build"]
        assert (DEPLOY / build["context"]).resolve() == ROOT
        assert ROOT.joinpath(build["dockerfile"]) == DEPLOY / "Containerfile"
        needed = {"migrate": "service_completed_successfully"}
        if name == "migrate":
            needed = dict.fromkeys(("log", "keys", "kafka"), "service_healthy")
        assert {other: how["condition"] for other, how in service["depends_on"].items()} == needed
    assert {service["command"][2] for name, service in OURS.items() if name != "migrate"} == {
        "commands",
        "publisher",
        "queries",
    }
    volumes = [volume.partition(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert sorted(volumes) == sorted(COMPOSE["volumes"])
    listened = [part for service in OURS.values() for part in service["command"] if part.startswith("127.")]
    assert len(listened) == len(set(listened)) == len(OURS) - 1


def test_every_setting_exists() -> None:
    for service in OURS.values():
        for name in service["environment"]:
            assert name.removeprefix("CRM_").lower() in Settings.model_fields
    # What the broker of the tests runs with, too.
    proven = set(re.findall(r"^([a-z.]+)=", PROPERTIES, re.MULTILINE))
    said = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in SERVICES["kafka"]["environment"].items()
    }
    assert said.keys() <= proven
    assert said["auto.create.topics.enable"] == "false"


def test_the_image_holds_what_is_copied_and_nothing_else() -> None:
    ignored = ROOT.joinpath(".dockerignore").read_text().splitlines()
    copied = [source for step in STEPS if step.does == "COPY" for source in step.said.split()[:-1]]
    assert ignored[0] == "*"
    assert sorted(line[1:] for line in ignored if line.startswith("!")) == sorted(copied)
    assert all(ROOT.joinpath(source).exists() for source in copied)
    assert Step("ENTRYPOINT", '["crm"]') in STEPS
    assert any(step.does == "RUN" and step.said.endswith("--constraint constraints.txt .") for step in STEPS)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed in the image: copied as it says, built as pip builds it there, without what it depends on."""
    folder = tmp_path_factory.mktemp("image")
    for step in STEPS:
        if step.does == "COPY":
            *sources, target = step.said.split()
            for source in sources:
                if ROOT.joinpath(source).is_dir():
                    shutil.copytree(ROOT / source, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / source, folder / target)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "wheel", "."]
    built = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.joinpath("wheel").glob("*.whl")
    installed = folder / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    return installed


class Parts:
    """The parts as processes, by their own commands; addresses and folders are those that can be had here."""

    def __init__(self, image: Path, folder: Path, environment: dict[str, str]) -> None:
        self._image = image
        self._folder = folder
        self._environment = environment
        self.addresses: dict[str, str] = {}
        self.running: list[subprocess.Popen[str]] = []

    def start(self, name: str) -> subprocess.Popen[str]:
        said = [str(self._folder / name) if part.startswith("/data") else part for part in OURS[name]["command"]]
        here = [f"127.0.0.1:{free_port()}" if part.startswith("127.0.0.1:") else part for part in said]
        if "--listen" in here:
            self.addresses[name] = here[here.index("--listen") + 1]
        script = f"import sys; sys.path.insert(0, {str(self._image)!r}); from infra.cli import main; main()"
        environment = os.environ | {each: self._value(each, value) for each, value in self._settings(name).items()}
        part = subprocess.Popen(
            [sys.executable, "-P", "-c", script, *here],
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.running.append(part)
        return part

    def _settings(self, name: str) -> dict[str, str]:
        found: dict[str, str] = OURS[name]["environment"]
        return found

    def _value(self, name: str, said: str) -> str:
        if name in self._environment:
            return self._environment[name]
        default = re.fullmatch(r"\$\{\w+:-(.*)\}", said)
        return default[1] if default else said


@pytest.fixture
def parts(image: Path, tmp_path: Path, postgres_url: str, kafka_address: str) -> Iterator[Parts]:
    make = postgres.databases(postgres_url)
    given = {
        "CRM_LOG": make("log"),
        "CRM_KEYS": make("keys"),
        "CRM_MASTER_KEY": b64encode(os.urandom(32)).decode(),
        "CRM_KAFKA_BOOTSTRAP_SERVERS": kafka_address,
    }
    os.environ["CRM_KAFKA_PREFIX"] = f"t{uuid4().hex[:10]}"
    parts = Parts(image, tmp_path, given)
    yield parts
    del os.environ["CRM_KAFKA_PREFIX"]
    for part in parts.running:
        if part.poll() is None:
            part.kill()
        part.communicate()


@pytest.mark.slow
def test_all_parts_together(parts: Parts) -> None:
    migrated = parts.start("migrate")
    _, said = migrated.communicate(timeout=120)
    assert (migrated.returncode, "topics: made" in said) == (0, True), said
    started = {name: parts.start(name) for name in OURS if name != "migrate"}
    for name, part in started.items():
        assert part.stdout is not None
        assert part.stdout.readline().strip() == parts.addresses[name], part.communicate()
    clients = {name: Client(address, actor="shop") for name, address in parts.addresses.items()}
    for n, commands in enumerate((clients["commands-1"], clients["commands-2"])):
        opened = commands.tickets.OpenTicket(tickets_pb2.OpenTicketRequest(id=str(n), subject=f"Ticket {n}"))
        for queries in (clients["queries-1"], clients["queries-2"]):
            asked = tickets_pb2.GetTicketRequest(ticket_id=str(n), min_position=opened.position)
            eventually(lambda queries=queries, asked=asked, n=n: subject(queries, asked) == f"Ticket {n}")  # type: ignore[misc]
    for client in clients.values():
        client.close()
    for part in started.values():
        part.send_signal(signal.SIGTERM)
    ends = {name: part.wait(60) for name, part in started.items()}
    assert ends == dict.fromkeys(started, 0), json.dumps(ends)


def subject(client: Client, asked: tickets_pb2.GetTicketRequest) -> str:
    return str(client.tickets.GetTicket(asked, timeout=60).subject)
