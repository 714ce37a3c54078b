//! What a script's `config` says: the profile, the settings and the sizes.

#[path = "../shared/vecs.rs"]
mod vecs;

pub(crate) use vecs::Vecs;

use crate::language::{fit, number};
use mainstay_tcp::congestion::{Cubic, NewReno};
use mainstay_tcp::queue::{ArrayQueue, TxBuf};
use mainstay_tcp::{Endpoint, Host, Keepalive, Profile, Settings, SettingsOf, Std, Tiny};
use std::collections::BTreeMap;

/// A buffer of the application, with a number to know it by and room after what is to be sent.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) id: usize,
    bytes: Vec<u8>,
    len: usize,
}

impl Piece {
    pub(crate) fn new(id: usize, bytes: &[u8], room: usize) -> Self {
        let len = bytes.len();
        let mut bytes = bytes.to_vec();
        bytes.resize(len + room, 0);
        Self { id, bytes, len }
    }
}

impl TxBuf for Piece {
    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn capacity_tail(&mut self) -> &mut [u8] {
        &mut self.bytes[self.len..]
    }

    fn extend(&mut self, count: usize) {
        self.len = (self.len + count).min(self.bytes.len());
    }
}

pub(crate) type Pieces = ArrayQueue<Piece, 64>;

/// A profile that a script can be run with.
pub(crate) trait Subject:
    Profile<Storage = Vec<u8>, Queue = Pieces, Context = ()> + Sized
{
    /// An endpoint with these settings.
    fn endpoint(config: &Config) -> Result<Endpoint<Self>, String>;
}

macro_rules! subject {
    ($profile:ty, $base:ident) => {
        impl Subject for $profile {
            fn endpoint(config: &Config) -> Result<Endpoint<Self>, String> {
                let mut settings: SettingsOf<Self> = Settings::$base(Default::default());
                config.apply(&mut settings)?;
                let settings: &'static SettingsOf<Self> = Box::leak(Box::new(settings));
                Endpoint::new(config.storage()?, Pieces::default(), settings, ())
                    .map_err(|error| error.to_string())
            }
        }
    };
}

pub(crate) type HostReno = Host<Vec<u8>, Pieces, (), NewReno>;
pub(crate) type HostCubic = Host<Vec<u8>, Pieces, (), Cubic>;
pub(crate) type StdCubic = Std<Vec<u8>, Pieces>;
pub(crate) type TinyReno = Tiny<Vec<u8>, Pieces>;

subject!(HostReno, host);
subject!(HostCubic, host);
subject!(StdCubic, host);
subject!(TinyReno, tiny);

/// `key=value` as written, so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    values: BTreeMap<String, String>,
}

/// Every key there is.
const KEYS: &[&str] = &[
    "profile",
    "cc",
    "v6",
    "mss",
    "recv",
    "quick",
    "nagle",
    "ecn",
    "accecn",
    "ts",
    "sack",
    "wscale",
    "pacing",
    "gso",
    "keepalive",
    "user_timeout",
    "delayed_ack",
    "rto_initial",
    "rto_min",
    "rto_max",
    "time_wait",
    "fin_wait_2",
    "data_limit",
    "syn_limit",
    "handshake_limit",
    "persist_max",
    "mss_limit",
    "dscp",
    "hop_limit",
    "unknown",
    "iss",
    "irs",
    "endpoints",
];

impl Config {
    pub(crate) fn take(&mut self, words: &[String]) -> Result<(), String> {
        for word in words {
            let (key, value) = word.split_once('=').ok_or("config has words key=value")?;
            if !KEYS.contains(&key) {
                return Err(format!("there is nothing to configure with the name `{key}`"));
            }
            self.values.insert(key.to_owned(), value.to_owned());
        }
        Ok(())
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    pub(crate) fn number<T: TryFrom<i64>>(&self, key: &str, default: i64) -> Result<T, String> {
        fit(self.text(key).map_or(Ok(default), |text| number(text, &[]))?)
    }

    fn switch(&self, key: &str, default: bool) -> Result<bool, String> {
        match self.text(key) {
            None => Ok(default),
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(other) => Err(format!("{key} is on or off, not `{other}`")),
        }
    }

    /// Tiny nodes have nothing but IPv6.
    pub(crate) fn is_v6(&self) -> Result<bool, String> {
        Ok(self.switch("v6", false)? || self.text("profile") == Some("tiny"))
    }

    /// The packets of the path, so large that a segment carries `mss` bytes.
    pub(crate) fn mtu(&self) -> Result<u16, String> {
        let headers = if self.is_v6()? { 60 } else { 40 };
        Ok(self.number::<u16>("mss", 1460)? + headers)
    }

    fn storage(&self) -> Result<Vec<u8>, String> {
        let room: usize = self.number("recv", 65_535)?;
        Ok(vec![0; room + room.div_ceil(8)])
    }

    fn apply<C>(&self, settings: &mut Settings<C>) -> Result<(), String> {
        let times = [
            ("rto_initial", &mut settings.rto_initial),
            ("rto_min", &mut settings.rto_min),
            ("rto_max", &mut settings.rto_max),
            ("time_wait", &mut settings.time_wait),
            ("fin_wait_2", &mut settings.fin_wait_2),
            ("data_limit", &mut settings.data_limit),
            ("syn_limit", &mut settings.syn_limit),
            ("handshake_limit", &mut settings.handshake_limit),
            ("persist_max", &mut settings.persist_max),
        ];
        for (key, place) in times {
            *place = self.number(key, i64::from(*place))?;
        }
        settings.delayed_ack = self.number("delayed_ack", settings.delayed_ack.into())?;
        settings.quick_acks = self.number("quick", settings.quick_acks.into())?;
        settings.gso_max = self.number("gso", 0)?;
        settings.mss_limit = self.number("mss_limit", 0)?;
        settings.dscp = self.number("dscp", 0)?;
        settings.hop_limit = self.number("hop_limit", 64)?;
        settings.nagle = self.switch("nagle", true)?;
        settings.ecn = self.switch("ecn", false)?;
        settings.accurate_ecn = self.switch("accecn", false)?;
        settings.timestamps = self.switch("ts", true)?;
        settings.sack = self.switch("sack", true)?;
        settings.window_scale = self.switch("wscale", settings.window_scale)?;
        settings.pacing = self.switch("pacing", false)?;
        if self.text("user_timeout").is_some() {
            settings.user_timeout = Some(self.number("user_timeout", 0)?);
        }
        settings.keepalive = self.text("keepalive").map(keepalive).transpose()?;
        Ok(())
    }
}

/// `idle/interval/count`, or `default`.
fn keepalive(text: &str) -> Result<Keepalive, String> {
    if text == "default" {
        return Ok(Keepalive::DEFAULT);
    }
    let parts: Result<Vec<i64>, String> = text.split('/').map(|part| number(part, &[])).collect();
    match parts?[..] {
        [idle, interval, count] => {
            Ok(Keepalive { idle: fit(idle)?, interval: fit(interval)?, count: fit(count)? })
        }
        _ => Err("keepalive is idle/interval/count".to_owned()),
    }
}
