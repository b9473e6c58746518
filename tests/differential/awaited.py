"""What brokers do in the background, in their own time: a Fetch that looks at it is repeated until it is done, on either side.

Where an answer ends is a broker's own affair, too (Kafka's end with their segment, and cleaning joins segments), so the rest
of the log is fetched on, and compared as one answer."""

import copy
import time
from collections.abc import Callable

import batches

LIMIT_S = 30
PAUSE_S = 0.02


def partition_of(message: dict, topics: str = "responses") -> dict:
    return message[topics][0]["partitions"][0]


def whole_log(body: dict, ask: Callable[[dict], dict]) -> dict:
    """The answer to a Fetch of one partition, with everything up to its end."""
    answer = ask(body)
    if not answer["responses"] or partition_of(answer)["error_code"]:
        return answer  # to compare as it is
    body, records = copy.deepcopy(body), partition_of(answer)["records"] or b""
    part = records
    while part:
        partition_of(body, "topics")["fetch_offset"] = batches.next_offset(batches.split(part)[-1])
        part = partition_of(ask(body))["records"] or b""
        records += part
    partition_of(answer)["records"] = records
    return answer


def comparable(answer: dict) -> dict:
    """Without what depends on when the cleaner passed by: whether a tombstone that is gone was seen in time to give its batch
    a horizon, to which times are relative from then on; and whether a batch of which nothing is left went at once, and has kept
    its latest time, or piece by piece, and has that of its last piece."""
    if not answer["responses"] or partition_of(answer)["error_code"]:
        return answer
    found = []
    for data in batches.split(partition_of(answer)["records"]):
        view, records = batches.batch_view(data), batches.records_of(data)
        if all(record.value is not None for record in records):
            view["attributes"] &= ~batches.HAS_HORIZON
        del view["base_timestamp"]
        if not records:
            del view["max_timestamp"]
        found.append(view | {"records": [[record.offset, record.timestamp, str(record.key), str(record.value)] for record in records]})
    partition_of(answer)["records"] = found
    return answer


def is_cleaned(answer: dict) -> bool:
    """Of a compacted log whose last batch alone is in the open segment: no key is there twice, and each batch with a
    tombstone carries its horizon."""
    if not answer["responses"] or partition_of(answer)["error_code"]:
        return True
    keys = []
    for data in batches.split(partition_of(answer)["records"])[:-1]:
        records = batches.records_of(data)
        keys += [record.key for record in records if record.offset >= partition_of(answer)["log_start_offset"]]
        if any(record.value is None for record in records) and not batches.has_horizon(data):
            return False
    return len(keys) == len(set(keys))


CONDITIONS = {"is_cleaned": is_cleaned}


def whole_log_until(condition: str, body: dict, ask: Callable[[dict], dict]) -> dict:
    deadline = time.monotonic() + LIMIT_S
    while not CONDITIONS[condition](answer := whole_log(body, ask)):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {LIMIT_S} s not {condition}: {batches.view(partition_of(answer)['records'])}")
        time.sleep(PAUSE_S)
    return comparable(answer)
