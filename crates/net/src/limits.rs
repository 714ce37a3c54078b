//! Every number that bounds memory or time, and where it comes from.
//!
//! What a device may want otherwise is a field of [`Config`]; the rest are the protocols' own constants.

use crate::rate::Rate;
use core::time::Duration;
use mainstay_wire::ip::HOP_LIMIT;

/// What a stack may hold and how fast it may speak. Every field may be made small, down to 0 or 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Interfaces.
    pub interfaces_max: usize,
    /// Addresses of one interface.
    pub addresses_max: usize,
    /// Routes, those of our own networks included.
    pub routes_max: usize,
    /// Multicast groups of one interface, those of its own addresses included.
    pub groups_max: usize,
    /// Neighbours remembered on one interface.
    pub neighbours_max: usize,
    /// Packets that wait for one neighbour to be found.
    pub held_packets_max: usize,
    /// Bytes that wait for neighbours of one interface to be found.
    pub held_bytes_max: usize,
    /// Bytes of packets ready to leave.
    pub ready_bytes_max: usize,
    /// Bytes of fragments held in all, with what it costs to keep them.
    pub fragment_bytes_max: usize,
    /// Bytes of fragments held of one source.
    pub fragment_source_bytes_max: usize,
    /// Datagrams being put together.
    pub fragmented_max: usize,
    /// Fragments of one datagram.
    pub fragments_max: usize,
    /// UDP sockets.
    pub sockets_max: usize,
    /// Received bytes waiting at one UDP socket.
    pub socket_bytes_max: usize,
    /// Paths known to be narrower than their first link.
    pub paths_max: usize,
    /// The least MTU believed of an IPv4 path.
    pub path_mtu_floor_v4: usize,
    /// How many ICMP errors leave, to all peers together.
    pub errors_sent: Rate,
    /// How many echo requests are answered, of all peers together.
    pub echoes_answered: Rate,
    /// How often an IPv4 address is asked for before it is used; 0: it is used at once.
    pub probes_v4: u8,
    /// How often an IPv6 address is asked for before it is used; 0: it is used at once. RFC 4862 §5.1
    pub probes_v6: u8,
    /// Echo requests whose answer is waited for.
    pub echoes_max: usize,
    /// The ports drawn for sockets that ask for none.
    pub ports: core::ops::RangeInclusive<u16>,
    /// The hop limit of what we send, unless a socket says otherwise.
    pub hop_limit: u8,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interfaces_max: INTERFACES_MAX,
            addresses_max: ADDRESSES_MAX,
            routes_max: ROUTES_MAX,
            groups_max: GROUPS_MAX,
            neighbours_max: NEIGHBOURS_MAX,
            held_packets_max: HELD_PACKETS_MAX,
            held_bytes_max: HELD_BYTES_MAX,
            ready_bytes_max: READY_BYTES_MAX,
            fragment_bytes_max: FRAGMENT_BYTES_MAX,
            fragment_source_bytes_max: FRAGMENT_SOURCE_BYTES_MAX,
            fragmented_max: FRAGMENTED_MAX,
            fragments_max: FRAGMENTS_MAX,
            sockets_max: SOCKETS_MAX,
            socket_bytes_max: SOCKET_BYTES_MAX,
            paths_max: PATHS_MAX,
            path_mtu_floor_v4: PATH_MTU_FLOOR_V4,
            errors_sent: ERRORS_SENT,
            echoes_answered: ECHOES_ANSWERED,
            probes_v4: PROBES_V4,
            probes_v6: PROBES_V6,
            echoes_max: ECHOES_MAX,
            ports: PORT_FIRST..=PORT_LAST,
            hop_limit: HOP_LIMIT,
        }
    }
}

/// chosen: a gateway has two or three links and a few tunnels.
const INTERFACES_MAX: usize = 16;
/// chosen: an IPv4 address, a link-local one, and a few per prefix of a renumbered network.
const ADDRESSES_MAX: usize = 16;
/// chosen: the routes of a host, not those of a router.
const ROUTES_MAX: usize = 64;
/// chosen: a solicited-node group per address, and as many for applications.
const GROUPS_MAX: usize = 32;
/// chosen: a full /24.
const NEIGHBOURS_MAX: usize = 256;
/// chosen: the fragments of one large datagram; RFC 4861 §7.2.2 asks for one packet at least.
const HELD_PACKETS_MAX: usize = 64;
/// chosen: as much as one large datagram in fragments.
const HELD_BYTES_MAX: usize = 73_728;
/// chosen: a large datagram in fragments, and some more.
const READY_BYTES_MAX: usize = 262_144;
/// chosen: two dozen large datagrams of honest peers.
const FRAGMENT_BYTES_MAX: usize = 1_048_576;
/// chosen: four large datagrams; a single source never takes more than a quarter of the whole.
const FRAGMENT_SOURCE_BYTES_MAX: usize = 262_144;
/// chosen: with the bytes bounded, this bounds what tiny fragments cost.
const FRAGMENTED_MAX: usize = 64;
/// chosen: 65 535 bytes in pieces of 552.
const FRAGMENTS_MAX: usize = 128;
/// chosen: a resolver's queries, time, leases, discovery, and plenty for applications.
const SOCKETS_MAX: usize = 256;
/// chosen: one datagram of the largest size, or a burst of small ones.
const SOCKET_BYTES_MAX: usize = 131_072;
/// chosen: the peers of a busy device.
const PATHS_MAX: usize = 256;
/// chosen: what Linux believes at least (`min_pmtu`); TCP-178.
const PATH_MTU_FLOOR_V4: usize = 552;
/// chosen: RFC 4443 §2.4 (f) asks for a bucket and gives 10 messages and 10 per second as an example.
const ERRORS_SENT: Rate = Rate { burst: 10, interval: Duration::from_millis(100) };
/// chosen: a flood ping of a LAN, not of an attacker.
const ECHOES_ANSWERED: Rate = Rate { burst: 100, interval: Duration::from_millis(1) };
/// RFC 5227 §1.1 `PROBE_NUM`
const PROBES_V4: u8 = 3;
/// RFC 4862 §5.1 `DupAddrDetectTransmits`
const PROBES_V6: u8 = 1;
/// chosen: somebody looks at whether a few are there
const ECHOES_MAX: usize = 16;
/// RFC 6335 §6, the dynamic ports
const PORT_FIRST: u16 = 49_152;
/// RFC 6335 §6, the dynamic ports
const PORT_LAST: u16 = 65_535;

