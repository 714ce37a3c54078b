//! The key log: the secrets of sessions, for whoever is to decrypt a recording of them.

use core::fmt::{self, Write as _};
use std::sync::Arc;

/// Where session secrets go: nowhere, unless somebody makes one of these (LAY-264). No environment
/// variable is read.
///
/// Each call of the sink is one line of the NSS key log format, without its line end:
/// `LABEL CLIENT_RANDOM SECRET`, the latter two in hexadecimal. Whoever reads these lines can read
/// the connections. Clones share the sink. Called while a handshake is driven; it must not block.
#[derive(Clone)]
pub struct KeyLog(Arc<dyn Fn(&str) + Send + Sync>);

impl KeyLog {
    /// Lines go to `sink`.
    #[must_use]
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(sink))
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyLog")
    }
}

impl rustls::KeyLog for KeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        (self.0)(&line(label, client_random, secret));
    }
}

fn line(label: &str, client_random: &[u8], secret: &[u8]) -> String {
    let mut line = label.to_owned();
    for part in [client_random, secret] {
        line.push(' ');
        for byte in part {
            // Writing to a string never fails.
            let _infallible = write!(line, "{byte:02x}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_label_and_two_hexadecimal_numbers() {
        assert_eq!(line("CLIENT_RANDOM", &[0, 0xab], &[0x10]), "CLIENT_RANDOM 00ab 10");
    }
}
