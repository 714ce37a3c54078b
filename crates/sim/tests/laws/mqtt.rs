//! MQTT, both sides.

use crate::adapters::{forward, letters, timers};
use mainstay_base::Instant;
use mainstay_mqtt::{Client, Config, Connect, Publish, Server, ServerEvent};
use mainstay_sim::laws::{Lent, Pair, Subject};

struct Device {
    client: Client,
    tag: u64,
}

impl Subject for Device {
    forward!(client);
    timers!(client);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.client.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.client.next_payload(unit)?;
        Some(Lent { bytes: payload.bytes.to_vec(), end: payload.end })
    }
    fn event(&mut self) -> Option<String> {
        self.client.poll_event().map(|event| format!("{event:?}"))
    }
    fn written(&mut self, now: Instant) {
        self.client.handle_written(now);
    }
    fn act(&mut self, now: Instant, what: u64) {
        match what % 16 {
            0 => self.client.disconnect(now),
            1 | 2 => self.client.ping(now),
            3..6 => {
                let _refused = self.client.subscribe(now, "down/#", 1);
            }
            _ => {
                self.tag += 1;
                let bytes = letters(what >> 8 & 0x7ff);
                let len = u32::try_from(bytes.len()).unwrap();
                let qos = u8::try_from(what >> 32 & 3).unwrap().min(2);
                let publish = Publish { topic: "up/x", qos, retain: false, len, tag: self.tag };
                if self.client.publish(now, &publish).is_ok() {
                    self.client.send(now, &bytes);
                }
            }
        }
    }
}

struct Broker {
    server: Server,
    now: Instant,
    tag: u64,
}

impl Subject for Broker {
    forward!(server);
    timers!(server);
    fn feed(&mut self, now: Instant, bytes: &mut [u8]) -> usize {
        self.now = now;
        self.server.handle_input(now, bytes)
    }
    fn lend(&mut self, unit: &mut [u8]) -> Option<Lent> {
        let payload = self.server.next_payload(unit)?;
        Some(Lent { bytes: payload.bytes.to_vec(), end: payload.end })
    }
    fn event(&mut self) -> Option<String> {
        let event = self.server.poll_event()?;
        match &event {
            ServerEvent::Connect => {
                let _over = self.server.accept(self.now, false);
            }
            ServerEvent::Subscribe(request) => self.server.grant_all(self.now, request),
            ServerEvent::Unsubscribed(_)
            | ServerEvent::Published { .. }
            | ServerEvent::Pinged
            | ServerEvent::Disconnected
            | ServerEvent::Closed(_) => {}
        }
        Some(format!("{event:?}"))
    }
    fn written(&mut self, now: Instant) {
        self.server.handle_written(now);
    }
    fn act(&mut self, now: Instant, what: u64) {
        self.tag += 1;
        let bytes = letters(what >> 8 & 0x7ff);
        let len = u32::try_from(bytes.len()).unwrap();
        let qos = u8::try_from(what >> 32 & 1).unwrap();
        let publish = Publish { topic: "down/x", qos, retain: false, len, tag: self.tag };
        if self.server.publish(now, &publish).is_ok() {
            self.server.send(now, &bytes);
        }
    }
}

pub(crate) fn pair() -> Pair {
    let now = Instant::from_millis(1000);
    let connect = Connect { client_id: "me", clean: true, keep_alive_s: 3, ..Connect::default() };
    let client = Client::new(now, &connect, Config::default()).unwrap();
    let server = Server::new(now, Config::default());
    (Box::new(Device { client, tag: 0 }), Box::new(Broker { server, now, tag: 0 }))
}
