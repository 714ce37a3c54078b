//! Keys of a streamtype: server (SS-438).

use super::Slot::{BareFlag, Flag, Special as By, Text};
use super::{Key, Special};
use crate::model::Streamtype;

type K = Key<Streamtype>;

pub(super) static KEYS: &[K] = &[
    K::new("server", Flag(|s| &mut s.server.server), "the streamtype listens").needed(),
    K::new("server_cert", Text(|s| &mut s.server.cert), "the certificate, a name in certs").hint(),
    K::new("server_key", Text(|s| &mut s.server.key), "its key, a name in certs").hint(),
    K::new("options", By(Special::Options), "options of the listener").hint(),
    K::new("server_upgrade_compat", BareFlag, "reports upgrades in the order of lws").ours().hint(),
];