/// How long a narrow path is believed. RFC 8201 §4, RFC 1191 §6.3: ten minutes.
pub(crate) const PATH_MTU_AGE: Duration = Duration::from_secs(600);
/// The least MTU of an IPv6 link. RFC 8200 §5
pub(crate) const PATH_MTU_FLOOR_V6: usize = 1280;

/// How long a datagram waits for its missing fragments. chosen: Linux's and BSD's 30 s; RFC 1122 §3.3.2 says 60 to
/// 120 s, which RFC 4963 §3 shows to be too long for 16 bits of identification.
pub(crate) const REASSEMBLY_WAIT_V4: Duration = Duration::from_secs(30);
/// How long a datagram waits for its missing fragments. RFC 8200 §4.5
pub(crate) const REASSEMBLY_WAIT_V6: Duration = Duration::from_secs(60);
/// What a kept fragment costs beside its bytes. chosen: a vector's header, its place in the list, the allocator's.
pub(crate) const FRAGMENT_COST: usize = 64;

/// How often a neighbour is asked for before it counts as absent. RFC 4861 §10 `MAX_MULTICAST_SOLICIT`
pub(crate) const MULTICAST_SOLICITS: u8 = 3;
/// How often a known neighbour is asked whether it is still there. RFC 4861 §10 `MAX_UNICAST_SOLICIT`
pub(crate) const UNICAST_SOLICITS: u8 = 3;
/// Between two such questions. RFC 4861 §10 `RETRANS_TIMER`
pub(crate) const RETRANS_TIMER: Duration = Duration::from_secs(1);
/// How long a confirmed neighbour counts as reachable, before jitter. RFC 4861 §10 `REACHABLE_TIME`
pub(crate) const REACHABLE_TIME: Duration = Duration::from_secs(30);
/// How long upper layers have to confirm a stale neighbour. RFC 4861 §10 `DELAY_FIRST_PROBE_TIME`
pub(crate) const DELAY_FIRST_PROBE_TIME: Duration = Duration::from_secs(5);
/// How long a neighbour that did not answer is not asked for again. chosen: so that a sender in a hurry makes one
/// question a second at most (RFC 1122 §2.3.2.1).
pub(crate) const ABSENT_WAIT: Duration = Duration::from_secs(1);

/// The longest wait before the first IPv4 probe. RFC 5227 §1.1 `PROBE_WAIT`
pub(crate) const PROBE_WAIT: Duration = Duration::from_secs(1);
/// The shortest wait between IPv4 probes. RFC 5227 §1.1 `PROBE_MIN`
pub(crate) const PROBE_MIN: Duration = Duration::from_secs(1);
/// The longest wait between IPv4 probes. RFC 5227 §1.1 `PROBE_MAX`
pub(crate) const PROBE_MAX: Duration = Duration::from_secs(2);
/// The wait after the last IPv4 probe. RFC 5227 §1.1 `ANNOUNCE_WAIT`
pub(crate) const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
/// How often a new IPv4 address is announced. RFC 5227 §1.1 `ANNOUNCE_NUM`
pub(crate) const ANNOUNCE_COUNT: u8 = 2;
/// Between two announcements. RFC 5227 §1.1 `ANNOUNCE_INTERVAL`
pub(crate) const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// How often an address in use is defended. RFC 5227 §1.1 `DEFEND_INTERVAL`
pub(crate) const DEFEND_INTERVAL: Duration = Duration::from_secs(10);
/// The longest wait before the first IPv6 probe. RFC 4861 §10 `MAX_RTR_SOLICITATION_DELAY`
pub(crate) const SOLICIT_DELAY: Duration = Duration::from_secs(1);

/// How often a membership is reported unasked. RFC 3810 §9.1, RFC 3376 §8.1: the robustness variable
pub(crate) const REPORT_COUNT: u8 = 2;
/// The longest wait between unasked reports. RFC 3810 §9.11, RFC 3376 §8.11
pub(crate) const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// Between two answers about one group. chosen: a querier has just heard the one before
pub(crate) const REPORT_PAUSE: Duration = Duration::from_millis(100);

/// How long a querier of an older version is spoken to in its own. RFC 3810 §9.12: 2 times 125 s and 10 s more
pub(crate) const OLDER_QUERIER_WAIT: Duration = Duration::from_secs(260);
