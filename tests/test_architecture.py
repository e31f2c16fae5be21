"""The tree is as the architecture says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for folder in ("domain", "commands", "infra", "proto")
    for path in ROOT.joinpath(folder).rglob("*.py")
    if not path.stem.endswith(("_pb2", "_pb2_grpc"))
)
BUILT_IN_ONE_PLACE = {"Log.open", "Keys.open", "Models", "Server", "Node"}
NAMELESS_SUFFIX = re.compile(r"(Handler|Manager|Service|Helper|Dto|Impl|Util|Utils)$")
SQL = re.compile(r"^\s*(select\s.+\sfrom|insert\s+into|update\s.+\sset|delete\s+from)\s", re.IGNORECASE | re.DOTALL)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_names_carry_no_empty_suffix(path: Path) -> None:
    classes = [node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    assert [each for each in classes if NAMELESS_SUFFIX.search(each)] == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_the_assembly_builds_the_parts(path: Path) -> None:
    built = [ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    # An application of the eventsourcing library is assembled by that library, from our factory.
    rooms = {"infra/main.py": BUILT_IN_ONE_PLACE, "infra/log/library.py": {"Log.open"}}
    allowed = rooms.get(name(path), set())
    assert {each for each in built if each in BUILT_IN_ONE_PLACE} <= allowed


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_sql_stays_in_its_rooms(path: Path) -> None:
    if name(path).startswith(("infra/models/", "infra/intake/")):
        return
    texts = [
        node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert [text for text in texts if SQL.match(text)] == []


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_protobuf_stays_in_its_rooms(path: Path) -> None:
    if not name(path).startswith(("infra/", "proto/")):
        assert {"google", "grpc", "crm"}.isdisjoint(imported(path))


def test_the_domain_needs_the_standard_library_alone() -> None:
    import sys

    for path in ROOT.joinpath("domain").rglob("*.py"):
        assert set(imported(path)) <= {*sys.stdlib_module_names, "domain"}, path


def test_projections_are_sql_alone() -> None:
    others = [path.name for path in ROOT.joinpath("projections").rglob("*") if path.is_file() and path.suffix != ".sql"]
    assert others in ([], ["README.md"])


@pytest.mark.parametrize("path", sorted(ROOT.joinpath("domain").glob("*.py")), ids=name)
def test_every_module_of_the_domain_says_what_it_is(path: Path) -> None:
    assert ast.get_docstring(tree(path))
