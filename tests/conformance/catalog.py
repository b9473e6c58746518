"""The clients of the matrix in the order of the table."""

from matrix.client import Client

CLIENTS = (
    Client("kafka_python", "kafka-python", family="kafka-python"),
    Client("aio_kafka", "aiokafka", family="aiokafka"),
    Client("confluent", "confluent-kafka (Python)", family="librdkafka"),
    Client("java", "Kafka's Java clients", family="java"),
    Client("kcat", "kcat", family="librdkafka"),
)
