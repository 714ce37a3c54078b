//! rumqttc's event loop, fed from the same task.

use super::{Job, Lap};
use crate::scenario::{PAYLOAD, TOPIC};
use crate::{Fallible, pki};
use core::time::Duration;
use rumqttc::{
    AsyncClient, Event, MqttOptions, NetworkOptions, Packet, QoS, TlsConfiguration, Transport,
};

pub(super) async fn run(job: &Job) -> Fallible {
    let mut options = MqttOptions::new("bench-theirs", "127.0.0.1", job.port);
    options.set_keep_alive(Duration::from_secs(60)).set_clean_session(true).set_inflight(128);
    if let Some(ca) = &job.ca {
        let config = TlsConfiguration::Rustls(pki::client(ca, &[])?);
        options.set_transport(Transport::tls_with_config(config));
    }
    let (client, mut events) = AsyncClient::new(options, 256);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    while !matches!(events.poll().await?, Event::Incoming(Packet::ConnAck(_))) {}
    let mut lap = Lap::new(job);
    let publish = |lap: &mut Lap| {
        if lap.begin() {
            return client.try_publish(TOPIC, QoS::AtLeastOnce, false, PAYLOAD.to_vec());
        }
        Ok(())
    };
    for _ in 0..job.in_flight {
        publish(&mut lap)?;
    }
    while !lap.is_over() {
        if let Event::Incoming(Packet::PubAck(_)) = events.poll().await? {
            lap.finish();
            publish(&mut lap)?;
        }
    }
    lap.report();
    Ok(())
}
