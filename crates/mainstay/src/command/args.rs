//! What may be asked on the command line. Validates; does nothing.

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use mainstay_host::own::WireKind;
use mainstay_net::Prefix;
use std::path::PathBuf;

/// The exit codes, as `--help` tells them.
const EXITS: &str = "\
Exit codes:
  0  done                     5  the peer cannot be reached
  1  anything else            6  TLS: the peer is not trusted
  2  wrong usage              7  no answer in time
  3  the policy has faults    8  unknown whether the peer has it
  4  the peer refused";

/// Streams by name; a policy says the rest.
#[derive(Debug, Parser)]
#[command(name = "mainstay", version, after_help = EXITS)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes a first policy for a URL (https, http, wss, ws, mqtts, mqtt, tls, tcp)
    New {
        /// Where to, such as `wss://example.com/chat`
        url: String,
    },
    /// Names every fault of a policy with its line
    Check(Check),
    /// Shows what a stream would do: endpoint, layers, trust, retry, what is sent first
    Explain(Explain),
    /// Writes the JSON Schema of policies, for editors
    Schema,
    /// Keeps streams up and shows what arrives; SIGHUP reads the policy again
    Run(Run),
    /// Sends standard input on a stream; ends when the peer has it
    Send(Send),
    /// Writes what arrives on a stream to standard output
    Listen(Listen),
    /// Bare TCP, as nc does it and with figures: bulk either way or echo, over the system's stack or ours
    Tcp(Tcp),
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXITS)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) document: Document,
    /// Warnings are faults: unknown keys, duplicates, keys without effect
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXITS)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) document: Document,
    /// The streamtype
    pub(crate) stream: String,
    /// Sets a metadata of the stream
    #[arg(short = 'm', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) metadata: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) device: Device,
}

/// A policy and what is put over it.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Document {
    /// The policy's file
    pub(crate) policy: PathBuf,
    /// A file to put over the policy; may be given several times
    #[arg(long = "overlay", value_name = "FILE")]
    pub(crate) overlays: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXITS)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) document: Document,
    /// Streamtypes to keep up; all, if none is named
    pub(crate) streams: Vec<String>,
    /// Sets a metadata on every stream that declares it
    #[arg(short = 'm', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) metadata: Vec<(String, String)>,
    /// Ends after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) for_time: Option<Duration>,
    /// Plain lines even on a terminal
    #[arg(long)]
    pub(crate) plain: bool,
    #[command(flatten)]
    pub(crate) device: Device,
}

/// One stream of a policy.
#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    pub(crate) document: Document,
    /// The streamtype
    pub(crate) stream: String,
    /// Sets a metadata of the stream
    #[arg(short = 'm', value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) metadata: Vec<(String, String)>,
    /// How long connecting may take, in seconds, retries included
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) wait: Duration,
    #[command(flatten)]
    pub(crate) device: Device,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXITS)]
pub(crate) struct Send {
    #[command(flatten)]
    pub(crate) one: One,
    /// Each line is a message of its own, without its line end
    #[arg(long)]
    pub(crate) lines: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXITS)]
pub(crate) struct Listen {
    #[command(flatten)]
    pub(crate) one: One,
    /// The bytes alone: no line end is put after a message
    #[arg(long)]
    pub(crate) raw: bool,
    /// Ends after so many messages
    #[arg(long, value_name = "MESSAGES", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Ends after so many seconds
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) for_time: Option<Duration>,
}

#[derive(Debug, clap::Args)]
#[command(after_help = EXITS)]
pub(crate) struct Tcp {
    /// Whether to connect or to wait for one connection
    pub(crate) role: Role,
    /// Where to, or which of our addresses and which port: ADDRESS:PORT, [ADDRESS]:PORT
    pub(crate) address: SocketAddr,
    /// Sends so many bytes instead of standard input, then finishes: 1000, 10K (10 times 1024), 5M, 1G
    #[arg(long, value_name = "BYTES", value_parser = size, conflicts_with = "echo")]
    pub(crate) send: Option<u64>,
    /// Sends for so many seconds instead of standard input, then finishes
    #[arg(long = "for", value_name = "SECONDS", value_parser = seconds, conflicts_with_all = ["send", "echo"])]
    pub(crate) for_time: Option<Duration>,
    /// Counts what arrives instead of writing it to standard output
    #[arg(long)]
    pub(crate) sink: bool,
    /// Sends back what arrives
    #[arg(long)]
    pub(crate) echo: bool,
    /// Speaks iperf3's protocol for one test; the peer is iperf3 itself, `-s` for connect and `-c` for listen
    #[arg(long, conflicts_with_all = ["echo", "sink", "plot"])]
    pub(crate) iperf3: bool,
    /// With --iperf3 and connect: the peer sends
    #[arg(short = 'R', long, requires = "iperf3")]
    pub(crate) reverse: bool,
    /// With --iperf3 and connect: so many connections at once
    #[arg(short = 'P', long, value_name = "COUNT", default_value_t = 1, requires = "iperf3", value_parser = clap::value_parser!(u8).range(1..=128))]
    pub(crate) parallel: u8,
    /// No line a second: rates, and with --link congestion window and flight in bytes, smoothed round trip, segments sent again
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Writes every frame of the link to a file, for wireshark
    #[arg(long, value_name = "FILE", requires = "link")]
    pub(crate) pcap: Option<PathBuf>,
    /// Draws sequence, window and losses over time into a file
    #[arg(long, value_name = "FILE.svg", requires = "link")]
    pub(crate) plot: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) own: Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Role {
    /// Begins a connection
    Connect,
    /// Takes one connection
    Listen,
}

