//! The verb consume: a partition, without a group.

use crate::arguments::{number, Arguments};
use crate::failure::Outcome;
use crate::lines::print;
use crate::PATIENCE;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

const POLL: Duration = Duration::from_millis(100);

pub fn consume(mut config: ClientConfig, mut given: Arguments) -> Outcome {
    let (topic, partition) = (given.required("topic")?, given.number("partition")?);
    let (from, mut missing) = (given.required("from")?, given.number::<u64>("count")?);
    given.done()?;
    // The library wants a group's name even from a consumer that is in none.
    config.set("group.id", "none").set("enable.auto.commit", "false").set("check.crcs", "true");
    let consumer: BaseConsumer = config.create()?;
    let mut start = TopicPartitionList::new();
    start.add_partition_offset(&topic, partition, position(&consumer, &topic, partition, &from)?)?;
    consumer.assign(&start)?;
    println!("ready");
    while missing > 0 {
        if let Some(message) = next(&consumer)? {
            print(&message);
            missing -= 1;
        }
    }
    Ok(())
}

/// The end moves until the first fetch, so it is asked for now.
fn position(consumer: &BaseConsumer, topic: &str, partition: i32, from: &str) -> Outcome<Offset> {
    if let Some(time) = from.strip_prefix("time:") {
        let mut times = TopicPartitionList::new();
        times.add_partition_offset(topic, partition, Offset::Offset(number(time)?))?;
        return Ok(consumer.offsets_for_times(times, PATIENCE)?.elements()[0].offset());
    }
    Ok(match from {
        "start" => Offset::Beginning,
        "end" => Offset::Offset(consumer.fetch_watermarks(topic, partition, PATIENCE)?.1),
        offset => Offset::Offset(number(offset)?),
    })
}

/// The next message, if one comes soon. The library goes on after errors that are not fatal, such as an absent broker.
pub fn next<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> Outcome<Option<BorrowedMessage<'_>>> {
    match consumer.poll(POLL) {
        None => Ok(None),
        Some(Ok(message)) => Ok(Some(message)),
        Some(Err(KafkaError::MessageConsumption(code))) => {
            eprintln!("poll: {code}");
            Ok(None)
        }
        Some(Err(error)) => Err(error.into()),
    }
}
