"""Produce: sound and hostile batches, idempotent producers in and out of sequence; fetched back to see what was stored."""

from batches import BASE_TIME, CONTROL, LOG_APPEND_TIME, TRANSACTIONAL
from logs import FAR_FUTURE, TOPICS, LogFamily


class ProduceFamily(LogFamily):
    WEIGHTS = {"produce": 10, "produce_without_answer": 1, "init_producer": 1, "produce_idempotent": 6, "read_back": 2, "ends": 1}

    def prepare(self):
        self.producers: list[dict] = []
        return super().prepare()

    def saw(self, step, answer):
        super().saw(step, answer)
        if step.api == "InitProducerId" and isinstance(answer, dict) and answer["error_code"] == 0:
            self.producers.append({"id": answer["producer_id"], "epoch": answer["producer_epoch"], "next": {}})

    def hostile(self) -> dict:
        """A batch with one or two things wrong."""
        dice, spec = self.dice, self.batch()
        if spec["codec"] and dice.maybe(0.5):
            spec["codec"] = 0
        for damage in dice.some(self.damages(spec), most=2):
            spec |= damage
        if dice.maybe(0.25) and spec["records"]:
            dice.choice(spec["records"]).update(dice.choice((
                {"delta": 5}, {"delta": -1}, {"delta": 0}, {"size": 0}, {"size": -1}, {"size": 3}, {"size": 1000},
                {"header_count": -1}, {"header_count": 7}, {"headers": [[None, "x"]]}, {"time": 2**62}, {"time": -2**62})))
        return spec

    def damages(self, spec: dict) -> list[dict]:
        count, dice = len(spec["records"]), self.dice
        return [{"crc_xor": 1}, {"magic": dice.choice((0, 1, 3, -1, 127))}, {"base_offset": dice.choice((1, -1, 100))},
                {"count": dice.choice((0, -1, count + 1, count - 1, 2**31 - 1))},
                {"last_delta": dice.choice((-1, count, count + 3, count - 2, 2**31 - 1))},
                {"count": 0, "last_delta": -1, "records": []},
                {"length": dice.choice((0, -1, 10, 48, 49, 50, 1000, 2**31 - 1))}, {"attributes": CONTROL},
                {"attributes": TRANSACTIONAL}, {"attributes": CONTROL | TRANSACTIONAL}, {"attributes": LOG_APPEND_TIME},
                {"attributes": dice.choice((64, 128, 0x4000, -32768))}, {"attributes": dice.choice((5, 6, 7))},
                {"leader_epoch": dice.choice((0, 5, -2))}, {"tail": dice.choice(("00", "ff" * 10))},
                {"max_time": dice.choice((-1, 0, BASE_TIME - 10, FAR_FUTURE))}, {"base_time": dice.choice((-1, FAR_FUTURE, -2**63))},
                {"producer_id": dice.choice((5, -2)), "producer_epoch": dice.choice((0, -1)), "sequence": dice.choice((-1, 0))},
                {"sequence": 3}, {"producer_epoch": 2}, {"codec": dice.randint(1, 4), "garbage": dice.choice(("", "00", "deadbeef" * 9))},
                {"codec": dice.randint(1, 4), "keep": dice.randint(0, 20)}, {"codec": 0, "keep": dice.randint(0, 5)}]

    def records(self, batch: dict) -> dict:
        """Never null: Kafka does not answer that at all."""
        dice = self.dice
        if dice.maybe(0.94):
            return {"$batches": [batch]}
        return dice.choice(({"$batches": []}, {"$batches": [batch, self.batch()]}, {"$batches": [{"hex": "00" * 61}]},
                            {"$batches": [batch, {"hex": "00" * dice.choice((5, 12, 61))}]},
                            {"$batches": [{"hex": "ff" * dice.choice((5, 80))}]}))

    def produce(self, **options):
        dice = self.dice
        data = [{**self.named(name), "partition_data": [
            {"index": index, "records": self.records(self.hostile() if dice.maybe(0.4) else self.batch())}
            for index in self.distinct_partitions()]} for name in self.distinct_topics((1, 1, 1, 1, 2, 0))]
        acks = dice.choice((1, -1, -1, -1)) if dice.maybe(0.95) else dice.choice((2, -2))
        return self.step("Produce", {"acks": acks, "timeout_ms": 30_000, "topic_data": data, "transactional_id": None},
                         **options)

    def produce_without_answer(self):
        step = self.produce(has_answer=False)
        step.body["acks"] = 0
        return step

    def init_producer(self):
        dice = self.dice
        body = {"transactional_id": None, "transaction_timeout_ms": dice.choice((60_000, 0, -1)), "producer_id": -1, "producer_epoch": -1}
        if self.producers and dice.maybe(0.3):
            producer = dice.choice(self.producers)
            body |= {"producer_id": producer["id"], "producer_epoch": max(producer["epoch"] + dice.choice((0, 0, 1, -1)), -1)}
        return self.step("InitProducerId", body)

    def produce_idempotent(self):
        """The next sequence of a producer, a repetition, a gap, another epoch."""
        dice = self.dice
        if not self.producers:
            return self.init_producer()
        producer = dice.choice(self.producers[-3:])
        topic, partition = dice.choice(("@plain", "@lz4", "@compact")), dice.choice((0, 0, 1))
        sent = producer["next"].setdefault((topic, partition), [])
        batch = {"records": [{"key": "k", "value": "i"} for _ in range(dice.choice((1, 1, 2, 5)))], "codec": dice.choice((0, 0, 3)),
                 "producer_id": producer["id"], "producer_epoch": producer["epoch"]}
        following = sent[-1]["sequence"] + len(sent[-1]["records"]) if sent else 0
        batch["sequence"] = following if dice.maybe(0.8) else following + dice.choice((1, -1, 5, -5))
        if sent and dice.maybe(0.25):
            batch = dict(dice.choice(sent[-7:]))
            if dice.maybe(0.2):
                batch["records"] = batch["records"] + batch["records"]
        elif dice.maybe(0.1):
            batch["producer_epoch"] = max(batch["producer_epoch"] + dice.choice((1, 2, -1)), 0)
            producer["epoch"] = batch["producer_epoch"] if dice.maybe(0.5) else producer["epoch"]
            batch["sequence"] = dice.choice((0, 0, following, 3))
        sent.append(batch)
        data = [{**self.named(topic), "partition_data": [{"index": partition, "records": {"$batches": [batch]}}]}]
        return self.step("Produce", {"acks": dice.choice((-1, -1, 1)), "timeout_ms": 30_000, "topic_data": data, "transactional_id": None})

    # ---- what was stored

    def read_back(self):
        topics = [{**self.named(name, "topic"), "partitions": [{"partition": index, "fetch_offset": 0, "partition_max_bytes": 1 << 20}
                                                               for index in (0, 1)]} for name in self.dice.sample(list(TOPICS), 2)]
        return self.step("Fetch", {"replica_id": -1, "min_bytes": 0, "max_bytes": 1 << 25, "topics": topics})

    def ends(self):
        topics = [{"name": name, "partitions": [{"partition_index": index, "timestamp": self.dice.choice((-1, -3))} for index in (0, 1)]}
                  for name in TOPICS]
        return self.step("ListOffsets", {"replica_id": -1, "topics": topics}, range(7, 12))


FAMILY = ProduceFamily
