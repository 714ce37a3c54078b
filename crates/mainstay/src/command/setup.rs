//! From arguments to a device: credentials, certificates, addresses.

use super::args::{self, BlobName, Content};
use super::exit::{Exit, Failure};
use super::link;
use crate::{BuildError, Builder, Device};
use mainstay_base::Reason;
use mainstay_host::own::WireOptions;
use mainstay_net::network::Config as NetworkConfig;
use mainstay_node::Resolved;
use mainstay_policy::Policy;
use mainstay_stream::{Blobs, CreateError};
use mainstay_tcp::congestion::any;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

/// A device with this policy and what the arguments give it.
pub(crate) fn device(policy: Policy, args: &args::Device) -> Result<Device, Failure> {
    let mut builder = Builder::new(policy).blobs(blobs(&args.blobs)?);
    for identity in &args.identities {
        builder = builder.client_cert(identity.index, read(&identity.chain)?, read(&identity.key)?);
    }
    if let Some(path) = &args.key_log {
        builder = builder.key_log(key_sink(path)?);
    }
    if !args.addresses.is_empty() {
        let mut known: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for (name, address) in &args.addresses {
            known.entry(name.to_ascii_lowercase()).or_default().push(*address);
        }
        builder = builder.resolver(Box::new(move |name: &str| {
            known.get(&name.to_ascii_lowercase()).cloned().map(Resolved::Addresses)
        }));
    }
    let network = network(&args.own);
    if let Some((config, link)) = &network {
        builder = builder.links(config.clone(), vec![link.clone()]);
    }
    builder.build().map_err(|error| match error {
        BuildError::System(error) => match &network {
            Some((_, link)) => link::failure(link, &error),
            None => Failure::from(error),
        },
        BuildError::Trust(error) => Failure::new(Exit::Policy, error.to_string()),
    })
}

/// The network and its link that the arguments ask for.
pub(crate) fn network(args: &args::Link) -> Option<(NetworkConfig, WireOptions)> {
    let (kind, name) = args.link.clone()?;
    let congestion = match args.congestion {
        args::Congestion::Cubic => any::Config::Cubic(Default::default()),
        args::Congestion::Bbr => any::Config::Bbr3(Default::default()),
        args::Congestion::Reno => any::Config::NewReno(Default::default()),
    };
    let offload = !args.no_offload;
    let mut settings = mainstay_tcp::Settings::host(congestion);
    settings.pacing = args.congestion == args::Congestion::Bbr;
    settings.gso_max = if offload { GSO_MAX } else { 0 };
    let mut config =
        NetworkConfig { settings: Arc::new(settings), offload, ..NetworkConfig::default() };
    config.stack.probes_v4 = 0; // as everybody does with an address that somebody typed
    let addresses = args.link_addresses.clone();
    let (gateways, threaded) = (args.gateways.clone(), args.threaded);
    Some((config, WireOptions { name, kind, offload, threaded, addresses, gateways }))
}

/// The payload of one super-segment at most. chosen: what fits into an IP packet with the largest headers
const GSO_MAX: u16 = 65_535 - 120;

/// Appends lines to `path`, which only its owner can read if it is new.
fn key_sink(path: &Path) -> Result<impl Fn(&str) + Send + Sync + 'static, Failure> {
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(path);
    let file =
        file.map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", path.display())))?;
    let shown = path.display().to_string();
    Ok(move |line: &str| {
        // In one write, so that several programs can share the file.
        if let Err(error) = (&file).write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!("{shown}: {error}");
        }
    })
}

pub(crate) fn blobs(list: &[(BlobName, Content)]) -> Result<Blobs, Failure> {
    let mut blobs = Blobs::default();
    for (name, content) in list {
        let bytes = match content {
            Content::Text(text) => text.clone().into_bytes(),
            Content::File(path) => without_line_end(read(path)?),
        };
        if *name == BlobName::MqttPassword {
            blobs.mqtt_password = Some(bytes.into());
            continue;
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::new(Exit::Usage, "a --blob is not UTF-8 text".to_owned()))?;
        let slot = match name {
            BlobName::Auth(index) => &mut blobs.auth[*index],
            BlobName::Serial => &mut blobs.serial,
            BlobName::Firmware => &mut blobs.firmware,
            BlobName::DeviceType => &mut blobs.device_type,
            BlobName::MqttClientId => &mut blobs.mqtt_client_id,
            BlobName::MqttUser | BlobName::MqttPassword => &mut blobs.mqtt_username,
        };
        *slot = Some(text.into());
    }
    Ok(blobs)
}

/// Editors end files with a line end that no token has.
fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        bytes.pop();
    }
    bytes
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path)
        .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", path.display())))
}

/// Streamtypes that are named to who named none of them. chosen: a line or two.
const NAMED_MAX: usize = 12;

/// The policy has no streamtype of this name.
pub(crate) fn unknown(stream: &str, policy: &Policy) -> Failure {
    let mut names: Vec<&str> =
        policy.streamtypes.keys().take(NAMED_MAX).map(String::as_str).collect();
    if policy.streamtypes.len() > NAMED_MAX {
        names.push("..");
    }
    let known = if names.is_empty() { "none at all".to_owned() } else { names.join(", ") };
    Failure::new(Exit::Policy, format!("the policy has no streamtype {stream}; it has {known}"))
}

/// Why a stream was not created.
pub(crate) fn not_created(stream: &str, error: &CreateError) -> Failure {
    match error {
        CreateError::UnknownStreamtype | CreateError::Unsupported(_) => {
            Failure::new(Exit::Policy, format!("{stream}: {error}"))
        }
        CreateError::RefusedByHandler => {
            Failure::ended(stream, Reason::Local(mainstay_base::Local::Refused))
        }
        CreateError::Limit => Failure::ended(stream, Reason::Local(mainstay_base::Local::Limit)),
    }
}
