"""``python -m infra.deploy``: a Kafka broker on this machine until Ctrl-C, where the settings name no other one."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from commands.rejected import Rejected
from infra.deploy.broker import CACHE, Broker, Unavailable
from infra.settings import Settings


def main() -> int:
    """Run a broker until it is interrupted, and print its address; where the settings name one, print that alone."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Run Apache Kafka here.")
    parser.add_argument("--port", type=int, default=9092, help="where it listens on loopback; 0: any free port")
    parser.add_argument("--data", type=Path, default=CACHE / "broker", help="where its topics are kept")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if named := Settings.read().kafka_bootstrap_servers:
            print(f"CRM_KAFKA_BOOTSTRAP_SERVERS names {named}, so none is started here; unset it to start one")
            return 0
        with Broker(arguments.data, port=arguments.port) as broker:
            print(f"Kafka answers at {broker.address}; Ctrl-C ends it", flush=True)
            return broker.wait()
    except (Rejected, Unavailable) as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
