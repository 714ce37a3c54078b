//! What an idle session costs, counted by an allocator of our own.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(unsafe_code, reason = "an allocator cannot be written without")]

use core::alloc::{GlobalAlloc, Layout};
use core::cell::Cell;
use std::alloc::System;

use mainstay_tls::{ClientConfig, ServerConfig, Version};

#[path = "shared/link.rs"]
mod link;
use link::{Authority, client_options, connect, server_options};

/// Counts the bytes each thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<i64> = const { Cell::new(0) };
}

fn count(bytes: usize, sign: i64) {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    let _ = HELD.try_with(|held| held.set(held.get() + sign * bytes));
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 1);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(layout.size(), -1);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
        let before = HELD.with(Cell::get);
        drop(client);
        let idle = before - HELD.with(Cell::get);
        assert!(idle > 1000, "{version:?} counted nothing: {idle}");
        assert!(idle < 5000, "{version:?}: {idle} bytes");
        drop(server);
    }
}
