//! The key=value words of a command line; a word that nobody took is a mistake.

use crate::failure::{Failure, Outcome};
use std::collections::BTreeMap;
use std::str::FromStr;

pub struct Arguments(BTreeMap<String, String>);

impl Arguments {
    pub fn parse(words: &[String]) -> Outcome<Arguments> {
        let pairs = words.iter().map(|word| {
            word.split_once('=')
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .ok_or_else(|| Failure::other(format!("{word:?} is not key=value")))
        });
        Ok(Arguments(pairs.collect::<Outcome<_>>()?))
    }

    pub fn optional(&mut self, name: &str) -> Option<String> {
        self.0.remove(name)
    }

    pub fn required(&mut self, name: &str) -> Outcome<String> {
        self.optional(name).ok_or_else(|| Failure::other(format!("{name}= is missing")))
    }

    pub fn number<T: FromStr>(&mut self, name: &str) -> Outcome<T> {
        number(&self.required(name)?)
    }

    /// The first of the choices is the default.
    pub fn choice(&mut self, name: &str, choices: &[&str]) -> Outcome<String> {
        let value = self.optional(name).unwrap_or_else(|| choices[0].to_string());
        if !choices.contains(&value.as_str()) {
            return Err(Failure::other(format!("{name}={value}: it is one of {}", choices.join(", "))));
        }
        Ok(value)
    }

    /// Takes the words config.NAME=VALUE.
    pub fn configs(&mut self) -> Vec<(String, String)> {
        let (configs, others) = std::mem::take(&mut self.0).into_iter().partition(|(name, _)| name.starts_with("config."));
        self.0 = others;
        let configs: BTreeMap<String, String> = configs;
        configs.into_iter().map(|(name, value)| (name["config.".len()..].to_string(), value)).collect()
    }

    pub fn done(self) -> Outcome {
        match self.0.keys().next() {
            Some(name) => Err(Failure::other(format!("{name}= is not known here"))),
            None => Ok(()),
        }
    }
}

pub fn number<T: FromStr>(text: &str) -> Outcome<T> {
    text.parse().map_err(|_| Failure::other(format!("{text:?} is no number")))
}
