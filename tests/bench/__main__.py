"""Run every benchmark beside this file: ``python -m tests.bench [--scale 1] [--only log,models] [--json FILE]``.

Each module ``bench_<room>.py`` has ``run(scale)``, which measures a figure and its baseline in the same run. At scale 1
the read models hold a million events.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


def main() -> int:
    """Measure, print a table, write JSON; 1 where a ratio misses its target."""
    here = Path(__file__).parent
    rooms = sorted(path.stem.removeprefix("bench_") for path in here.glob("bench_*.py"))
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure, each figure beside a baseline."
    )
    parser.add_argument("--scale", type=float, default=1.0, help="1 = a million events; 0.1 is a quick look")
    parser.add_argument("--only", default=",".join(rooms), help=f"some of: {', '.join(rooms)}")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where the figures go as JSON")
    arguments = parser.parse_args()

    console = Console(stderr=True)
    results: list[dict[str, Any]] = []
    for room in arguments.only.split(","):
        console.print(f"measuring {room} …")
        results += [
            {"room": room, **row} for row in importlib.import_module(f"tests.bench.bench_{room}").run(arguments.scale)
        ]

    Console(width=160).print(as_table(results))
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(
        json.dumps({"python": platform.python_version(), "scale": arguments.scale, "results": results}, indent=1)
    )
    console.print(f"figures written to {arguments.json}")
    return int(any(verdict(row) == "missed" for row in results))


def verdict(row: dict[str, Any]) -> str:
    """Whether a figure reaches its target: a least number, or as text ``<= 3``, ``>= 3`` or ``< 3``. It is about the
    ratio, or about the value where there is no baseline.
    """
    target = row.get("target")
    reached: float = row["value"] if row.get("ratio") is None else row["ratio"]
    if target in (None, ""):
        return ""
    comparison, bound = re.fullmatch(r"([<>]=?)? *([\d.]+).*", str(target)).groups()  # type: ignore[union-attr]
    good = reached <= float(bound) if (comparison or ">").startswith("<") else reached >= float(bound)
    return "reached" if good else "missed"


def as_table(results: list[dict[str, Any]]) -> Table:
    """The figures for people."""
    table = Table(title="Each figure beside a baseline of the same run")
    for column in ("room", "name", "value", "unit", "baseline", "ratio", "target", ""):
        table.add_column(column, justify="right" if column in ("value", "baseline", "ratio", "target") else "left")
    for row in results:
        cells = [row.get(key) for key in ("room", "name", "value", "unit", "baseline", "ratio", "target")]
        table.add_row(*map(as_text, cells), verdict(row))
    return table


def as_text(cell: object) -> str:
    """A cell for people."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 1000 else f"{cell:,.3g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


if __name__ == "__main__":
    sys.exit(main())
