#!/usr/bin/env python3
"""Real clients against one broker: every case is a line, the last line counts them.
usage: run.py [CLIENT..] [--broker gregor|peer]; clients are the modules of tests/conformance/clients."""

import importlib
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from lib import options  # noqa: E402
from lib.broker import Broker  # noqa: E402
from lib.report import Report, say  # noqa: E402

CLIENTS = ("kafka_python", "confluent", "kcat", "java")


def main() -> int:
    parser = options.parser(__doc__)
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(CLIENTS))
    chosen = parser.parse_args()
    if unknown := set(chosen.clients) - set(CLIENTS):
        parser.error(f"no client named {', '.join(sorted(unknown))}; there are {', '.join(CLIENTS)}")
    clients = [importlib.import_module(f"clients.{name}") for name in chosen.clients or CLIENTS]
    total = Report("")
    with Broker(chosen.broker, "conformance") as broker:
        for client in clients:
            run_cases(total, client, client.CASES, broker)
        for client in clients:
            run_cases(total, client, client.BEFORE_RESTART, broker)
        say(f"restarting the {broker.flavour}")
        broker.stop()
        broker.start()
        for client in clients:
            run_cases(total, client, client.AFTER_RESTART, broker)
        if total.failed:
            say(f"the end of the broker's log:\n{broker.log(40)}")
    return total.finish()


def run_cases(total: Report, client, cases, broker: Broker) -> None:
    total.title = client.__name__.split(".")[-1]
    for name, case, *arguments in cases:
        total.run(name, case, broker.address, *arguments)


if __name__ == "__main__":
    sys.exit(main())
