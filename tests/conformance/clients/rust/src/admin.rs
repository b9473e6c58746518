//! The verbs of the admin client.

use crate::arguments::Arguments;
use crate::failure::{Failure, Outcome};
use crate::PATIENCE;
use futures_executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};

struct Admin(AdminClient<DefaultClientContext>);

pub fn administer(verb: &str, config: ClientConfig, mut given: Arguments) -> Outcome {
    let admin = Admin(config.create()?);
    match verb {
        "create" => admin.create(given),
        "grow" => admin.grow(given),
        "describe" => admin.describe(given),
        "config" => admin.config(given),
        "delete" => {
            let topic = given.required("topic")?;
            given.done()?;
            only(block_on(admin.0.delete_topics(&[&topic], &options())))
        }
        "offsets" => admin.offsets(given),
        "groups" => admin.groups(given),
        "delete_group" => {
            let group = given.required("group")?;
            given.done()?;
            only(block_on(admin.0.delete_groups(&[&group], &options())))
        }
        _ => Err(Failure::other(format!("no verb {verb:?}"))),
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// The verdict on the one topic or group that was asked about.
fn only(answers: KafkaResult<Vec<TopicResult>>) -> Outcome {
    match answers?.pop() {
        Some(Err((_, code))) => Err(code.into()),
        Some(Ok(_)) => Ok(()),
        None => Err(Failure::other("an answer without a verdict")),
    }
}

impl Admin {
    fn create(&self, mut given: Arguments) -> Outcome {
        let (topic, partitions, configs) = (given.required("topic")?, given.number("partitions")?, given.configs());
        given.done()?;
        let mut wanted = NewTopic::new(&topic, partitions, TopicReplication::Fixed(1));
        for (name, value) in &configs {
            wanted = wanted.set(name, value);
        }
        only(block_on(self.0.create_topics(&[wanted], &options())))
    }

    fn grow(&self, mut given: Arguments) -> Outcome {
        let (topic, partitions) = (given.required("topic")?, given.number("partitions")?);
        given.done()?;
        only(block_on(self.0.create_partitions(&[NewPartitions::new(&topic, partitions)], &options())))
    }

    fn describe(&self, mut given: Arguments) -> Outcome {
        let topic = given.required("topic")?;
        given.done()?;
        let metadata = self.0.inner().fetch_metadata(Some(&topic), PATIENCE)?;
        let found = &metadata.topics()[0];
        if let Some(code) = found.error() {
            return Err(RDKafkaErrorCode::from(code).into());
        }
        let mut partitions: Vec<_> = found.partitions().iter().collect();
        partitions.sort_by_key(|partition| partition.id());
        for row in partitions {
            let (replicas, isr) = (list(row.replicas()), list(row.isr()));
            println!("partition {} leader {} replicas {replicas} isr {isr}", row.id(), row.leader());
        }
        Ok(())
    }

    fn config(&self, mut given: Arguments) -> Outcome {
        let (topic, name) = (given.required("topic")?, given.required("name")?);
        given.done()?;
        let answers = block_on(self.0.describe_configs(&[ResourceSpecifier::Topic(&topic)], &options()))?;
        let resource = answers.into_iter().next().ok_or_else(|| Failure::other("an answer without a resource"))??;
        let entry = resource.get(&name).ok_or_else(|| Failure::other(format!("{topic} has no config {name}")))?;
        println!("config {}", entry.value.as_deref().unwrap_or_default());
        Ok(())
    }

    fn offsets(&self, mut given: Arguments) -> Outcome {
        let (topic, partition) = (given.required("topic")?, given.number("partition")?);
        given.done()?;
        let (earliest, latest) = self.0.inner().fetch_watermarks(&topic, partition, PATIENCE)?;
        println!("offsets {earliest} {latest}");
        Ok(())
    }

    fn groups(&self, given: Arguments) -> Outcome {
        given.done()?;
        for group in self.0.inner().fetch_group_list(None, PATIENCE)?.groups() {
            println!("group {}", group.name());
        }
        Ok(())
    }
}

fn list(numbers: &[i32]) -> String {
    numbers.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}
