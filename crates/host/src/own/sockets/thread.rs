//! The thread that serves links.

use super::Sockets;
use super::hub::{Hub, Share};
use crate::limits::LINGER;
use crate::own::lines::Lines;
use crate::own::wire::WireOptions;
use mainstay_base::{Instant, Rng};
use mainstay_net::network::{Config, Network};
use std::io;
use std::sync::Arc;
use std::thread;

impl Sockets {
    /// Opens links and serves them on a thread, until nobody holds anything of this network any more and what was written
    /// is acknowledged, or for 20 s after.
    ///
    /// # Errors
    /// What the kernel says of a link, or when it gives no descriptors, no entropy or no thread.
    pub fn spawn(config: Config, links: &[WireOptions]) -> io::Result<Self> {
        let mut network = Network::new(config, Rng::new(crate::entropy()?));
        let lines = Lines::open(&mut network, links)?;
        let (clock, waker) = (lines.clock(), lines.waker());
        let hub = Hub::new(network, Box::new(move || clock.now()), Box::new(move || waker.wake()));
        let share = Share::new(hub);
        let served = share.served();
        thread::Builder::new().name("mainstay-link".into()).spawn(move || serve(lines, &served))?;
        Ok(Self { share })
    }
}

fn serve(mut lines: Lines, hub: &Arc<Hub>) {
    let served = serve_links(&mut lines, hub);
    hub.break_down(served.map_or_else(|error| error.kind(), |()| io::ErrorKind::NotConnected));
}

fn serve_links(lines: &mut Lines, hub: &Hub) -> io::Result<()> {
    let mut end: Option<Instant> = None;
    loop {
        let deadline = hub.drive(|network, now| {
            lines.serve(now, network, |_, _, _| {})?;
            Ok::<_, io::Error>(network.poll_timeout())
        })?;
        match hub.rest() {
            None => end = None,
            Some(0) => return Ok(()),
            Some(_) => {
                let now = lines.now();
                let end = *end.get_or_insert(now + LINGER);
                if now >= end {
                    return Ok(());
                }
                lines.wait(deadline.into_iter().chain([end]).min(), None)?;
                continue;
            }
        }
        lines.wait(deadline, None)?;
    }
}
