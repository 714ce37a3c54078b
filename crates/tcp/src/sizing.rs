//! How much storage a connection should be given (TCP section 1.8): whole segments, and segments of whole frames.

use core::time::Duration;

/// Receive storage for peers at most three hops away, in bytes (TCP-089): five segments of five 802.15.4 frames.
pub const FEW_HOPS: usize = match window_for(3) {
    Some(window) => storage_for(window),
    None => 0,
};

/// Receive storage for peers up to six hops away, in bytes (TCP-089): eight such segments.
pub const MANY_HOPS: usize = match window_for(6) {
    Some(window) => storage_for(window),
    None => 0,
};

/// Frames that carry one segment. chosen: the seed's recommendation; more lose a segment too often (TCP-551)
pub const FRAMES_PER_SEGMENT: usize = 5;
/// What one 802.15.4 frame carries of a fragment: 127 bytes less 5 of trailer and sequence, 11 of link header and 5 of
/// fragment header. RFC 4944 §5.3
pub const FRAME_PAYLOAD: usize = 122 - 11 - 5;
/// What the compressed IPv6 header takes of the first frame, at most. chosen: the seed's recommendation
pub const IP_HEADER: usize = 36;
/// The TCP header without options. RFC 9293 §3.1
const TCP_HEADER: usize = 20;
/// The timestamps option with its padding. RFC 7323 §3.2
const TIMESTAMPS: usize = 12;

/// The storage for `data` bytes: the data, and a bit for each byte of it (TCP-012).
#[must_use]
pub const fn storage_for(data: usize) -> usize {
    data + data.div_ceil(8)
}

/// The segment size that fills `frames` frames of `frame_payload` bytes, `ip_header` of which go to IP; options are
/// not subtracted, as in the option of that name. Zero if nothing is left.
#[must_use]
pub const fn mss_for_frames(frames: usize, frame_payload: usize, ip_header: usize) -> usize {
    frames.saturating_mul(frame_payload).saturating_sub(ip_header + TCP_HEADER)
}

/// The window to offer over `hops` hops of 802.15.4, in bytes: five segments up to three hops, eight up to six; `None`
/// beyond, where it has to be chosen by hand (TCP-090).
#[must_use]
pub const fn window_for(hops: u8) -> Option<usize> {
    let segment = mss_for_frames(FRAMES_PER_SEGMENT, FRAME_PAYLOAD, IP_HEADER) - TIMESTAMPS;
    match hops {
        0..=3 => Some(5 * segment),
        4..=6 => Some(8 * segment),
        _ => None,
    }
}

/// How far apart segments of one window should leave so that each is out of the way of the next (TCP-558): what one
/// segment takes on the air, for every hop that hears the one before it, three at most.
#[must_use]
pub const fn gap_for(airtime: Duration, hops: u8) -> Duration {
    let hops = if hops < 3 { hops } else { 3 };
    airtime.saturating_mul(hops as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offset::Offset;
    use crate::reassembly::{Bitmap, Ring};

    // Covers TCP-089
    #[test]
    fn the_recommended_storages_are_those_of_the_seed_and_hold_whole_segments() {
        assert_eq!((FEW_HOPS, MANY_HOPS), (2599, 4158));
        assert_eq!(Ring::<u16, Bitmap>::capacity_of(FEW_HOPS), 5 * 462);
        assert_eq!(Ring::<u16, Bitmap>::capacity_of(MANY_HOPS), 8 * 462);
    }

    // Covers TCP-090, TCP-012
    #[test]
    fn storage_for_gives_exactly_the_data_asked_for() {
        for data in 1..5000 {
            assert_eq!(Ring::<u16, Bitmap>::capacity_of(storage_for(data)), data);
            assert!(Ring::<u16, Bitmap>::capacity_of(storage_for(data) - 1) < data);
        }
        assert!(storage_for(<u16 as Offset>::MAX) > <u16 as Offset>::MAX);
    }

    // Covers TCP-090
    #[test]
    fn windows_go_by_hops_and_segments_by_frames() {
        assert_eq!(mss_for_frames(5, 106, 36), 474);
        assert_eq!(mss_for_frames(1, 40, 36), 0, "no room for headers");
        assert_eq!([0, 3, 4, 6].map(window_for), [2310, 2310, 3696, 3696].map(Some));
        assert_eq!(window_for(7), None);
    }
}
