"""An application of the ``eventsourcing`` library on our log. Most of it is proven by the library's own test cases."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from unittest import defaultTestLoader
from uuid import UUID, uuid4

import orjson
import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    DataError,
    InfrastructureFactory,
    InfrastructureFactoryError,
    IntegrityError,
    OperationalError,
    ProcessRecorder,
    StoredEvent,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.popo import POPOAggregateRecorder
from eventsourcing.tests import application as application_cases
from eventsourcing.tests import persistence as cases
from eventsourcing.utils import Environment, get_topic
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.lead import CaptureLead, ScoreLead
from infra.log import Actor, Log, Request
from infra.log.library import (
    LogAggregateRecorder,
    LogApplicationRecorder,
    LogFactory,
    LogProcessRecorder,
    LogSnapshotRecorder,
    LogSubscription,
    LogTrackingRecorder,
)
from infra.main import PROJECTIONS
from infra.models import Models
from infra.models.query import query
from tests.places import Place

from .conftest import Clock

ROOT = Path(__file__).parent.parent.parent
ANN = Actor("user", "ann")
DEADLINE = 60


DIE = """create function die() returns trigger as
$$ begin perform pg_terminate_backend(pg_backend_pid()); perform pg_sleep(60); return null; end $$ language plpgsql"""
DYING = "for each row execute function die()"


class OnLog:
    """A case of the library, on the log that the test gives it."""

    __test__ = False
    log: Log
    log_url: str

    def new_originator_id(self) -> str:
        return f"text-{uuid4()}"


class Aggregates(OnLog, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> LogAggregateRecorder:
        return LogAggregateRecorder(self.log, "School")


class Snapshots(OnLog, cases.AggregateRecorderTestCase):
    def create_recorder(self) -> LogSnapshotRecorder:
        return LogSnapshotRecorder(self.log, "School")


class Applications(OnLog, cases.ApplicationRecorderTestCase[LogApplicationRecorder]):
    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.log, "School")


class ApplicationsFromZero(Applications):
    INITIAL_VERSION = 0


class UuidApplications(cases.ApplicationRecorderTestCase[LogApplicationRecorder]):
    __test__ = False
    log: Log

    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.log, "School", UUID)


class Processes(OnLog, cases.ProcessRecorderTestCase):
    def create_recorder(self) -> LogProcessRecorder:
        return LogProcessRecorder(self.log, "School")


class ProcessesAsApplications(OnLog, cases.ApplicationRecorderTestCase[LogProcessRecorder]):
    def create_recorder(self) -> LogProcessRecorder:
        return LogProcessRecorder(self.log, "School")


class TrackingAlone(OnLog, cases.TrackingRecorderTestCase):
    def create_recorder(self) -> LogTrackingRecorder:
        return LogTrackingRecorder(self.log, "School")


class NonInterleaving(OnLog, cases.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self) -> LogApplicationRecorder:
        return LogApplicationRecorder(self.log, "School")


class View(LogTrackingRecorder):
    """What somebody might make of a tracking recorder."""


class Factories(cases.InfrastructureFactoryTestCase[LogFactory]):
    __test__ = False
    log_url: str

    def setUp(self) -> None:
        self.env = Environment(env={"PERSISTENCE_MODULE": "infra.log.library", "LOG_URL": self.log_url})
        super().setUp()

    def expected_factory_class(self) -> type[LogFactory]:
        return LogFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return LogAggregateRecorder

    def expected_application_recorder_class(self) -> type[LogApplicationRecorder]:
        return LogApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        return LogTrackingRecorder

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        return View

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        return LogProcessRecorder


class Bank(application_cases.ExampleApplicationTestCase):
    __test__ = False
    expected_factory_topic = get_topic(LogFactory)


CASES: list[type[Any]] = [
    Aggregates,
    Snapshots,
    Applications,
    ApplicationsFromZero,
    UuidApplications,
    Processes,
    ProcessesAsApplications,
    TrackingAlone,
    NonInterleaving,
    Factories,
    Bank,
]
OPTIONAL = "optional_test_insert_subscribe"


def own_tests() -> Iterator[Any]:
    for case in CASES:
        names = list(defaultTestLoader.getTestCaseNames(case))
        assert names
        for name in (*names, *([OPTIONAL] if hasattr(case, OPTIONAL) else [])):
            slow = [pytest.mark.slow] if name == "test_concurrent_no_conflicts" else []
            yield pytest.param(case, name, id=f"{case.__name__}-{name}", marks=slow)


@pytest.mark.parametrize(("case", "name"), list(own_tests()))
def test_of_the_library(case: type[Any], name: str, log: Log, log_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSISTENCE_MODULE", "infra.log.library")
    monkeypatch.setenv("LOG_URL", log_url)
    test = case(name)
    test.log, test.log_url = log, log_url
    test.debug()
    assert log.verify() == []


def stored(id: str, version: int, topic: str = "school:Begun", state: bytes = b"\x00\xff opaque") -> StoredEvent:
    return StoredEvent(id, version, topic, state)


@pytest.fixture
def school(log: Log) -> LogApplicationRecorder:
    return LogApplicationRecorder(log, "School")


class TestWhatStandsInTheLog:
    def test_a_document_like_all_others(self, log: Log, school: LogApplicationRecorder) -> None:
        school.insert_events([stored("7", 0), stored("7", 1)])
        first, second = log.rows()
        assert (second.position, second.stream, second.version) == (2, "eventsourcing:School-7", 2)
        assert second.type == "eventsourcing:school:Begun"
        document = orjson.loads(second.document)
        assert (document["authtype"], document["authid"]) == ("system", "School")
        assert document["data"] == {"originator_version": 1, "state": "AP8gb3BhcXVl"}
        assert document["time"] == document["recordedtime"] == orjson.loads(first.document)["time"]
        assert log.verify() == []

    def test_ids_and_topics_may_be_any_text(self, log: Log, school: LogApplicationRecorder) -> None:
        odd = stored('a-"b"\\\n{é}%s-' + "x" * 600, 1, "a 'topic' ü\t", b"")
        school.insert_events([odd])
        assert school.select_events(odd.originator_id) == [odd]
        assert [found.topic for found in school.select_notifications(None, 9, topics=[odd.topic])] == [odd.topic]
        assert log.verify() == []

    def test_beside_commands_and_other_applications(self, log: Log, school: LogApplicationRecorder) -> None:
        schooling = LogApplicationRecorder(log, "Schooling")
        for turn in range(1, 4):
            log.execute(Request(CaptureLead(id=f"l{turn}", name="N"), ANN))
            assert school.insert_events([stored("7", turn)]) == [4 * turn - 2]
            assert schooling.insert_events([stored("7", turn)]) == [4 * turn - 1]
            log.execute(Request(ScoreLead(id="l1", score=turn), ANN))
        assert [found.id for found in school.select_notifications(None, 9)] == [2, 6, 10]
        assert [found.id for found in school.select_notifications(2, 1, 9, inclusive_of_start=False)] == [6]
        assert (school.max_notification_id(), schooling.max_notification_id()) == (10, 11)
        assert LogApplicationRecorder(log, "Other").max_notification_id() is None
        assert log.state("lead-l1")[0] == 4
        assert log.verify() == []


class TestWhatIsRefused:
    @pytest.mark.parametrize("versions", [[2], [-1], [1, 3], [0, 2], [1, 1], [0, 1, 0]])
    def test_versions_that_do_not_follow(self, versions: list[int], log: Log, school: LogApplicationRecorder) -> None:
        school.insert_events([stored("other", 1)])
        with pytest.raises(IntegrityError):
            school.insert_events([stored("other", 2), *(stored("7", version) for version in versions)])
        assert log.head.position == 1
        assert school.insert_events([stored("other", 2)]) == [2]

    def test_a_gap_after_what_is_there(self, school: LogApplicationRecorder) -> None:
        school.insert_events([stored("7", 0)])
        with pytest.raises(IntegrityError, match="the next event is 1, not 2"):
            school.insert_events([stored("7", 2)])

    def test_ids_of_the_other_type(self, log: Log, school: LogApplicationRecorder) -> None:
        with pytest.raises(DataError):
            school.insert_events([StoredEvent(uuid4(), 1, "topic", b"")])
        with pytest.raises(DataError):
            LogApplicationRecorder(log, "School", UUID).insert_events([stored("7", 1)])
        assert log.head.position == 0

    @pytest.mark.parametrize("name", ["", "my-school"])
    def test_names_of_applications(self, name: str, log: Log) -> None:
        with pytest.raises(InfrastructureFactoryError, match="hyphen"):
            LogApplicationRecorder(log, name)

    def test_a_state_that_is_not_bytes_leaves_nothing(self, log: Log, school: LogApplicationRecorder) -> None:
        with pytest.raises(TypeError):
            school.insert_events([stored("7", 1), stored("7", 2, state="text")])  # type: ignore[arg-type]
        assert log.head.position == 0
        assert school.insert_events([stored("7", 1)]) == [1]

    def test_a_clock_that_went_back(self, log: Log, clock: Clock, school: LogApplicationRecorder) -> None:
        school.insert_events([stored("7", 1)])
        clock.now -= timedelta(hours=1)
        with pytest.raises(OperationalError, match="CLOCK_WENT_BACK"):
            school.insert_events([stored("7", 2)])

    def test_a_log_that_was_closed(self, log: Log, school: LogApplicationRecorder) -> None:
        log.close()
        for call in (
            lambda: school.insert_events([stored("7", 1)]),
            lambda: school.select_events("7"),
            lambda: school.max_notification_id(),
            lambda: next(school.subscribe()),
        ):
            with pytest.raises(OperationalError, match="LOG_CLOSED"):
                call()

    @pytest.mark.parametrize(
        ("setting", "wrong"),
        [("LOG_URL", ""), ("ORIGINATOR_ID_TYPE", "int"), ("APPLICATION_RECORDER_TOPIC", "builtins:dict")],
    )
    def test_settings(self, setting: str, wrong: str, log_url: str) -> None:
        given = {"PERSISTENCE_MODULE": "infra.log.library", "LOG_URL": log_url, setting: wrong}
        with pytest.raises(InfrastructureFactoryError, match=setting):
            InfrastructureFactory.construct(given).application_recorder()

    def test_a_log_that_cannot_be_opened_and_an_unknown_purpose(self, log_url: str) -> None:
        with pytest.raises(OperationalError, match="UNKNOWN_DATABASE"):
            LogFactory({"LOG_URL": "mysql://host/log"})
        with LogFactory({"LOG_URL": log_url}) as factory, pytest.raises(InfrastructureFactoryError, match="purpose"):
            factory.aggregate_recorder("purposes")
        factory.close()

    def test_deciding_without_keys(self, log_url: str) -> None:
        log = Log.open(log_url, keys=None)
        with pytest.raises(TypeError, match="without keys"):
            log.execute(Request(CaptureLead(id="1", name="N"), ANN))
        assert log.head.position == 0
        log.close()


class TestTogether:
    def test_tracking_and_events_are_one(self, log: Log) -> None:
        process = LogProcessRecorder(log, "School")
        process.insert_events([stored("7", 1)], tracking=Tracking("upstream", 5))
        with pytest.raises(IntegrityError):
            process.insert_events([stored("7", 2)], tracking=Tracking("upstream", 5))
        with pytest.raises(IntegrityError):
            process.insert_events([stored("7", 1)], tracking=Tracking("upstream", 6))
        assert (log.head.position, process.max_tracking_id("upstream")) == (1, 5)
        assert LogProcessRecorder(log, "Other").max_tracking_id("upstream") is None

    def test_one_of_many_wins_each_version(self, log: Log, log_url: str, clock: Clock) -> None:
        with ThreadPoolExecutor(8) as pool:
            other = Log.open(log_url, keys=None, clock=clock)
            recorders = [LogApplicationRecorder(each, "School") for each in (log, other)]

            def insert(number: int) -> bool:
                try:
                    recorders[number % 2].insert_events([stored("7", 1 + number // 8, state=b"%d" % number)])
                except IntegrityError:
                    return False
                return True

            for version in range(1, 6):
                won = list(pool.map(insert, range(8 * version - 8, 8 * version)))
                assert sum(won) == 1
                winner = 8 * version - 8 + won.index(True)
                assert recorders[0].select_events("7", gt=version - 1)[0].state == b"%d" % winner
            other.close()
        assert log.head.position == 5
        assert log.verify() == []

    def test_commands_after_another_process_appended(self, log: Log, log_url: str, clock: Clock) -> None:
        log.execute(Request(CaptureLead(id="1", name="N"), ANN))
        other = Log.open(log_url, keys=None, clock=clock)
        LogApplicationRecorder(other, "School").insert_events([stored("7", 1)])
        other.close()
        assert log.execute(Request(ScoreLead(id="1", score=1), ANN, expected_version=1)).position == 3
        assert log.verify() == []

    @pytest.mark.slow
    @pytest.mark.parametrize("place", ["postgresql"], indirect=True)
    def test_a_connection_lost_while_it_commits(self, log: Log, school: LogApplicationRecorder, place: Place) -> None:
        school.insert_events([stored("7", 1)])
        place.run("log", DIE, "create constraint trigger die after insert on events initially deferred " + DYING)
        with pytest.raises(OperationalError, match="nothing was recorded"):
            school.insert_events([stored("7", 2)])
        place.run("log", "drop trigger die on events")
        assert school.insert_events([stored("7", 2)]) == [2]
        assert log.verify() == []


class TestSubscriptions:
    def test_everything_in_order_while_it_is_appended(
        self, log: Log, log_url: str, school: LogApplicationRecorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("infra.log.library.NOTIFICATIONS_AT_ONCE", 7)
        follower = Log.open(log_url, keys=None)
        expected = [stored(f"{number % 3}", number // 3, f"topic{number % 2}") for number in range(60)]

        def append() -> None:
            for number, each in enumerate(expected):
                school.insert_events([each])
                log.execute(Request(CaptureLead(id=f"l{number}", name="N"), ANN))

        def follow(subscription: LogSubscription, count: int) -> list[tuple[int, Any, int, str]]:
            return [
                (found.id, found.originator_id, found.originator_version, found.topic)
                for found in islice(subscription, count)
            ]

        recorder = LogApplicationRecorder(follower, "School")
        with (
            ThreadPoolExecutor(2) as pool,
            recorder.subscribe() as all_topics,
            recorder.subscribe(topics=["topic1"]) as one_topic,
        ):
            whole, odd = pool.submit(follow, all_topics, 60), pool.submit(follow, one_topic, 30)
            append()
            every = [
                (2 * number + 1, each.originator_id, each.originator_version, each.topic)
                for number, each in enumerate(expected)
            ]
            assert whole.result(DEADLINE) == every
            assert odd.result(DEADLINE) == every[1::2]
        follower.close()

    def test_stopped_by_another_thread(self, school: LogApplicationRecorder) -> None:
        subscription = school.subscribe(gt=100)
        thread = Thread(target=lambda: list(subscription))
        thread.start()
        subscription.stop()
        thread.join(DEADLINE)
        assert not thread.is_alive()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    begin=st.integers(0, 1),
    count=st.integers(0, 6),
    gt=st.none() | st.integers(-1, 7),
    lte=st.none() | st.integers(-1, 7),
    desc=st.booleans(),
    limit=st.none() | st.integers(1, 7),
)
def test_selects_what_the_library_would(
    log: Log, begin: int, count: int, gt: int | None, lte: int | None, desc: bool, limit: int | None
) -> None:
    ours, theirs = LogAggregateRecorder(log, "School"), POPOAggregateRecorder()
    id = str(uuid4())
    for version in range(begin, begin + count):
        for recorder in (ours, theirs):
            recorder.insert_events([stored(id, version, state=b"%d" % version)])
    given: dict[str, Any] = {"gt": gt, "lte": lte, "desc": desc, "limit": limit}
    assert ours.select_events(id, **given) == theirs.select_events(id, **given)


@pytest.mark.slow
def test_read_models_pass_over_such_events(log: Log, school: LogApplicationRecorder, tmp_path: Path) -> None:
    projections = tmp_path / "projections"
    projections.joinpath("models").mkdir(parents=True)
    shutil.copy(PROJECTIONS / "models" / "leads.sql", projections / "models")
    models = Models(
        tmp_path / "models.duckdb",
        log,
        projections=projections,
        time_zone="UTC",
        memory="500MB",
        threads=1,
        snapshots=tmp_path / "snapshots",
    )
    ours = "select version, type, aggregate, id, data ->> '$.state' as state from events where aggregate like '%:%'"
    for turn in range(2):
        for number in range(8 * turn, 8 * turn + 8):
            school.insert_events([stored("7-'x'", number, f"it's {number}")])
            log.execute(Request(CaptureLead(id=str(number), name="N"), ANN))
        position = log.head.position
        with closing(query(models, "select count(*) as n from leads", min_position=position)) as leads:
            assert next(leads).to_pylist() == [{"n": 8 * turn + 8}]
        with closing(query(models, f"{ours} order by position", min_position=position)) as rows:
            assert next(rows).to_pylist() == [
                {
                    "version": number + 1,
                    "type": f"eventsourcing:it's {number}",
                    "aggregate": "eventsourcing:School",
                    "id": "7-'x'",
                    "state": "AP8gb3BhcXVl",
                }
                for number in range(8 * turn + 8)
            ]
    assert models.check_rebuild() == []
    assert models.check_archive() == []
    models.rebuild()
    assert models.snapshot().exists()
    status = models.status()
    assert (status.position, status.last_error, [each.name for each in status.models if each.broken]) == (32, None, [])
    models.close()


class TestThePage:
    TEXT: ClassVar[str] = ROOT.joinpath("docs", "library.md").read_text()

    def blocks(self, language: str) -> list[str]:
        return re.findall(rf"```{language}\n(.*?)```", self.TEXT, re.DOTALL)

    @pytest.mark.slow
    def test_works_word_for_word(self, tmp_path: Path) -> None:
        application, program = self.blocks("python")
        tmp_path.joinpath("bicycles.py").write_text(application)
        tmp_path.joinpath("program.py").write_text(program)
        tmp_path.joinpath("annals-data").mkdir()

        def run(*command: str) -> str:
            environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == 0, done.stderr
            return done.stdout + done.stderr

        assert run(sys.executable, "program.py") == self.blocks("text")[0]
        told = run("bash", "-euxo", "pipefail", "-c", self.blocks("sh")[0])
        assert "everything is sound" in told
        assert re.search(r"2 +eventsourcing:bicycles:Bicycle\.Lent +Fleet", told)