/// What the device is and knows.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Device {
    /// Logs to standard error: -v connections, -vv states, -vvv payload sizes
    #[arg(short, long, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Logs in this form, even without -v
    #[arg(long, value_name = "FORM")]
    pub(crate) log: Option<LogForm>,
    /// A credential or name of the device: NAME=VALUE, or NAME=@FILE; NAME is auth0 to auth3, serial, firmware,
    /// devtype, mqtt-client-id, mqtt-user or mqtt-password
    #[arg(long = "blob", value_name = "NAME=VALUE", value_parser = blob)]
    pub(crate) blobs: Vec<(BlobName, Content)>,
    /// Certificate chain and key, PEM or DER, for `client_cert` of this number (0 if left out)
    #[arg(long = "client-cert", value_name = "CHAIN,KEY[,INDEX]", value_parser = identity)]
    pub(crate) identities: Vec<Identity>,
    /// Appends the secrets of TLS connections to a file, for Wireshark and the like to decrypt a recording with
    #[arg(long, value_name = "FILE")]
    pub(crate) key_log: Option<PathBuf>,
    /// An address for a name, instead of asking a name server
    #[arg(long = "resolve", value_name = "NAME=ADDRESS", value_parser = address)]
    pub(crate) addresses: Vec<(String, IpAddr)>,
    #[command(flatten)]
    pub(crate) own: Link,
}

/// Our own stack instead of the operating system's.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Link {
    /// TCP over our own stack on this interface instead of the operating system's: tap:NAME, tun:NAME, or if:NAME for a
    /// packet socket on any other
    #[arg(long, value_name = "KIND:NAME", value_parser = link, requires = "link_addresses")]
    pub(crate) link: Option<(WireKind, String)>,
    /// Our address on the link and its network, such as 198.18.1.10/24; once per IP version
    #[arg(long = "address", id = "link_addresses", value_name = "ADDRESS/BITS", value_parser = prefix, requires = "link")]
    pub(crate) link_addresses: Vec<Prefix>,
    /// Where packets beyond that network go
    #[arg(long = "gateway", value_name = "ADDRESS", requires = "link")]
    pub(crate) gateways: Vec<IpAddr>,
    /// Plain frames: neither checksums nor the cutting of segments are left to the kernel
    #[arg(long, requires = "link")]
    pub(crate) no_offload: bool,
    /// A thread of the kernel's takes what is sent over a TAP or TUN: for bulk with --no-offload, where a processor is free
    #[arg(long, requires = "link")]
    pub(crate) threaded: bool,
    /// How fast the own stack sends: cubic, bbr or reno
    #[arg(long, value_name = "NAME", default_value = "cubic", requires = "link")]
    pub(crate) congestion: Congestion,
}

/// A congestion controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Congestion {
    #[default]
    Cubic,
    Bbr,
    Reno,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogForm {
    Json,
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlobName {
    Auth(usize),
    Serial,
    Firmware,
    DeviceType,
    MqttClientId,
    MqttUser,
    MqttPassword,
}

/// A value, or where it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    File(PathBuf),
}

