"""Fetch: limits, isolation, wrong offsets and epochs, and fetch sessions (KIP-227) in and out of step."""

from compare import Ref
from logs import LogFamily


class FetchFamily(LogFamily):
    WEIGHTS = {"fill": 3, "fetch": 5, "open_session": 2, "use_session": 7}

    def prepare(self):
        self.sessions: list[dict] = []
        return super().prepare() + [self.fill() for _ in range(20)]

    def saw(self, step, answer):
        super().saw(step, answer)
        if step.api == "Fetch" and step.version >= 7 and isinstance(answer, dict):
            self.saw_session(step, answer)

    def saw_session(self, step, answer):
        if isinstance(answer["session_id"], Ref) and step.body["session_epoch"] == 0:
            self.sessions.append({"id": answer["session_id"], "epoch": 1, "by_id": step.version >= 13})
        for session in self.sessions:
            if session["id"] == step.body["session_id"] and answer["error_code"] == 0 and step.body["session_epoch"] > 0:
                session["epoch"] = step.body["session_epoch"] + 1

    # ---- fetch

    def fetch_partition(self) -> dict:
        dice = self.dice
        entry = {"partition": self.partition(), "fetch_offset": dice.choice((0, 0, 1, 2, 5, 10, 20, 50)),
                 "partition_max_bytes": dice.choice((1 << 20, 1 << 20, 100, 1, 0, 300))}
        if dice.maybe(0.15):
            entry["fetch_offset"] = dice.choice((-1, -2, 2**62, 100_000))
        if dice.maybe(0.1):
            entry["current_leader_epoch"] = dice.choice((0, 1, -2, 5))
        if dice.maybe(0.1):
            entry["last_fetched_epoch"] = dice.choice((0, 1, -2, 3))
        return entry

    def fetch_topics(self) -> list:
        return [{**self.named(self.topic(), "topic"), "partitions": [self.fetch_partition() for _ in range(self.dice.choice((1, 1, 2)))]}
                for _ in range(self.dice.choice((1, 1, 1, 2, 3)))]

    def fetch_body(self) -> dict:
        dice = self.dice
        return {"replica_id": -1, "max_wait_ms": dice.choice((0, 0, 0, -1, 5)), "min_bytes": dice.choice((0, 1, 1, 100_000)),
                "max_bytes": dice.choice((1 << 25, 1 << 25, 1 << 25, 200, 1, 0)), "isolation_level": dice.choice((0, 0, 1)),
                "session_id": 0, "session_epoch": -1, "topics": self.fetch_topics(), "forgotten_topics_data": []}

    def fetch(self):
        body = self.fetch_body()
        if self.dice.maybe(0.05):
            body["topics"] = []
        return self.step("Fetch", body)

    def open_session(self):
        body = self.fetch_body() | {"session_epoch": 0}
        if self.dice.maybe(0.05):
            body["topics"] = []
        return self.step("Fetch", body, range(7, 19))

    def use_session(self):
        dice = self.dice
        if not self.sessions:
            return self.open_session()
        session = dice.choice(self.sessions[-3:])
        body = self.fetch_body() | {"session_id": session["id"], "session_epoch": session["epoch"]}
        body["topics"] = self.fetch_topics() if dice.maybe(0.4) else []
        if dice.maybe(0.2):
            body["forgotten_topics_data"] = [{**self.named(self.topic(), "topic"), "partitions": [self.partition()]}]
        if dice.maybe(0.15):
            body["session_epoch"] = dice.choice((0, -1, session["epoch"] + 1, session["epoch"] - 1, 2**31 - 1, -2))
        if dice.maybe(0.05):
            body["session_id"] = dice.choice((4711, -1, 0))
        versions = range(13, 19) if session["by_id"] else range(7, 13)
        return self.step("Fetch", body, versions if dice.maybe(0.95) else range(7, 19))


FAMILY = FetchFamily
