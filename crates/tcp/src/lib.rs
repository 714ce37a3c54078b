//! TCP as a value: endpoints, listeners and the engine that owns what outlives them.
//!
//! Segments, time and a secret go in; segments, events and one deadline come out. No allocator, no clock, no global,
//! no floating point, no `unsafe`.
//!
//! The caller brings memory ([`Tables`]) and what a connection is made of ([`Profile`]), carries segments between the
//! engine and the IP layer, and asks for events. Here two engines carry them to each other:
//!
//! ```
//! use core::net::{IpAddr, SocketAddr};
//! use mainstay_base::{Instant, Rng};
//! use mainstay_tcp::{
//!     Config, Endpoint, Engine, FastOpen, Handle, Ingress, Listener, Meta, Path, Push, Settings, SettingsOf, Slot, State,
//!     Std, Tables, index::Scan, queue::RingQueue,
//! };
//! use mainstay_wire::ip::Ecn;
//!
//! type Parts = Std<[u8; 2599], RingQueue<[u8; 2000]>>; // what it receives into, what it sends from
//!
//! struct One; // an engine with room for one endpoint and one listener
//! impl Tables for One {
//!     type Profile = Parts;
//!     type Slots = [Slot<Parts>; 1];
//!     type Listeners = [Listener; 1];
//!     type Index = Scan;
//!     type Memory = ();
//! }
//!
//! fn engine(entropy: [u8; 32], settings: &'static SettingsOf<Parts>) -> (Engine<One>, Handle) {
//!     let (config, rng, index) = (Config::default(), Rng::new(entropy), Scan::default());
//!     let mut engine = Engine::new(config, rng, [Slot::default()], [Listener::default()], index);
//!     let endpoint = Endpoint::new([0; 2599], RingQueue::new([0; 2000]), settings, ()).unwrap();
//!     let handle = engine.attach(endpoint).unwrap();
//!     (engine, handle)
//! }
//!
//! /// Hands everything that `from` wants to send to `to`, which accepts whoever asks.
//! fn carry(now: Instant, from: &mut Engine<One>, to: &mut Engine<One>, into: Handle) {
//!     while let Some(out) = from.poll_transmit(now) {
//!         let bytes = [out.header, &out.payload.as_slice().concat()[..]].concat();
//!         let (source, destination, ecn) = (out.source, out.destination, out.ecn);
//!         let meta = Meta { source, destination, ecn, unit: None, verified: false, mtu: 1500 };
//!         if let Ingress::Incoming(incoming) = to.handle_segment(now, &meta, &bytes) {
//!             incoming.accept(into).unwrap();
//!         }
//!     }
//! }
//!
//! let settings = Box::leak(Box::new(Settings::host(Default::default())));
//! let (mut client, ours) = engine([1; 32], settings);
//! let (mut server, theirs) = engine([2; 32], settings);
//! let now = Instant::from_millis(1);
//!
//! let address: SocketAddr = "192.0.2.2:80".parse()?;
//! server.listen(address)?;
//! let source: IpAddr = "192.0.2.1".parse()?;
//! let mut paths = |_peer: IpAddr, _from: Option<IpAddr>| Some(Path { source, mtu: 1500 });
//! client.at(now, ours).unwrap().connect(address, FastOpen::No, &mut paths)?;
//! client.at(now, ours).unwrap().write(b"hello", Push::Now)?; // waits until there is a connection
//! for _ in 0..3 {
//!     carry(now, &mut client, &mut server, theirs);
//!     carry(now, &mut server, &mut client, ours);
//! }
//! let mut piece = [0; 100];
//! let len = server.at(now, theirs).unwrap().read(&mut piece)?;
//! assert_eq!(&piece[..len], b"hello");
//! assert_eq!(client.endpoint(ours).unwrap().state(), State::Established);
//! // A driver does the same in its loop, asks `poll_event` what happened, sleeps until `next_deadline` at the latest, and
//! // then calls `handle_timeout`.
//! assert!(client.poll_event().is_some());
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```

#![no_std]
#![forbid(unsafe_code)]

pub mod buckets;
pub mod congestion;
pub mod fast_open;
pub mod index;
pub mod isn;
pub mod losses;
pub mod offset;
pub mod ports;
pub mod profile;
pub mod queue;
pub mod rate;
pub mod reassembly;
pub mod scoreboard;
pub mod syn_cookie;
pub mod syn_queue;
pub mod time_wait;

mod accurate;
mod acknowledge;
mod bits;
mod challenge;
mod end;
mod endpoint;
mod engine;
mod error;
mod event;
mod extras;
mod fine;
mod frto;
mod full;
mod head;
mod limits;
mod negotiate;
mod path_search;
mod predict;
mod prf;
mod receive;
mod recovery;
mod rotation;
mod rtt;
mod segment_arrives;
mod seq;
mod settings;
mod shifts;
mod sizes;
pub mod sizing;
mod tell;
mod time;
mod timeout;
mod timers;
mod trace;
mod transmit;

pub use accurate::Accurate;
pub use endpoint::{Address, Either, Endpoint, Facts, Push};
pub use engine::{
    Answers, Config, Counters, Engine, EventOf, FastOpen, FastOpenPolicy, Handle, IcmpError,
    IcmpKind, Incoming, Ingress, Kept, Listener, ListenerHandle, Live, Memory, Meta, Path, Paths,
    Slot, Summed, Tables, Transmit, Transmitted, Unknown,
};
pub use error::{SendError, TcpError};
pub use event::{Disconnected, Event, Soft, State};
pub use extras::{Budget, Expect, Extra, Extras, Standing, Traffic};
pub use fine::{Fine, Finer, Finest, Rounds};
pub use path_search::PathSearch;
pub use prf::{Prf, Secret, SipHash, Tuple};
pub use profile::{Extended, Host, Profile, SettingsOf, Std, Tiny};
pub use segment_arrives::Ignored;
pub use seq::Seq;
pub use settings::{Keepalive, Settings};
pub use timers::{Rtx, Timer, Watch};
pub use trace::{Step, Tally, Trace, Traced};