impl core::fmt::Debug for Content {
    /// Never a value: it may be a secret.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) chain: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) index: u32,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("write NAME=VALUE".to_owned()),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let wrong = || "write a number of bytes, such as 1000, 10K, 5M or 1G".to_owned();
    let (number, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(number) => (number, text.get(number.len()..).unwrap_or_default()),
        None => (text, ""),
    };
    let shift = match unit {
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => 0,
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

fn link(text: &str) -> Result<(WireKind, String), String> {
    let kind = match text.split_once(':') {
        Some(("tap", _)) => WireKind::Tap,
        Some(("tun", _)) => WireKind::Tun,
        Some(("if", _)) => WireKind::Packet,
        Some(_) | None => return Err("write tap:NAME, tun:NAME or if:NAME".to_owned()),
    };
    let name = text.split_once(':').map_or("", |(_, name)| name);
    if name.is_empty() || name.len() > 15 {
        return Err("an interface's name has 1 to 15 bytes".to_owned());
    }
    Ok((kind, name.to_owned()))
}

fn prefix(text: &str) -> Result<Prefix, String> {
    let wrong =
        || "write an address and the length of its network, such as 198.18.1.10/24".to_owned();
    let (address, len) = text.split_once('/').ok_or_else(wrong)?;
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    Prefix::new(address, len.parse().map_err(|_| wrong())?).ok_or_else(wrong)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "write seconds, such as 5 or 0.5".to_owned();
    let seconds: f64 = text.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

fn blob(text: &str) -> Result<(BlobName, Content), String> {
    let (name, value) = pair(text)?;
    let name = match name.as_str() {
        "auth0" => BlobName::Auth(0),
        "auth1" => BlobName::Auth(1),
        "auth2" => BlobName::Auth(2),
        "auth3" => BlobName::Auth(3),
        "serial" => BlobName::Serial,
        "firmware" => BlobName::Firmware,
        "devtype" => BlobName::DeviceType,
        "mqtt-client-id" => BlobName::MqttClientId,
        "mqtt-user" => BlobName::MqttUser,
        "mqtt-password" => BlobName::MqttPassword,
        _ => return Err(format!("no blob has the name {name}")),
    };
    let content = match value.strip_prefix('@') {
        Some(path) => Content::File(path.into()),
        None => Content::Text(value),
    };
    Ok((name, content))
}

fn identity(text: &str) -> Result<Identity, String> {
    let mut parts = text.split(',');
    let (Some(chain), Some(key), index, None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err("write CHAIN,KEY or CHAIN,KEY,INDEX".to_owned());
    };
    let index = index.unwrap_or("0").parse().map_err(|_| "the index is no number".to_owned())?;
    Ok(Identity { chain: chain.into(), key: key.into(), index })
}

fn address(text: &str) -> Result<(String, IpAddr), String> {
    let (name, value) = pair(text)?;
    let address = value.parse().map_err(|_| format!("{value} is no IP address"))?;
    Ok((name, address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Args::try_parse_from(line.split_whitespace()).map(|args| args.command)
    }

    #[test]
    fn the_flags_do_not_contradict_each_other() {
        Args::command().debug_assert();
    }

    #[test]
    fn run_takes_streams_metadata_and_a_time() {
        let line = "mainstay run p.json a b --overlay o.json -m n=v=w --for 0.5 -vv --log json";
        let Command::Run(run) = parse(line).unwrap() else { panic!("run") };
        assert_eq!(run.streams, ["a", "b"]);
        assert_eq!(run.metadata, [("n".to_owned(), "v=w".to_owned())]);
        assert_eq!(run.for_time, Some(Duration::from_millis(500)));
        assert_eq!(run.document.overlays, [PathBuf::from("o.json")]);
        assert_eq!((run.device.verbose, run.device.log), (2, Some(LogForm::Json)));
    }

    #[test]
    fn credentials_are_files_or_values_and_never_shown() {
        let line =
            "mainstay send p s --blob auth1=@t --blob mqtt-password=hush --client-cert c,k,3";
        let Command::Send(send) = parse(line).unwrap() else { panic!("send") };
        let device = &send.one.device;
        assert_eq!(device.blobs[0], (BlobName::Auth(1), Content::File("t".into())));
        assert_eq!(device.blobs[1], (BlobName::MqttPassword, Content::Text("hush".into())));
        assert_eq!(device.identities[0].index, 3);
        assert!(!format!("{send:?}").contains("hush"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "mainstay",
            "mainstay run",
            "mainstay send p",
            "mainstay send p s -m novalue",
            "mainstay send p s --blob auth4=x",
            "mainstay send p s --client-cert onlychain",
            "mainstay listen p s --for -1",
            "mainstay listen p s --count 0",
            "mainstay listen p s --resolve name=nowhere",
            "mainstay check p --lax",
            "mainstay tcp connect 127.0.0.1:5201 --reverse",
            "mainstay tcp connect 127.0.0.1:5201 --iperf3 --echo",
            "mainstay tcp connect 127.0.0.1:5201 --iperf3 -P 0",
            "mainstay tcp connect 127.0.0.1:5201 --iperf3 -P 129",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn help_tells_the_exit_codes() {
        let help = Args::command().render_long_help().to_string();
        assert!(help.contains("8  unknown whether the peer has it"), "{help}");
    }
}
