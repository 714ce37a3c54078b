//! The MQTT peer: the server role of mqtt-protocol-core, one task per client, one broker.

use super::broker::{Broker, Delivery};
use super::tally::{Endpoint, Service};
use super::{Site, tls};
use core::cell::RefCell;
use core::time::Duration;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{Connection, Event, role};
use mqtt_protocol_core::mqtt::packet::{GenericPacketTrait, Packet, Qos, v3_1_1};
use mqtt_protocol_core::mqtt::result_code::{ConnectReturnCode, MqttError, SubackReturnCode};
use mqtt_protocol_core::mqtt::{Version, connection::TimerKind};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Messages that wait for one client. chosen: a client that reads is never that far behind.
const OUTBOX_MAX: usize = 64;
/// Between two commands. chosen: one a second can be watched.
const COMMAND: Duration = Duration::from_secs(1);
/// Where commands are published.
const COMMAND_TOPIC: &str = "demo/commands";

pub(crate) async fn serve(listener: TcpListener, acceptor: TlsAcceptor, site: Arc<Site>) {
    let broker = Rc::new(RefCell::new(Broker::default()));
    tokio::task::spawn_local(command(Rc::clone(&broker), Arc::clone(&site)));
    loop {
        let stream = tls::accept(&listener).await;
        let (acceptor, broker, site) = (acceptor.clone(), Rc::clone(&broker), Arc::clone(&site));
        tokio::task::spawn_local(async move {
            let _ended = client(stream, acceptor, broker, site).await;
        });
    }
}

