//! Records as lines.

use crate::arguments::number;
use crate::failure::{Failure, Outcome};
use rdkafka::message::{BorrowedMessage, Headers, Message};

pub type Bytes = Option<Vec<u8>>;

/// PARTITION TIME KEY VALUE [NAME:VALUE]...
pub struct Wanted {
    pub partition: i32,
    pub time_ms: Option<i64>,
    pub key: Bytes,
    pub value: Bytes,
    pub headers: Vec<(String, Bytes)>,
}

impl Wanted {
    pub fn parse(line: &str) -> Outcome<Wanted> {
        let mut fields = line.split(' ');
        let mut next = || fields.next().ok_or_else(|| Failure::other(format!("{line:.60?} is no record")));
        let partition = number(next()?)?;
        let time = next()?;
        let time_ms = if time == "-" { None } else { Some(number(time)?) };
        let (key, value) = (decode(next()?)?, decode(next()?)?);
        let headers = fields.map(parse_header).collect::<Outcome<_>>()?;
        Ok(Wanted { partition, time_ms, key, value, headers })
    }
}

fn parse_header(field: &str) -> Outcome<(String, Bytes)> {
    let (name, value) = field.split_once(':').ok_or_else(|| Failure::other(format!("{field:?} is no header")))?;
    let name = String::from_utf8(decode(name)?.unwrap_or_default()).map_err(Failure::other)?;
    Ok((name, decode(value)?))
}

fn decode(text: &str) -> Outcome<Bytes> {
    if text == "-" {
        return Ok(None);
    }
    let digits = text.strip_prefix('x').filter(|digits| digits.len() % 2 == 0 && digits.is_ascii());
    let digits = digits.ok_or_else(|| Failure::other(format!("{text:.60?} is neither - nor x and hex digits")))?;
    let bytes = (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16));
    bytes.collect::<Result<_, _>>().map(Some).map_err(Failure::other)
}

fn encode(data: Option<&[u8]>, line: &mut String) {
    let Some(data) = data else {
        line.push('-');
        return;
    };
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    line.push('x');
    for byte in data {
        line.push(DIGITS[usize::from(byte >> 4)] as char);
        line.push(DIGITS[usize::from(byte & 15)] as char);
    }
}

/// record PARTITION OFFSET TIME KEY VALUE [NAME:VALUE]...
pub fn print(message: &BorrowedMessage) {
    let time_ms = message.timestamp().to_millis().unwrap_or(-1);
    let mut line = format!("record {} {} {time_ms} ", message.partition(), message.offset());
    encode(message.key(), &mut line);
    line.push(' ');
    encode(message.payload(), &mut line);
    for header in message.headers().iter().flat_map(|headers| headers.iter()) {
        line.push(' ');
        encode(Some(header.key.as_bytes()), &mut line);
        line.push(':');
        encode(header.value, &mut line);
    }
    line.push('\n');
    print!("{line}"); // the standard output is flushed at the end of each line
}
