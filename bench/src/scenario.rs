//! What is measured, against whom, and what we want of it.

/// The payload of every small message and of every HTTP answer.
pub(crate) const PAYLOAD: [u8; 64] = [b'x'; 64];
/// The topic published to.
pub(crate) const TOPIC: &str = "bench/t";
/// The message each stream exchanges before it idles, in bytes.
pub(crate) const MESSAGE: usize = 60_000;

/// One side by side measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) protocol: &'static str,
    pub(crate) tls: bool,
    pub(crate) in_flight: usize,
    /// Operations of a full run; a quick one does a tenth.
    pub(crate) ops: u64,
    /// Who takes part; the first is ours and the usual one.
    pub(crate) who: &'static [&'static str],
    pub(crate) goals: &'static [Goal],
}

/// What the CPU time of one may at most be, in units of another's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal {
    pub(crate) ours: &'static str,
    pub(crate) theirs: &'static str,
    pub(crate) at_most: f64,
}

const fn goal(ours: &'static str, theirs: &'static str, at_most: f64) -> Goal {
    Goal { ours, theirs, at_most }
}

const FACES: &[&str] = &["loop", "future", "thread", "floor", "tungstenite"];
const FACES_TLS: &[&str] = &["loop", "future", "thread", "floor", "floor-ahead", "tungstenite"];
/// With many in flight it matters how tungstenite is used.
const MANY: &[&str] = &["loop", "future", "thread", "floor", "tungstenite", "tungstenite-fed"];
const MANY_GOALS: &[Goal] =
    &[goal("loop", "tungstenite", 0.75), goal("loop", "tungstenite-fed", 0.75)];

/// All of them, in the order of the table.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "ws-1",
        about: "WebSocket echo, 64 bytes, 1 in flight",
        protocol: "ws",
        tls: false,
        in_flight: 1,
        ops: 100_000,
        who: FACES,
        goals: &[goal("loop", "floor", 1.08), goal("thread", "floor", 2.0)],
    },
    Scenario {
        name: "ws-1-tls",
        about: "the same over TLS 1.3",
        protocol: "ws",
        tls: true,
        in_flight: 1,
        ops: 100_000,
        who: FACES_TLS,
        goals: &[goal("loop", "floor", 1.0)],
    },
    Scenario {
        name: "ws-64",
        about: "WebSocket echo, 64 bytes, 64 in flight",
        protocol: "ws",
        tls: false,
        in_flight: 64,
        ops: 2_000_000,
        who: MANY,
        goals: MANY_GOALS,
    },
    Scenario {
        name: "ws-64-tls",
        about: "the same over TLS 1.3",
        protocol: "ws",
        tls: true,
        in_flight: 64,
        ops: 1_500_000,
        who: MANY,
        goals: MANY_GOALS,
    },
    Scenario {
        name: "h1",
        about: "HTTP/1.1 GET, 64-byte answer, kept-alive connection",
        protocol: "h1",
        tls: false,
        in_flight: 1,
        ops: 60_000,
        who: &["loop", "hyper"],
        goals: &[goal("loop", "hyper", 0.90)],
    },
    Scenario {
        name: "h1-tls",
        about: "the same over TLS 1.3",
        protocol: "h1",
        tls: true,
        in_flight: 1,
        ops: 60_000,
        who: &["loop", "hyper"],
        goals: &[goal("loop", "hyper", 0.87)],
    },
    Scenario {
        name: "h2-1-tls",
        about: "HTTP/2 GET over TLS 1.3, 64-byte answer, 1 stream",
        protocol: "h2",
        tls: true,
        in_flight: 1,
        ops: 40_000,
        who: &["loop", "hyper"],
        goals: &[goal("loop", "hyper", 0.92)],
    },
    Scenario {
        name: "h2-32-tls",
        about: "the same, 32 streams at once",
        protocol: "h2",
        tls: true,
        in_flight: 32,
        ops: 200_000,
        who: &["loop", "hyper"],
        goals: &[goal("loop", "hyper", 0.92)],
    },
    Scenario {
        name: "mqtt-1",
        about: "MQTT PUBLISH QoS 1, 64 bytes, 1 in flight",
        protocol: "mqtt",
        tls: false,
        in_flight: 1,
        ops: 60_000,
        who: &["loop", "rumqttc"],
        goals: &[goal("loop", "rumqttc", 0.88)],
    },
    Scenario {
        name: "mqtt-1-tls",
        about: "the same over TLS 1.3",
        protocol: "mqtt",
        tls: true,
        in_flight: 1,
        ops: 60_000,
        who: &["loop", "rumqttc"],
        goals: &[goal("loop", "rumqttc", 0.88)],
    },
    Scenario {
        name: "mqtt-64",
        about: "MQTT PUBLISH QoS 1, 64 bytes, 64 in flight",
        protocol: "mqtt",
        tls: false,
        in_flight: 64,
        ops: 300_000,
        who: &["loop", "rumqttc"],
        goals: &[goal("loop", "rumqttc", 1.0)],
    },
    Scenario {
        name: "mqtt-64-tls",
        about: "the same over TLS 1.3",
        protocol: "mqtt",
        tls: true,
        in_flight: 64,
        ops: 300_000,
        who: &["loop", "rumqttc"],
        goals: &[goal("loop", "rumqttc", 0.85)],
    },
];

/// Idle memory: how many further streams, over TLS or not, and what one may cost in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    pub(crate) name: &'static str,
    pub(crate) tls: bool,
    pub(crate) at_most: u64,
}

/// Both kinds of idle stream.
pub(crate) const IDLE: &[Idle] = &[
    Idle { name: "idle", tls: false, at_most: 1024 },
    Idle { name: "idle-tls", tls: true, at_most: 6 * 1024 },
];

/// How many streams idle. One shows the page that everything is rounded to and has no goal.
pub(crate) const IDLE_COUNTS: &[u64] = &[1, 1000, 10_000];
