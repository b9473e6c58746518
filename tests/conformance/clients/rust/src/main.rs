//! The Rust crate rdkafka as a client of the matrix: the verbs of tests/conformance/README.md.

mod admin;
mod arguments;
mod consume;
mod failure;
mod lines;
mod member;
mod produce;

use arguments::Arguments;
use failure::{Failure, Outcome};
use rdkafka::config::ClientConfig;
use std::time::Duration;

const LOCK_FILE: &str = include_str!("../Cargo.lock");
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Err(failure) = run(&words) {
        if let Failure::Answered(code) = failure {
            println!("error {}", code as i32);
        }
        eprintln!("{failure}");
        std::process::exit(1);
    }
}

fn run(words: &[String]) -> Outcome {
    let (verb, bootstrap, rest) = match words {
        [verb] if verb == "about" => return about(),
        [verb, bootstrap, rest @ ..] => (verb.as_str(), bootstrap.as_str(), rest),
        _ => return Err(Failure::other("usage: PROGRAM VERB BOOTSTRAP key=value...")),
    };
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    let given = Arguments::parse(rest)?;
    match verb {
        "produce" => produce::produce(config, given),
        "consume" => consume::consume(config, given),
        "member" => member::member(config, given),
        _ => admin::administer(verb, config, given),
    }
}

fn about() -> Outcome {
    let version = LOCK_FILE
        .split("[[package]]")
        .find(|package| package.contains("name = \"rdkafka\"\n"))
        .and_then(|package| package.split('"').nth(3))
        .ok_or_else(|| Failure::other("rdkafka is not in Cargo.lock"))?;
    let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
    println!("version rdkafka {version} (librdkafka {librdkafka})");
    Ok(())
}
