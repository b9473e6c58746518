//! What can go wrong: an error that a broker answered, which has Kafka's number, or anything else.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::fmt;

pub enum Failure {
    Answered(RDKafkaErrorCode),
    Other(String),
}

pub type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    pub fn other(reason: impl fmt::Display) -> Failure {
        Failure::Other(reason.to_string())
    }
}

/// The library's own errors have negative numbers.
impl From<RDKafkaErrorCode> for Failure {
    fn from(code: RDKafkaErrorCode) -> Failure {
        if code as i32 > 0 {
            Failure::Answered(code)
        } else {
            Failure::other(code)
        }
    }
}

impl From<KafkaError> for Failure {
    fn from(error: KafkaError) -> Failure {
        match error.rdkafka_error_code() {
            Some(code) if code as i32 > 0 => Failure::Answered(code),
            _ => Failure::other(error),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Failure::Answered(code) => write!(formatter, "{code}"),
            Failure::Other(reason) => formatter.write_str(reason),
        }
    }
}
