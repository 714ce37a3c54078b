//! Every number that bounds memory or work.

/// Bytes of one record at most: header, content and the most expansion a cipher may add.
/// RFC 5246 §6.2.3 (TLS 1.3 allows less: RFC 8446 §5.2).
pub const RECORD_MAX: usize = 5 + 16_384 + 2_048;

/// Ciphertext held once the session is up: one partial record (LAY-265).
pub const DATA_HELD_MAX: usize = RECORD_MAX;

/// Ciphertext held during the handshake, where messages may span records.
/// chosen: LAY-265; a chain of ten ordinary certificates is below 20 KiB.
pub const HANDSHAKE_HELD_MAX: usize = 64 * 1024;

/// Certificates a peer may present. chosen: LAY-268.
pub const CERTIFICATES_MAX: usize = 10;

/// Server names whose sessions a client remembers. chosen: LAY-254.
pub const RESUMED_NAMES: usize = 256;

/// Sessions a server remembers for TLS 1.2 peers without tickets. chosen: LAY-206.
pub const SESSION_CACHE: usize = 256;

/// Shortest RSA key accepted, in bits. chosen: what CA/Browser Forum BR §6.1.5 demands of CAs.
pub const RSA_BITS_MIN: usize = 2048;

/// Plaintext in one record. RFC 8446 §5.1.
pub(crate) const FRAGMENT_MAX: usize = 16_384;

/// What a record may cost over its plaintext when sealed: header 5, explicit nonce 8, tag 16,
/// content type 1. RFC 5246 §6.2.3.3, RFC 8446 §5.2.
pub(crate) const SEAL_OVERHEAD: usize = 30;
