//! Parameters and results as JSON.

use super::lanes::Lanes;
use core::time::Duration;
use serde_json::{Value, json};

/// Streams of one test at most, as with iperf3 itself.
pub(super) const STREAMS_MAX: u64 = 128;

/// What a test is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The server sends.
    pub(super) reverse: bool,
    pub(super) parallel: usize,
    /// Bytes of all streams together; else the time is what counts.
    pub(super) bytes: Option<u64>,
    pub(super) time: Duration,
    /// At the start, not counted.
    pub(super) omit: Duration,
}

impl Wanted {
    pub(super) fn to_json(self) -> Value {
        let mut value = json!({
            "tcp": true,
            "omit": self.omit.as_secs(),
            "parallel": self.parallel,
            "len": super::lanes::BLOCK,
            "pacing_timer": 1000,
            "client_version": "3.12",
        });
        if self.reverse {
            value["reverse"] = true.into();
        }
        match self.bytes {
            Some(bytes) => value["num"] = bytes.into(),
            // It knows whole seconds, and only for its own clock.
            None => value["time"] = self.time.as_secs().max(1).into(),
        }
        value
    }

    /// What the peer asks for; the words say what of it is not there.
    pub(super) fn from_json(value: &Value) -> Result<Self, &'static str> {
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        let is = |name: &str| {
            value
                .get(name)
                .is_some_and(|flag| flag.as_bool() == Some(true) || flag.as_u64() > Some(0))
        };
        if !is("tcp") {
            return Err("only TCP");
        }
        if is("bidirectional") {
            return Err("one direction at a time");
        }
        let parallel = number("parallel").unwrap_or(1);
        if parallel == 0 || parallel > STREAMS_MAX {
            return Err("1 to 128 streams");
        }
        let block = number("len").unwrap_or(super::lanes::BLOCK as u64);
        let blocks = number("blockcount").filter(|count| *count > 0);
        let bytes = blocks.map(|count| count.saturating_mul(block));
        Ok(Self {
            reverse: is("reverse"),
            parallel: usize::try_from(parallel).unwrap_or(1),
            bytes: bytes.or_else(|| number("num").filter(|count| *count > 0)),
            time: Duration::from_secs(number("time").unwrap_or(10).min(86_400)),
            omit: Duration::from_secs(number("omit").unwrap_or(0).min(600)),
        })
    }
}

/// What one side counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Results(Vec<u64>);

impl Results {
    /// Bytes of all streams together.
    pub(super) fn bytes(&self) -> u64 {
        self.0.iter().copied().fold(0, u64::saturating_add)
    }

    pub(super) fn from_json(value: &Value) -> Self {
        let streams = value.get("streams").and_then(Value::as_array);
        let bytes = |stream: &Value| stream.get("bytes").and_then(Value::as_u64).unwrap_or(0);
        Self(streams.map(|streams| streams.iter().map(bytes).collect()).unwrap_or_default())
    }
}

/// What we counted, in the form that the peer reads.
pub(super) fn results(lanes: &Lanes, took: Duration, resent: Option<u32>) -> Value {
    let streams: Vec<Value> = lanes
        .counts()
        .enumerate()
        .map(|(at, bytes)| {
            json!({
                "id": stream_id(at),
                "bytes": bytes,
                // Of all streams together, and of none more than once.
                "retransmits": if at == 0 { resent.unwrap_or(0) } else { 0 },
                "jitter": 0,
                "errors": 0,
                "omitted_errors": 0,
                "packets": 0,
                "omitted_packets": 0,
                "start_time": 0,
                "end_time": took.as_secs_f64(),
            })
        })
        .collect();
    let retransmits = if lanes.sends() { i32::from(resent.is_some()) } else { -1 };
    json!({
        "cpu_util_total": 0.0,
        "cpu_util_user": 0.0,
        "cpu_util_system": 0.0,
        "sender_has_retransmits": retransmits,
        "streams": streams,
    })
}

/// The numbers that iperf3 gives its streams: 1, 3, 4, 5.
const fn stream_id(at: usize) -> usize {
    if at == 0 { 1 } else { at + 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Wanted, &'static str> {
        Wanted::from_json(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn what_iperf3_asks_for_is_understood() {
        let text = r#"{"tcp":true,"omit":1,"time":5,"parallel":3,"reverse":true,"len":131072,
            "pacing_timer":1000,"client_version":"3.12"}"#;
        let seconds = Duration::from_secs;
        let wanted = read(text).unwrap();
        assert_eq!((wanted.reverse, wanted.parallel, wanted.bytes), (true, 3, None));
        assert_eq!((wanted.time, wanted.omit), (seconds(5), seconds(1)));
        assert_eq!(Wanted::from_json(&wanted.to_json()), Ok(wanted));

        let counted = read(r#"{"tcp":true,"num":1048576,"time":0,"blockcount":0}"#).unwrap();
        assert_eq!((counted.bytes, counted.parallel), (Some(1 << 20), 1));
        let blocks = read(r#"{"tcp":true,"blockcount":10,"len":1000}"#).unwrap();
        assert_eq!(blocks.bytes, Some(10_000));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for text in [
            r#"{"udp":true}"#,
            "[]",
            r#"{"tcp":true,"bidirectional":1}"#,
            r#"{"tcp":true,"parallel":129}"#,
            r#"{"tcp":true,"parallel":0}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn results_of_strangers_are_numbers_or_nothing() {
        let read = |text: &str| Results::from_json(&serde_json::from_str(text).unwrap()).bytes();
        assert_eq!(read(r#"{"streams":[{"bytes":5},{"bytes":-7},{},{"bytes":6}]}"#), 11);
        assert_eq!(read(r#"{"streams":[{"bytes":18446744073709551615},{"bytes":6}]}"#), u64::MAX);
        assert_eq!(read("7"), 0);
    }

    #[test]
    fn streams_have_the_numbers_that_iperf3_gives_them() {
        assert_eq!([0, 1, 2, 3].map(stream_id), [1, 3, 4, 5]);
    }
}