/// Publishes a command every second, to whom it may concern.
async fn command(broker: Rc<RefCell<Broker>>, site: Arc<Site>) {
    let mut clock = tokio::time::interval(COMMAND);
    let mut number = 0_u64;
    loop {
        clock.tick().await;
        if site.is_hushed() {
            continue;
        }
        number += 1;
        let payload = format!(r#"{{"command":"sample","number":{number}}}"#).into_bytes();
        let topic = COMMAND_TOPIC.to_owned();
        broker.borrow_mut().publish(&Delivery { topic, payload, qos: 1, retained: false });
    }
}

async fn client(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    broker: Rc<RefCell<Broker>>,
    site: Arc<Site>,
) -> io::Result<()> {
    let stream = acceptor.accept(stream).await?;
    site.counters().connected(Service::Mqtt);
    let (outbox, inbox) = mpsc::channel(OUTBOX_MAX);
    let member = broker.borrow_mut().join(outbox);
    let mut connection = Connection::<role::Server>::new(Version::V3_1_1);
    connection.set_auto_pub_response(true);
    connection.set_auto_ping_response(true);
    let deadline = None;
    let mut session = Session { stream, connection, deadline, member, broker, site, over: false };
    let ended = session.run(inbox).await;
    session.broker.borrow_mut().part(member);
    ended
}

struct Session {
    stream: TlsStream<TcpStream>,
    connection: Connection<role::Server>,
    /// When the client must have been heard.
    deadline: Option<Instant>,
    member: u64,
    broker: Rc<RefCell<Broker>>,
    site: Arc<Site>,
    over: bool,
}

impl Session {
    async fn run(&mut self, mut inbox: mpsc::Receiver<Delivery>) -> io::Result<()> {
        let mut buffer = vec![0; 16 * 1024];
        while !self.over {
            let silence = self.deadline;
            tokio::select! {
                read = self.stream.read(&mut buffer) => {
                    let len = read?;
                    if len == 0 {
                        break;
                    }
                    self.take(buffer.get(..len).unwrap_or_default()).await?;
                }
                delivery = inbox.recv() => match delivery {
                    Some(delivery) => self.deliver(delivery).await?,
                    None => break,
                },
                () = sleep_until(silence) => {
                    self.deadline = None;
                    let events = self.connection.notify_timer_fired(TimerKind::PingreqRecv);
                    self.act(events).await?;
                }
            }
        }
        self.stream.shutdown().await
    }

    async fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut cursor = Cursor::new(bytes);
        while usize::try_from(cursor.position()).is_ok_and(|at| at < bytes.len()) && !self.over {
            let events = self.connection.recv(&mut cursor);
            self.act(events).await?;
        }
        Ok(())
    }

    /// Does what the library asks, in order; what a packet causes comes before what follows it.
    async fn act(&mut self, events: Vec<Event>) -> io::Result<()> {
        let mut queue = std::collections::VecDeque::from(events);
        while let Some(event) = queue.pop_front() {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    self.stream.write_all(&packet.to_continuous_buffer()).await?;
                }
                Event::NotifyPacketReceived(packet) => {
                    for caused in self.answer(packet).map_err(refused)?.into_iter().rev() {
                        queue.push_front(caused);
                    }
                }
                Event::RequestTimerReset { duration_ms, .. } => {
                    self.deadline = Some(Instant::now() + Duration::from_millis(duration_ms));
                }
                Event::RequestTimerCancel(_) => self.deadline = None,
                Event::RequestClose => self.over = true,
                Event::NotifyPacketIdReleased(_) | Event::NotifyError(_) => {}
            }
        }
        self.stream.flush().await
    }

    fn answer(&mut self, packet: Packet) -> Result<Vec<Event>, MqttError> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the library's packets of MQTT 5")]
        match packet {
            Packet::V3_1_1Connect(_) => {
                let accepted = v3_1_1::Connack::builder()
                    .session_present(false)
                    .return_code(ConnectReturnCode::Accepted)
                    .build()?;
                Ok(self.connection.checked_send(accepted))
            }
            Packet::V3_1_1Subscribe(subscribe) => self.subscribe(&subscribe),
            Packet::V3_1_1Unsubscribe(unsubscribe) => {
                for filter in unsubscribe.entries() {
                    self.broker.borrow_mut().unsubscribe(self.member, filter.as_str());
                }
                let id = unsubscribe.packet_id();
                let done = v3_1_1::Unsuback::builder().packet_id(id).build()?;
                Ok(self.connection.checked_send(done))
            }
            Packet::V3_1_1Publish(publish) => {
                let payload = publish.payload().as_slice().to_vec();
                self.site.counters().received(Endpoint::Published, 1, payload.len());
                self.broker.borrow_mut().publish(&Delivery {
                    topic: publish.topic_name().to_owned(),
                    payload,
                    qos: u8::from(publish.qos() != Qos::AtMostOnce),
                    retained: publish.retain(),
                });
                Ok(Vec::new())
            }
            Packet::V3_1_1Disconnect(_) => {
                self.over = true;
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn subscribe(&mut self, subscribe: &v3_1_1::Subscribe) -> Result<Vec<Event>, MqttError> {
        let mut codes = Vec::new();
        for entry in subscribe.entries() {
            let wanted = u8::from(entry.sub_opts().qos() != Qos::AtMostOnce);
            let filter = entry.topic_filter();
            codes.push(match self.broker.borrow_mut().subscribe(self.member, filter, wanted) {
                0 => SubackReturnCode::SuccessMaximumQos0,
                _ => SubackReturnCode::SuccessMaximumQos1,
            });
        }
        let id = subscribe.packet_id();
        let granted = v3_1_1::Suback::builder().packet_id(id).return_codes(codes).build()?;
        Ok(self.connection.checked_send(granted))
    }

    async fn deliver(&mut self, delivery: Delivery) -> io::Result<()> {
        let len = delivery.payload.len();
        let events = self.publish(delivery).map_err(refused)?;
        self.site.counters().sent(Endpoint::Delivered, 1, len);
        self.act(events).await
    }

    fn publish(&mut self, delivery: Delivery) -> Result<Vec<Event>, MqttError> {
        let mut publish = v3_1_1::Publish::builder()
            .topic_name(delivery.topic)?
            .retain(delivery.retained)
            .payload(delivery.payload);
        if delivery.qos > 0 {
            let id = self.connection.acquire_packet_id()?;
            publish = publish.qos(Qos::AtLeastOnce).packet_id(id);
        }
        Ok(self.connection.checked_send(publish.build()?))
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => core::future::pending().await,
    }
}

fn refused(error: MqttError) -> io::Error {
    io::Error::other(format!("{error:?}"))
}
