//! What a channel would say first, without a connection: for `explain`.

use crate::channel::{Open, Protocol};
use crate::limits::Config;
use crate::session::mqtt;
use mainstay_base::{Instant, Policy, Rng};
use mainstay_http as http;

/// The first bytes the protocol writes once the layers are up; empty for raw. Drawn values (ws
/// key, client id) differ from what another connection draws.
///
/// # Errors
/// `Invalid` for a request or CONNECT that cannot be written.
pub fn first_bytes(open: &Open, config: &Config, rng: &mut Rng) -> Result<Vec<u8>, Policy> {
    let (now, mut out) = (Instant::ZERO, Vec::new());
    let invalid = Policy::Invalid;
    match &open.protocol {
        Protocol::H1(request) => {
            let mut client = http::h1::Client::new(config.h1);
            client.request(now, request).map_err(|_| invalid)?;
            client.poll_transmit(now, &mut out, usize::MAX);
        }
        Protocol::H2 { request, .. } => {
            let mut client = http::h2::Client::new(now, config.h2.clone());
            client.open(now, 0, request).map_err(|_| invalid)?;
            client.poll_transmit(now, &mut out, usize::MAX);
        }
        Protocol::Ws { request, subprotocol, .. } => {
            let client =
                http::ws::Client::new(now, request, subprotocol.as_deref(), config.ws, rng);
            client.map_err(|_| invalid)?.poll_transmit(now, &mut out, usize::MAX);
        }
        Protocol::Mqtt(wish) => {
            let client = mqtt::connect(now, &wish.connect, config.mqtt, rng);
            client.map_err(|_| invalid)?.poll_transmit(now, &mut out, usize::MAX);
        }
        Protocol::Raw => {}
    }
    Ok(out)
}
