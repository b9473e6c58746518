#!/usr/bin/env python3
"""Sends one message through the broker that `./dev run` has just started, reads it back with stock kafka-python,
and says so. Gives up quietly when the broker is gone: it has said why itself."""

import argparse
import logging
import os
import sys
import time

ADDRESS = "localhost:9092"
TOPIC = "hello"
PATIENCE_S = 30


def broker_lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return True
    except ProcessLookupError:
        return False


def connect(pid: int):
    """A producer, as soon as the broker answers; None when the broker has stopped."""
    from kafka import KafkaProducer
    from kafka.errors import KafkaError

    deadline = time.monotonic() + PATIENCE_S
    while broker_lives(pid):
        try:
            producer = KafkaProducer(bootstrap_servers=ADDRESS)
            return producer if broker_lives(pid) else None
        except KafkaError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
    return None


def send_and_read_back(producer) -> str:
    from kafka import KafkaConsumer, TopicPartition

    text = f"Hello, Gregor! It is {time.strftime('%H:%M:%S')}."
    written = producer.send(TOPIC, text.encode()).get(timeout=PATIENCE_S)
    consumer = KafkaConsumer(bootstrap_servers=ADDRESS, consumer_timeout_ms=PATIENCE_S * 1000)
    partition = TopicPartition(TOPIC, written.partition)
    consumer.assign([partition])
    consumer.seek(partition, written.offset)
    for message in consumer:
        if message.value != text.encode():
            raise ValueError(f"sent {text!r}, read back {message.value!r}")
        return f'"{text}" went to {TOPIC}-{written.partition} at offset {written.offset} and was read back.'
    raise TimeoutError(f"sent {text!r}, and nothing came back within {PATIENCE_S} s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker-pid", type=int, required=True)
    pid = parser.parse_args().broker_pid
    logging.disable(logging.ERROR)  # the first attempts may find nobody listening
    try:
        if (producer := connect(pid)) is None:
            return 1
        story = send_and_read_back(producer)
    except Exception as error:  # whatever went wrong in the client, the user wants one sentence
        if broker_lives(pid):
            print(f"\nThe test message failed: {error!r}. The broker is still running; Ctrl-C stops it.", flush=True)
        return 1
    print(f"\n{story}\nGregor serves on {ADDRESS}, its data is in ./data. Any Kafka client connects with\n"
          f"    bootstrap.servers={ADDRESS}\nCtrl-C stops it.\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
