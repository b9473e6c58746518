"""Offsets of the log: by time, by leader epoch, by special values; and DeleteRecords, which moves them."""

from batches import BASE_TIME
from logs import FAR_FUTURE, LogFamily


class LogOffsetsFamily(LogFamily):
    WEIGHTS = {"fill": 4, "list_offsets": 6, "epochs": 3, "delete_records": 3}

    def list_offsets(self):
        dice = self.dice
        topics = [{"name": name, "partitions": [self.timestamp() for _ in range(dice.choice((1, 1, 2, 3)))]}
                  for name in self.distinct_topics((1, 1, 2))]
        return self.step("ListOffsets", {"replica_id": dice.choice((-1, -1, -1, -2, 1)), "isolation_level": dice.choice((0, 1)),
                                         "topics": topics, "timeout_ms": 1000})

    def timestamp(self) -> dict:
        dice = self.dice
        entry = {"partition_index": self.partition(),
                 "timestamp": dice.choice((-1, -1, -2, -2, -3, -4, -5, -6, -7, 0, BASE_TIME, BASE_TIME + dice.randrange(1200), FAR_FUTURE))}
        if dice.maybe(0.15):
            entry["current_leader_epoch"] = dice.choice((0, 1, -2, 5))
        return entry

    def epochs(self):
        dice = self.dice
        topics = [{"topic": name, "partitions": [
            {"partition": self.partition(), "current_leader_epoch": dice.choice((-1, -1, 0, 1, 7, -2)),
             "leader_epoch": dice.choice((0, 0, 1, -1, 5))}
            for _ in range(dice.choice((1, 2)))]} for name in self.distinct_topics((1, 2))]
        return self.step("OffsetForLeaderEpoch", {"replica_id": dice.choice((-1, -2, 1)), "topics": topics})

    def delete_records(self):
        dice = self.dice
        partition = {"partition_index": self.partition(), "offset": dice.choice((-1, 0, 1, 3, 8, -2, 10**6))}
        topics = [{"name": self.topic(), "partitions": [partition]}]
        return self.step("DeleteRecords", {"topics": topics, "timeout_ms": 5000})


FAMILY = LogOffsetsFamily
