//! Masks for frames that the machine sends on its own account: pongs, and answers to a close.

use mainstay_base::Rng;
use sha1::{Digest as _, Sha1};

/// Unguessable masks without a generator at hand: SHA-1 of a secret and a count.
///
/// The one to guard against is a server that makes a client write bytes of its choice
/// (RFC 6455 §10.3); it sees past masks, and learns from them neither the secret nor the next.
#[derive(Debug)]
pub(crate) struct Masks {
    secret: [u8; 16],
    count: u32,
}

impl Masks {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut secret = [0; 16];
        rng.fill(&mut secret);
        Self { secret, count: 0 }
    }

    pub(crate) fn next(&mut self) -> [u8; 4] {
        self.count = self.count.wrapping_add(1);
        let digest =
            Sha1::new().chain_update(self.secret).chain_update(self.count.to_be_bytes()).finalize();
        digest.first_chunk().copied().unwrap_or_default()
    }
}
