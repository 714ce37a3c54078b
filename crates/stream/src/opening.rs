//! From policy, blobs and metadata to what the pool is asked for. Evaluated anew for each attempt
//! (SS-450); owns no state.

pub(crate) mod address;
pub(crate) mod member;
pub(crate) mod request;
pub(crate) mod stack;

use crate::blobs::Blobs;
use crate::limits::{TX_MAX, TX_MIN};
use crate::metadata::{Metadata, declared};
use crate::response::Redirect;
use address::{Address, Place};
use core::time::Duration;
use mainstay_base::Policy;
use mainstay_layers::Target;
use mainstay_policy::template::{self, Unexpanded};
use mainstay_policy::{Protocol, Streamtype};
use mainstay_pool as pool;
use mainstay_pool::{Attributes, Open, Route, Validity};
use std::sync::Arc;

/// All that an attempt is made of.
#[derive(Debug)]
pub(crate) struct Opener<'a> {
    pub(crate) policy: &'a mainstay_policy::Policy,
    pub(crate) streamtype: &'a Streamtype,
    pub(crate) blobs: &'a Blobs,
    pub(crate) metadata: &'a Metadata,
    /// Length of the coming message (SS-215).
    pub(crate) announced: Option<u64>,
}

/// Where attempts lead, as they are described and as the pool is asked.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) address: Address,
    /// What a request says of it: the authority, and the path unless metadata make that.
    pub(crate) authority: String,
    pub(crate) path: Option<String>,
    route: Arc<Route>,
}

impl Opener<'_> {
    /// Where an attempt leads; after a redirect, there instead.
    pub(crate) fn destination(&self, redirect: Option<&Redirect>) -> Result<Destination, Policy> {
        let address = match redirect {
            Some(redirect) => redirect.to.clone(),
            None => self.address()?,
        };
        let stack = stack::build(self, &address)?;
        let route = Arc::new(Route { target: target(&address), stack });
        let url = self.streamtype.http.url.as_deref().unwrap_or("");
        let path = if self.is_http_family() && !url.contains("${") {
            Some(request::path(self, &address)?)
        } else {
            None
        };
        Ok(Destination { authority: address.authority(), path, address, route })
    }

    /// Whether every attempt without redirect leads to the same place.
    pub(crate) fn is_settled(&self) -> bool {
        self.streamtype.endpoint.as_ref().is_some_and(|endpoint| !endpoint.contains("${"))
    }

    /// What to open there.
    pub(crate) fn open(
        &self,
        destination: &Destination,
        redirect: Option<&Redirect>,
    ) -> Result<Open, Policy> {
        let streamtype = self.streamtype;
        let protocol = match streamtype.protocol {
            Protocol::H1 => pool::Protocol::H1(self.request(destination, redirect)?),
            Protocol::H2 => pool::Protocol::H2 {
                request: self.request(destination, redirect)?,
                fallback: streamtype.http.h1_fallback,
            },
            // Parses; cannot be spoken (SS-536).
            Protocol::H3 => return Err(Policy::Unsupported),
            Protocol::Ws => pool::Protocol::Ws {
                request: self.request(destination, None)?,
                subprotocol: streamtype.ws.subprotocol.clone(),
                binary: streamtype.ws.binary,
            },
            Protocol::Mqtt => pool::Protocol::Mqtt(Box::new(member::build(self)?)),
            Protocol::Raw => pool::Protocol::Raw,
        };
        Ok(Open {
            route: Arc::clone(&destination.route),
            protocol,
            validity: validity(streamtype),
            attributes: attributes(streamtype),
            tx_max: tx_max(streamtype),
        })
    }

    fn address(&self) -> Result<Address, Policy> {
        let endpoint = self.streamtype.endpoint.as_deref().ok_or(Policy::Missing)?;
        Address::parse(&self.expand(endpoint)?, self.streamtype)
    }

    fn request(
        &self,
        destination: &Destination,
        redirect: Option<&Redirect>,
    ) -> Result<Box<mainstay_http::Request>, Policy> {
        let http = &self.streamtype.http;
        let multipart = [&http.multipart_name, &http.multipart_filename, &http.mime_content_type];
        if multipart.iter().any(|key| key.is_some()) {
            return Err(Policy::Unsupported);
        }
        let (method, foreign) = redirect.map_or((None, false), |to| (Some(&to.method), to.foreign));
        request::build(self, destination, method, foreign).map(Box::new)
    }

    const fn is_http_family(&self) -> bool {
        match self.streamtype.protocol {
            Protocol::H1 | Protocol::H2 | Protocol::H3 | Protocol::Ws => true,
            Protocol::Mqtt | Protocol::Raw => false,
        }
    }

    /// The path for the tag, without its query; `None` where the protocol has none.
    pub(crate) fn path(&self) -> Option<String> {
        let address = self.address().ok().filter(|_| self.is_http_family())?;
        let path = request::path(self, &address).ok()?;
        Some(path.split('?').next().unwrap_or_default().to_owned())
    }

    /// The credential the streamtype names: of its auth scheme's slot, else of slot 0 (SS-435).
    pub(crate) fn token(&self) -> Option<&str> {
        let scheme = self.streamtype.use_auth.as_ref().and_then(|name| self.policy.auth.get(name));
        let slot = scheme.map_or(0, |auth| auth.blob);
        self.blobs.auth.get(usize::from(slot))?.as_deref()
    }

    /// Whether the credential that `use_auth` asks for is missing (SS-112).
    pub(crate) fn lacks_credential(&self) -> bool {
        self.streamtype.use_auth.is_some() && self.token().is_none()
    }

    /// Substitutes `${name}` (SS-451): unset gives nothing, undeclared fails.
    pub(crate) fn expand(&self, text: &str) -> Result<String, Policy> {
        template::expand(text, |name| {
            let place = declared(self.streamtype, name)?;
            Some(self.metadata.requested(place).unwrap_or_default())
        })
        .map_err(|unexpanded| match unexpanded {
            Unexpanded::Undeclared(_) => Policy::UndeclaredMetadata,
            Unexpanded::NotText(_) | Unexpanded::Malformed(_) => Policy::Invalid,
        })
    }
}

