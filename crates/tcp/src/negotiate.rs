//! What the two SYNs agree on (section 4 of the specification).

use crate::bits::Bits;
use crate::congestion::CongestionControl;
use crate::endpoint::{Endpoint, clamp, initial_window};
use crate::limits::{MSS_DEFAULT_V4, MSS_DEFAULT_V6, MSS_MIN, SHIFT_MAX};
use crate::profile::Profile;
use crate::reassembly::Ring;
use crate::seq::Seq;
use crate::shifts::Shifts;
use crate::time::Now;
use mainstay_wire::ip::Ecn;
use mainstay_wire::tcp::{Flags, Header, Options, Timestamps, UserTimeout};

/// The shortest user timeout that is told or believed, in seconds (TCP-374). RFC 5482 §3.1
const TIMEOUT_MIN: u16 = 100;
/// The longest, in seconds (TCP-374). chosen: the specification's
const TIMEOUT_MAX: u16 = 3600;

// Deferred TCP-376: the ACK rate request is an Internet-Draft still: its revisions change the option, and it has no kind of its own.

/// What timestamps take in every segment. RFC 7323 appendix A
pub(crate) const TIMESTAMPS_LEN: u16 = 12;

use crate::endpoint::Address as _;

impl<P: Profile> Endpoint<P> {
    /// The options of our SYN or SYN-ACK (TCP-350, TCP-352, TCP-354).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn offer(&self, now: Now, answer: bool, options: &mut Options) {
        options.mss = Some(self.rcv_mss);
        options.window_scale = self.offers_scale(answer).then(|| self.wanted_shift());
        options.sack_permitted = self.bits.has(Bits::SACK);
        options.timestamps = self.timestamps(now, answer);
        // Beside the longest cookie there would be no room for it.
        if !self.bits.has(Bits::FAST_OPEN) {
            options.user_timeout = self.own_timeout();
        }
    }

    /// What the peer is told of our user timeout (RFC 5482 §3.1, TCP-374).
    fn own_timeout(&self) -> Option<UserTimeout> {
        let settings = self.settings.as_ref();
        let seconds = settings.user_timeout.filter(|_| settings.user_timeout_option)? / 1000;
        let value = u16::try_from(seconds).unwrap_or(u16::MAX).clamp(TIMEOUT_MIN, TIMEOUT_MAX);
        Some(UserTimeout { minutes: false, value })
    }

    /// The peer's (RFC 5482 §3.1): it may make ours longer, within bounds.
    fn take_user_timeout(&mut self, options: &Options) {
        if let Some(UserTimeout { minutes, value }) = options.user_timeout
            && self.settings.as_ref().user_timeout_option
        {
            let seconds = if minutes { value.saturating_mul(60) } else { value };
            self.hints.peer_timeout = seconds.clamp(TIMEOUT_MIN, TIMEOUT_MAX);
        }
    }

    fn offers_scale(&self, answer: bool) -> bool {
        if answer {
            return self.bits.has(Bits::SCALE);
        }
        self.settings.as_ref().window_scale || self.capacity() > usize::from(u16::MAX)
    }

    /// The smallest shift with which the whole storage can be offered.
    pub(crate) fn wanted_shift(&self) -> u8 {
        let capacity = self.capacity();
        (0..SHIFT_MAX).find(|shift| usize::from(u16::MAX) << shift >= capacity).unwrap_or(SHIFT_MAX)
    }

    /// The bytes the receive storage has room for (TCP-012).
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub fn capacity(&self) -> usize {
        Ring::<P::Offset, P::Assembly>::capacity(self.storage.as_ref())
    }

    /// Our timestamps, if they were agreed on or are offered (TCP-356, TCP-357).
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn timestamps(&self, now: Now, acknowledges: bool) -> Option<Timestamps> {
        self.bits.has(Bits::TIMESTAMPS).then(|| Timestamps {
            value: now.millis().wrapping_add(self.ts_offset),
            echo: if acknowledges { self.ts_recent } else { 0 },
        })
    }

    /// Takes the peer's SYN or SYN-ACK.
    pub(crate) fn take_syn(&mut self, now: Now, header: &Header, arrived: Ecn) {
        let options = &header.options;
        let answer = header.flags.contains(Flags::ACK);
        let default = if self.peer.is_v4() { MSS_DEFAULT_V4 } else { MSS_DEFAULT_V6 };
        self.mss = options.mss.unwrap_or(default).max(MSS_MIN).min(self.mss);
        self.hints.mss_full = self.mss;
        self.take_user_timeout(options);
        let offered = self.bits;
        let settings = self.settings.as_ref();
        let (sack, timestamps) = if answer {
            (offered.has(Bits::SACK), offered.has(Bits::TIMESTAMPS))
        } else {
            (settings.sack, settings.timestamps)
        };
        let ecn = settings.ecn && {
            let accurate = self.agree_on_accurate(header.flags, arrived, answer).is_some();
            accurate || self.ecn_agreed(header.flags, answer)
        };
        // Where SYNs crossed, ours has left already: if it offered nothing, an offer now would come too late (RFC 7323 §2.2).
        let passive = self.bits.has(Bits::PASSIVE);
        let scale = options.window_scale.filter(|_| passive || self.offers_scale(false));
        // Timestamps that would leave no room for payload are not worth it (TCP-541).
        let room = self.mss >= TIMESTAMPS_LEN + 36;
        let stamps = options.timestamps.filter(|_| timestamps && room);
        self.bits.put(Bits::SACK, sack && options.sack_permitted);
        self.bits.put(Bits::TIMESTAMPS, stamps.is_some());
        self.bits.put(Bits::ECN, ecn);
        self.bits.put(Bits::SCALE, scale.is_some());
        if let Some(shift) = scale {
            self.shifts = Shifts::new(shift.min(SHIFT_MAX), self.wanted_shift());
        }
        if let Some(stamps) = stamps {
            (self.ts_recent, self.ts_recent_at) = (stamps.value, now.spans());
        }
        self.rcv_nxt = Seq(header.sequence) + 1;
        self.ack_sent = self.rcv_nxt;
        self.urgent_in = self.rcv_nxt;
        self.rcv_adv = self.rcv_nxt + u32::from(self.first_window());
        self.set_wnd(u32::from(header.window)); // never scaled in a SYN (TCP-124)
        self.wl1 = Seq(header.sequence);
    }

    /// RFC 3168 §6.1.1: both bits on the SYN, only one on its answer (TCP-300).
    fn ecn_agreed(&self, flags: Flags, answer: bool) -> bool {
        let (echo, reduced) = (flags.contains(Flags::ECE), flags.contains(Flags::CWR));
        if answer { self.bits.has(Bits::ECN) && echo && !reduced } else { echo && reduced }
    }

    /// The window of a SYN: not scaled (TCP-471).
    pub(crate) fn first_window(&self) -> u16 {
        u16::try_from(self.limited(clamp(self.capacity()))).unwrap_or(u16::MAX)
    }

    /// The payload of a full segment without other options than timestamps.
    #[cfg_attr(not(target_os = "none"), inline)]
    #[cfg_attr(target_os = "none", inline(never))]
    pub(crate) fn payload_max(&self) -> u32 {
        let stamps = if self.bits.has(Bits::TIMESTAMPS) { TIMESTAMPS_LEN } else { 0 };
        u32::from(self.mss.saturating_sub(stamps).max(1))
    }

    /// The congestion controller begins with what was agreed on (TCP-254).
    #[cfg_attr(target_os = "none", inline)]
    pub(crate) fn begin_congestion(&mut self) {
        let mss = self.payload_max();
        let start = if self.bits.has(Bits::SYN_REPEATED) {
            mss
        } else {
            initial_window(u16::try_from(mss).unwrap_or(u16::MAX))
        };
        let config = self.settings.as_ref().congestion;
        self.congestion = P::Congestion::new(config, mss, start);
    }
}
