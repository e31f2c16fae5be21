"""``python -m infra.deploy``: a Kafka broker on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from infra.deploy.broker import CACHE, Broker, Unavailable


def main() -> int:
    """Run a broker until it is interrupted, and print its address."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Run Apache Kafka here.")
    parser.add_argument("--port", type=int, default=9092, help="where it listens on loopback; 0: any free port")
    parser.add_argument("--data", type=Path, default=CACHE / "broker", help="where its topics are kept")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Broker(arguments.data, port=arguments.port) as broker:
            print(f"Kafka answers at {broker.address}; Ctrl-C ends it", flush=True)
            return broker.wait()
    except Unavailable as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
