//! What an idle session costs.
#![expect(clippy::unwrap_used, reason = "tests")]

use cap::Cap;
use std::alloc::System;

use mainstay_tls::{ClientConfig, ServerConfig, Version};

#[path = "shared/link.rs"]
mod link;
use link::{Authority, client_options, connect, server_options};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes in use by everybody: this file has one test.
fn held() -> i64 {
    i64::try_from(ALLOCATOR.allocated()).unwrap_or(i64::MAX)
}

#[test]
fn an_idle_client_session_costs_less_than_five_kilobytes() {
    for version in [Version::Tls13, Version::Tls12] {
        let authority = Authority::new();
        let mut options = client_options(&authority);
        options.max = version;
        options.resume = false;
        let config = ClientConfig::new(options).unwrap();
        let server_config = ServerConfig::new(server_options(&authority)).unwrap();
        connect(&config, &server_config);
        let (mut client, mut server) = connect(&config, &server_config);
        // Traffic, in pieces, so that whatever is kept from it shows.
        for piece in [usize::MAX, 777] {
            let wire = client.seal(&[1; 40_000]);
            server.give(wire, piece);
            let wire = server.seal(&[2; 40_000]);
            client.give(wire, piece);
        }
        client.events = Vec::new();
        client.read = Vec::new();
        let before = held();
        drop(client);
        let idle = before - held();
        assert!(idle > 1000, "{version:?} counted nothing: {idle}");
        assert!(idle < 5000, "{version:?}: {idle} bytes");
        drop(server);
    }
}
