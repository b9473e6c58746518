//! The verb produce.

use crate::arguments::Arguments;
use crate::failure::{Failure, Outcome};
use crate::lines::Wanted;
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::util::Timeout;
use std::sync::Mutex;
use std::time::Duration;

/// Prints what is acknowledged, on the library's thread; keeps the first error.
struct Deliveries {
    answered: bool,
    failure: Mutex<Option<KafkaError>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult, index: Box<usize>) {
        match result {
            Ok(message) if self.answered => println!("acked {index} {}", message.offset()),
            Ok(_) => println!("acked {index} -"),
            Err((error, _)) => {
                self.failure.lock().expect("nobody panics with it").get_or_insert(error.clone());
            }
        }
    }
}

pub fn produce(mut config: ClientConfig, mut given: Arguments) -> Outcome {
    let topic = given.required("topic")?;
    let acks = given.choice("acks", &["all", "0", "1"])?;
    config.set("compression.type", given.choice("codec", &["none", "gzip", "snappy", "lz4", "zstd"])?);
    config.set("enable.idempotence", (given.choice("idempotence", &["no", "yes"])? == "yes").to_string());
    config.set("acks", &acks).set("linger.ms", "5").set("message.timeout.ms", "120000");
    config.set("max.in.flight.requests.per.connection", "1"); // or a retry would change the order
    given.done()?;
    let deliveries = Deliveries { answered: acks != "0", failure: Mutex::new(None) };
    let producer: ThreadedProducer<Deliveries> = config.create_with_context(deliveries)?;
    for (index, line) in std::io::stdin().lines().enumerate() {
        send(&producer, &topic, index, &Wanted::parse(&line.map_err(Failure::other)?)?)?;
    }
    producer.flush(Timeout::Never)?;
    let failure = producer.context().failure.lock().expect("nobody panics with it").take();
    failure.map_or(Ok(()), |error| Err(error.into()))
}

fn send(producer: &ThreadedProducer<Deliveries>, topic: &str, index: usize, wanted: &Wanted) -> Outcome {
    let mut headers = OwnedHeaders::new();
    for (name, value) in &wanted.headers {
        headers = headers.insert(Header { key: name, value: value.as_ref() });
    }
    let mut record = BaseRecord::with_opaque_to(topic, Box::new(index)).partition(wanted.partition).headers(headers);
    record.timestamp = wanted.time_ms;
    record.key = wanted.key.as_deref();
    record.payload = wanted.value.as_deref();
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => record = returned,
            Err((error, _)) => return Err(error.into()),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
