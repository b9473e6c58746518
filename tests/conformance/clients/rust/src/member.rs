//! The verb member: a consumer in a group.

use crate::arguments::{number, Arguments};
use crate::consume::next;
use crate::failure::Outcome;
use crate::lines::print;
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Commits what was printed before partitions go.
struct Member;

impl ClientContext for Member {}

impl ConsumerContext for Member {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Member>, rebalance: &Rebalance) {
        if let Rebalance::Revoke(_) = rebalance {
            // A commit that fails here costs the next owner that it reads again what was read.
            if let Err(error) = commit(consumer) {
                eprintln!("commit at a revocation: {error}");
            }
        }
    }
}

/// Commits the stored offsets of all partitions; there may be none.
fn commit(consumer: &BaseConsumer<Member>) -> Result<(), KafkaError> {
    match consumer.commit_consumer_state(CommitMode::Sync) {
        Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => Ok(()),
        result => result,
    }
}

pub fn member(mut config: ClientConfig, mut given: Arguments) -> Outcome {
    let (topic, group) = (given.required("topic")?, given.required("group")?);
    let assignor = given.choice("assignor", &["range", "cooperative", "broker"])?;
    let session = given.optional("session_ms").unwrap_or("6000".into());
    let count = given.optional("count").map(|text| number::<u64>(&text)).transpose()?;
    config.set("group.id", group).set("auto.offset.reset", "earliest");
    if let Some(instance) = given.optional("instance") {
        config.set("group.instance.id", instance);
    }
    given.done()?;
    if assignor == "broker" {
        config.set("group.protocol", "consumer");
    } else {
        config.set("partition.assignment.strategy", if assignor == "range" { "range" } else { "cooperative-sticky" });
        config.set("session.timeout.ms", session).set("heartbeat.interval.ms", "500");
    }
    config.set("enable.auto.commit", "false").set("enable.auto.offset.store", "false");
    let consumer: BaseConsumer<Member> = config.create_with_context(Member)?;
    consumer.subscribe(&[&topic])?;
    stay(&consumer, count)?;
    Ok(commit(&consumer)?) // to be dropped is to leave
}

/// Until enough was printed; without a count, until the input ends.
fn stay(consumer: &BaseConsumer<Member>, count: Option<u64>) -> Outcome {
    let ended = if count.is_none() { end_of_input() } else { Arc::default() };
    let mut printed = 0;
    while count != Some(printed) && !ended.load(Ordering::Relaxed) {
        if let Some(message) = next(consumer)? {
            print(&message);
            consumer.store_offset_from_message(&message)?;
            printed += 1;
        }
    }
    Ok(())
}

fn end_of_input() -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    let told = ended.clone();
    std::thread::spawn(move || {
        // An input that cannot be read has ended, too.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        told.store(true, Ordering::Relaxed);
    });
    ended
}
