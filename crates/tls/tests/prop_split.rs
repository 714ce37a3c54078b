//! However bytes are split, sessions say the same.
#![expect(clippy::unwrap_used, reason = "tests")]

use mainstay_base::Instant;
use mainstay_tls::{ClientConfig, Event, ServerConfig, Version};
use proptest::prelude::*;

#[path = "shared/link.rs"]
mod link;
use link::{Authority, Side, client_options, run, server_options};

fn plain_events(side: &Side) -> Vec<&'static str> {
    let name = |event: &Event| match event {
        Event::Up(_) => "up",
        Event::PeerFinished => "finished",
        Event::Failed(_) => "failed",
    };
    side.events.iter().map(name).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    // Covers LAY-186
    #[test]
    fn any_split_gives_the_same_plaintext_and_events(
        piece in 1_usize..3000,
        messages in proptest::collection::vec(1_usize..40_000, 1..4),
        old in any::<bool>(),
    ) {
        let authority = Authority::new();
        let mut options = client_options(&authority);
        options.max = if old { Version::Tls12 } else { Version::Tls13 };
        let client = ClientConfig::new(options).unwrap();
        let server = ServerConfig::new(server_options(&authority)).unwrap();
        let (mut client, mut server) = (Side::client(&client, "server.test"), Side::server(&server));
        run(&mut client, &mut server, piece);
        let mut sent = Vec::new();
        let mut wire = Vec::new();
        for (at, len) in messages.into_iter().enumerate() {
            let message = vec![u8::try_from(at).unwrap(); len];
            wire.extend(client.seal(&message));
            sent.extend(message);
        }
        client.session.finish(Instant::ZERO);
        wire.extend(client.out());
        server.give(wire, piece);
        prop_assert!(server.read == sent);
        prop_assert_eq!(plain_events(&server), ["up", "finished"]);
        prop_assert_eq!(plain_events(&client), ["up"]);
    }

    // Covers LAY-186
    #[test]
    fn no_input_panics_or_loops(bytes in proptest::collection::vec(any::<u8>(), 0..2000), piece in 1_usize..200, up in any::<bool>()) {
        let authority = Authority::new();
        let client = ClientConfig::new(client_options(&authority)).unwrap();
        let server = ServerConfig::new(server_options(&authority)).unwrap();
        let (mut client, mut server) = (Side::client(&client, "server.test"), Side::server(&server));
        if up {
            run(&mut client, &mut server, usize::MAX);
        }
        client.give(bytes.clone(), piece);
        server.give(bytes, piece);
        client.out();
        server.out();
    }
}
