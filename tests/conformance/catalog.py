"""The clients of the matrix in the order of the table."""

from matrix import kafka_tools
from matrix.client import Client

CLIENTS = (
    Client("kafka_python", "kafka-python", family="kafka-python"),
    Client("aio_kafka", "aiokafka", family="aiokafka"),
    Client("confluent", "confluent-kafka (Python)", family="librdkafka"),
    Client("java", "Kafka's Java clients", family="java"),
    Client("java_console", "Kafka's command-line tools", family="java", quick_rows=(
        "produce null key and value", "produce headers", "produce zstd", "consume null and empty", "consume from *",
        "consume headers", "commit and resume", "group of two, range", "restart with a group", "topics", "topic *",
        "more partitions", "groups")),
    Client("verifiable", "VerifiableProducer, VerifiableConsumer", family="java", own_rows=kafka_tools.VERIFIABLE),
    Client("performance", "kafka-producer-perf-test, kafka-consumer-perf-test", family="java",
           own_rows=kafka_tools.PERFORMANCE),
    Client("librdkafka_c", "librdkafka (C)", family="librdkafka"),
    Client("kcat", "kcat", family="librdkafka"),
    Client("rdkafka", "rdkafka (Rust)", family="librdkafka", folder="rust", group="polyglot"),
    Client("node-rdkafka", "node-rdkafka", family="librdkafka", folder="node", group="polyglot"),
    Client("kafkajs", "kafkajs", family="kafkajs", folder="node", group="polyglot"),
    Client("franz-go", "franz-go", family="franz-go", folder="go", group="polyglot"),
    Client("sarama", "sarama", family="sarama", folder="go", group="polyglot"),
    Client("kafka-go", "kafka-go (segmentio)", family="kafka-go", folder="go", group="polyglot"),
)
