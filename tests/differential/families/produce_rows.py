"""Every row of Kafka's tables of what Produce refuses, one after the other: the bytes that a row is about go to both brokers,
and the peer must answer what the row says, lest a test be about something else than its name.

A row is a generator: it yields steps and is sent the peer's answers. Rows without a test here: what asks for an authorizer
(TOPIC_AUTHORIZATION_FAILED), for a second broker (NOT_ENOUGH_REPLICAS, NOT_LEADER_OR_FOLLOWER), for a disk that fails
(KAFKA_STORAGE_ERROR: tests/system/disk_trouble.py) and for a coordinator at the right moment (CONCURRENT_TRANSACTIONS)."""

from batches import BASE_TIME, CONTROL, LOG_APPEND_TIME, TRANSACTIONAL
from family import Family, Topics
from pair import CLOSED

OK, UNKNOWN, CORRUPT, UNKNOWN_TOPIC, TOO_LARGE, INVALID_TOPIC = 0, -1, 2, 3, 10, 17
LIST_TOO_LARGE, INVALID_ACKS, TIMESTAMP, OUT_OF_ORDER, FENCED_EPOCH, TXN_STATE = 18, 21, 32, 45, 47, 48
ID_MAPPING, TXN_ID_AUTHORIZATION, UNSUPPORTED_CODEC, INVALID_RECORD, UNKNOWN_ID, ABORTABLE = 49, 53, 76, 87, 100, 120
WITHOUT_IDS, WITH_IDS, ANY = range(3, 13), range(13, 99), range(0, 99)
VERIFIED, ABORTABLE_VERIFIED, ADDED = range(7, 11), range(11, 12), range(12, 13)
CODECS = (1, 2, 3, 4)
GZIP_OF_GARBAGE = "1f8b0800000000000003ffffffffffff"
TOPICS = {
    "@plain": {},
    "@compact": {"cleanup.policy": "compact"},
    "@bounded": {"message.timestamp.before.max.ms": "1000", "message.timestamp.after.max.ms": "1000"},
    "@late": {"message.timestamp.after.max.ms": "1000"},
    "@small": {"max.message.bytes": "300"},
    "@unpacked": {"max.message.bytes": "300", "compression.type": "uncompressed"},
    "@segment": {"segment.bytes": "1048576", "max.message.bytes": "2000000"},
    "@replicas": {"min.insync.replicas": "2"},
}
FAR_FUTURE = 4_000_000_000_000
WINDOW = 5  # batches that a producer may repeat


def batch(size: int = 1, /, **fields) -> dict:
    return {"records": [{"key": f"k{i}", "value": "v"} for i in range(size)], **fields}


