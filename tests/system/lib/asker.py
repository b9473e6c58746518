"""A connection that asks any API in any version, with messages as dicts: the codec is the differential runner's."""

import socket
import struct
import sys

from lib import wire
from lib.broker import ROOT

sys.path.append(str(ROOT / "tests" / "differential"))
import codec  # noqa: E402
import schema  # noqa: E402

APIS = schema.apis()
ANSWER_LIMIT_S = 60


class Asker:
    def __init__(self, port: int):
        self.socket: socket.socket = wire.connect(port, ANSWER_LIMIT_S)

    def ask(self, name: str, version: int, body: dict) -> dict:
        api = APIS[name]
        head = wire.header(api.key, version) + (b"\0" if version >= api.request.flexible else b"")
        answer = wire.ask(self.socket, head + codec.encode(api.request, version, body))
        if answer is None:
            raise ConnectionError(f"the broker closes the connection instead of answering {name}")
        behind = 5 if version >= api.response.flexible and name != "ApiVersions" else 4
        return codec.decode(api.response, version, answer[behind:])

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Asker":
        return self

    def __exit__(self, kind, error, trace) -> None:
        self.close()