/// Where to, as the layers want it; a Unix socket stands in the stack.
fn target(address: &Address) -> Target {
    match &address.place {
        Place::Host { host, port } => Target::new(host, *port),
        Place::Unix(_) => Target::new("localhost", 0),
    }
}

/// Bytes offered per tx (SS-248).
pub(crate) fn tx_max(streamtype: &Streamtype) -> usize {
    let wanted = streamtype.tx_max.and_then(|bytes| usize::try_from(bytes).ok());
    wanted.unwrap_or(TX_MAX).max(TX_MIN)
}

/// Validity checks (SS-445, SS-447); h1 and raw have none.
fn validity(streamtype: &Streamtype) -> Option<Validity> {
    let pings = matches!(streamtype.protocol, Protocol::H2 | Protocol::Ws | Protocol::Mqtt);
    let retry = streamtype.retry.as_deref().filter(|retry| pings && retry.valid_hangup_s > 0)?;
    let ping = (1..retry.valid_hangup_s).contains(&retry.valid_ping_s);
    let seconds = |s: u16| Duration::from_secs(s.into());
    Some(Validity {
        ping: ping.then(|| seconds(retry.valid_ping_s)),
        hangup: seconds(retry.valid_hangup_s),
    })
}

/// Socket attributes (SS-019). RFC 1349 §4 for the bits.
fn attributes(streamtype: &Streamtype) -> Attributes {
    let bit = |on: bool, bit: u8| if on { bit } else { 0 };
    let tos = bit(streamtype.attr_low_latency, 0x10)
        | bit(streamtype.attr_high_throughput, 0x08)
        | bit(streamtype.attr_high_reliability, 0x04)
        | bit(streamtype.attr_low_cost, 0x02);
    Attributes { priority: streamtype.attr_priority, tos }
}