class ProduceRowsFamily(Family):
    NEEDS = ("Produce", "InitProducerId", "AddPartitionsToTxn", "EndTxn")

    def prepare(self):
        self.topics = Topics(self.dice)
        self.count = 0
        self.left: list[str] = []
        self.row, self.name = None, ""
        return [self.create_topics(name, configs=configs) for name, configs in TOPICS.items()]

    def next(self, pair):
        if self.prepared:
            return self.prepared.pop(0)
        step = self.advance(None) if self.row is None else self.following
        while step is None:
            if not self.left:
                self.left = [name for name in dir(self) if name.startswith("row_")]
            self.name = self.left.pop(0)
            self.row = getattr(self, self.name)()
            step = self.advance(None)
        self.following = None
        return step

    def advance(self, answer):
        """The row's next step; None at its end."""
        try:
            return self.row.send(answer) if self.row else None
        except StopIteration:
            self.row = None
            return None

    def saw(self, step, answer):
        self.topics.learn(answer if step.api == "CreateTopics" else None)
        if self.row is not None and step.api != "ApiVersions":
            self.following = self.advance(answer)

    # ---- for rows

    def send(self, *batches: dict, topic: str = "@plain", partition: int = 0, versions: range = ANY, acks: int = -1,
             transactional_id: str | None = None, topic_id=None, **options):
        data = [{"name": topic, "topic_id": topic_id or self.topics.id(topic),
                 "partition_data": [{"index": partition, "records": {"$batches": list(batches)}}]}]
        return self.step("Produce", {"acks": acks, "timeout_ms": 30_000, "topic_data": data, "transactional_id": transactional_id},
                         versions, **options)

    def expect(self, answer, code: int) -> None:
        got = answer["responses"][0]["partition_responses"][0]["error_code"] if isinstance(answer, dict) else answer
        if got != code:
            raise AssertionError(f"{self.name}: the peer answers {got}, its table says {code}")

    def refused(self, code: int, *batches: dict, **options):
        self.expect((yield self.send(*batches, **options)), code)

    def producer(self, transactional_id: str | None = None):
        """Of an id of its own: the fields of its batches."""
        if transactional_id:
            yield self.step("FindCoordinator", {"key": transactional_id, "key_type": 1, "coordinator_keys": [transactional_id]})
        answer = yield self.step("InitProducerId", {"transactional_id": transactional_id, "transaction_timeout_ms": 60_000,
                                                    "producer_id": -1, "producer_epoch": -1})
        return {"producer_id": answer["producer_id"], "producer_epoch": answer["producer_epoch"]}

    def fresh(self) -> str:
        self.count += 1
        return f"@id-{self.count}"

    def add(self, transactional_id: str, producer: dict, topic: str = "@plain"):
        return self.step("AddPartitionsToTxn", {
            "v3_and_below_transactional_id": transactional_id, "v3_and_below_producer_id": producer["producer_id"],
            "v3_and_below_producer_epoch": producer["producer_epoch"],
            "v3_and_below_topics": [{"name": topic, "partitions": [0]}]}, range(0, 4))

    def end(self, transactional_id: str, producer: dict):
        return self.step("EndTxn", {"transactional_id": transactional_id, "producer_id": producer["producer_id"],
                                    "producer_epoch": producer["producer_epoch"], "committed": False}, range(0, 5))

    # ---- 3.1, the request

    def row_transactional_without_id(self):
        producer = yield from self.producer()
        yield from self.refused(TXN_ID_AUTHORIZATION, batch(attributes=TRANSACTIONAL, sequence=0, **producer))

    def row_unknown_topic_id(self):
        yield from self.refused(UNKNOWN_ID, batch(), topic_id=b"\5" * 16, versions=WITH_IDS)

    def row_unknown_topic(self):
        yield from self.refused(UNKNOWN_TOPIC, batch(), topic="@gone", versions=WITHOUT_IDS)

    def row_unknown_partition(self):
        for partition in (1, -1, 2**31 - 1):
            yield from self.refused(UNKNOWN_TOPIC, batch(), partition=partition)

    def row_no_batch(self):
        yield from self.refused(INVALID_RECORD)

    def row_two_batches(self):
        yield from self.refused(INVALID_RECORD, batch(), batch())

    def row_other_magic(self):
        for magic in (0, 1):
            yield from self.refused(INVALID_RECORD, batch(magic=magic))

    def row_zstd_before_v7(self):
        yield from self.refused(UNSUPPORTED_CODEC, batch(codec=4), versions=range(3, 7))

    def row_framing(self):
        for length in (10, 1000, 2**31 - 1, -1):
            yield self.send(batch(length=length))
        yield self.send({"hex": "00" * 5})

    def row_acks(self):
        for acks in (2, -2, 32767):
            yield from self.refused(INVALID_ACKS, batch(), acks=acks)

    def row_acks_0_and_an_error_closes(self):
        answer = yield self.send(batch(crc_xor=1), acks=0, has_answer=False)
        assert answer != CLOSED  # the next question tells

    def row_internal_topic(self):
        yield self.step("FindCoordinator", {"key": "g", "key_type": 0, "coordinator_keys": ["g"]})
        yield self.send(batch(), topic="__consumer_offsets", versions=WITHOUT_IDS)

    def row_two_producers_in_one_request(self):
        name = self.fresh()
        one, other = (yield from self.producer(name)), (yield from self.producer())
        step = self.send(batch(attributes=TRANSACTIONAL, sequence=0, **one), transactional_id=name, versions=WITHOUT_IDS)
        step.body["topic_data"] += self.send(batch(attributes=TRANSACTIONAL, sequence=0, **other), topic="@compact",
                                             versions=WITHOUT_IDS).body["topic_data"]
        yield step

    # ---- 3.2, verification of transactions

    def row_not_in_the_transaction(self):
        for versions, code in ((VERIFIED, TXN_STATE), (ABORTABLE_VERIFIED, ABORTABLE), (ADDED, OK)):
            name = self.fresh()
            producer = yield from self.producer(name)
            yield from self.refused(code, batch(attributes=TRANSACTIONAL, sequence=0, **producer), transactional_id=name, versions=versions)

    def row_anothers_transactional_id(self):
        name = self.fresh()
        yield from self.producer(name)
        producer = yield from self.producer(self.fresh())
        for versions in (VERIFIED, ABORTABLE_VERIFIED, ADDED):
            yield from self.refused(ID_MAPPING, batch(attributes=TRANSACTIONAL, sequence=0, **producer), transactional_id=name,
                                    versions=versions)

    def row_epoch_of_a_transaction(self):
        name = self.fresh()
        producer = yield from self.producer(name)
        yield self.add(name, producer)
        sent = batch(attributes=TRANSACTIONAL, sequence=0, **producer | {"producer_epoch": 3})
        yield self.send(sent, transactional_id=name, versions=VERIFIED)
        yield self.send(batch(attributes=TRANSACTIONAL, sequence=0, **producer), transactional_id=name, versions=VERIFIED)
        yield self.end(name, producer)

    def row_other_batches_in_a_transaction(self):
        name = self.fresh()
        producer = yield from self.producer(name)
        yield self.add(name, producer)
        yield from self.refused(OK, batch(attributes=TRANSACTIONAL, sequence=0, **producer), transactional_id=name, versions=VERIFIED)
        yield from self.refused(TXN_STATE, batch(sequence=1, **producer), versions=VERIFIED)
        yield self.end(name, producer)

    def row_first_sequence_of_an_added_partition(self):
        name = self.fresh()
        producer = yield from self.producer(name)
        yield from self.refused(OUT_OF_ORDER, batch(attributes=TRANSACTIONAL, sequence=3, **producer), transactional_id=name, versions=ADDED)

    # ---- 3.3, the partition

    def row_fewer_replicas_than_in_sync_ones_are_asked_for(self):
        yield from self.refused(OK, batch(), topic="@replicas")

    # ---- 3.4, the log

    def row_base_offset(self):
        for base in (1, -1, 100):
            yield from self.refused(INVALID_RECORD, batch(base_offset=base))

    def row_larger_than_a_message(self):
        yield from self.refused(TOO_LARGE, batch(40), topic="@small")

    def row_at_the_limit(self):
        for size in (300, 301):
            value = "v" * (size - len(bytes(61)) - 9)
            step = self.send({"records": [{"key": None, "value": value}]}, topic="@small")
            yield step

    def row_larger_once_unpacked(self):
        records = [{"key": "k", "value": "v" * 400}]
        for codec in CODECS:
            yield from self.refused(TOO_LARGE, {"records": records, "codec": codec}, topic="@unpacked", versions=range(7, 99))

    def row_larger_than_a_segment(self):
        yield from self.refused(LIST_TOO_LARGE, {"records": [{"key": None, "value": "v" * 1_100_000}]}, topic="@segment")

    def row_checksum(self):
        yield from self.refused(CORRUPT, batch(crc_xor=1))

    def row_smaller_than_a_header(self):
        yield self.send(batch(length=48))

    # ---- 3.5, batches and records

    def row_counts(self):
        for fields in ({"count": 0}, {"count": -1}, {"count": 3}, {"last_delta": -1}, {"last_delta": 5}, {"last_delta": 2**31 - 1},
                       {"count": 2**31 - 1}):
            yield from self.refused(INVALID_RECORD, batch(2, **fields))

    def row_empty_batch(self):
        yield from self.refused(INVALID_RECORD, {"records": [], "count": 0, "last_delta": -1})

    def row_control_batch(self):
        yield from self.refused(INVALID_RECORD, batch(attributes=CONTROL))

    def row_producer_without_sequence(self):
        producer = yield from self.producer()
        yield from self.refused(INVALID_RECORD, batch(sequence=-1, **producer))

    def row_keyless_in_a_compacted_topic(self):
        records = [{"key": key, "value": "v"} for key in ("k", None, "k", None)]
        for codec in (0, *CODECS):
            yield from self.refused(INVALID_RECORD, {"records": records, "codec": codec}, topic="@compact", versions=range(8, 99))

    def row_too_old_and_too_new(self):
        for base_time in (BASE_TIME, FAR_FUTURE):
            yield from self.refused(TIMESTAMP, batch(3, base_time=base_time), topic="@bounded", versions=range(8, 99))
        yield from self.refused(TIMESTAMP, batch(base_time=FAR_FUTURE), topic="@late")
        yield from self.refused(OK, batch(base_time=BASE_TIME), topic="@late")

    def row_without_time(self):
        yield from self.refused(OK, batch(base_time=-1), topic="@bounded")

    def row_append_time_from_a_client(self):
        yield from self.refused(TIMESTAMP, batch(attributes=LOG_APPEND_TIME, base_time=-1))
        yield self.send(batch(attributes=LOG_APPEND_TIME))

    def row_malformed_records(self):
        for lie in ({"size": 0}, {"size": -1}, {"size": 3}, {"size": 1000}, {"header_count": -1}, {"header_count": 7},
                    {"headers": [[None, "x"]]}, {"delta": 5}, {"delta": -1}):
            for codec in (0, 3):
                yield self.send({"records": [{"key": "k", "value": "v", **lie}], "codec": codec}, versions=range(7, 99))

    def row_leftover_bytes(self):
        for codec in (0, 3):
            yield self.send(batch(codec=codec, tail="ff" * 10), versions=range(7, 99))

    def row_payload_that_does_not_unpack(self):
        for codec in CODECS:
            yield self.send(batch(codec=codec, garbage="deadbeef" * 9), versions=range(7, 99))
            yield self.send(batch(codec=codec, keep=12), versions=range(7, 99))
        yield self.send(batch(codec=1, garbage=GZIP_OF_GARBAGE))

    def row_codec_that_nobody_has(self):
        for attributes in (5, 6, 7):
            yield self.send(batch(attributes=attributes))

    # ---- 3.6, the state of producers

    def sent(self, producer: dict, *sequences: int, count: int = 1):
        for sequence in sequences:
            yield from self.refused(OK, batch(count, sequence=sequence, **producer))

    def row_duplicates_within_the_window(self):
        producer = yield from self.producer()
        yield from self.sent(producer, *range(WINDOW))
        yield from self.sent(producer, *range(WINDOW))

    def row_duplicate_below_the_window(self):
        producer = yield from self.producer()
        yield from self.sent(producer, *range(WINDOW + 1))
        yield from self.refused(OUT_OF_ORDER, batch(sequence=0, **producer))

    def row_part_of_a_duplicate(self):
        producer = yield from self.producer()
        yield from self.sent(producer, 0, count=3)
        yield from self.refused(OUT_OF_ORDER, batch(2, sequence=0, **producer))
        yield from self.refused(OUT_OF_ORDER, batch(2, sequence=1, **producer))

    def row_gap(self):
        producer = yield from self.producer()
        yield from self.sent(producer, 0)
        yield from self.refused(OUT_OF_ORDER, batch(sequence=2, **producer))

    def row_older_epoch(self):
        producer = yield from self.producer()
        yield from self.refused(OK, batch(sequence=0, **producer | {"producer_epoch": 2}))
        yield from self.refused(FENCED_EPOCH, batch(sequence=0, **producer | {"producer_epoch": 1}))

    def row_newer_epoch_begins_at_0(self):
        producer = yield from self.producer()
        yield from self.sent(producer, 0)
        yield from self.refused(OUT_OF_ORDER, batch(sequence=1, **producer | {"producer_epoch": 1}))
        yield from self.refused(OK, batch(sequence=0, **producer | {"producer_epoch": 1}))

    def row_first_sequence_of_an_unknown_producer(self):
        producer = yield from self.producer()
        yield from self.refused(OK, batch(sequence=7, **producer))

    def row_sequences_wrap(self):
        producer = yield from self.producer()
        yield from self.refused(OK, batch(sequence=2**31 - 1, **producer))
        yield from self.refused(OK, batch(sequence=0, **producer))
        other = yield from self.producer()
        yield from self.refused(OK, batch(3, sequence=2**31 - 2, **other))
        yield from self.refused(OK, batch(sequence=1, **other))


FAMILY = ProduceRowsFamily
