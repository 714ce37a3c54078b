use super::*;
use crate::Seq;
use mainstay_wire::tcp::{Flags, Options, Timestamps};

const NOW: Instant = Instant::from_millis(u32::MAX as u64 - 5000); // the clock wraps during the tests

fn table<const N: usize>() -> TimeWaitTable<[TimeWaitRecord; N]> {
    TimeWaitTable::new([TimeWaitRecord::default(); N], WAIT, false)
}

fn ended(hash: u64) -> Ended {
    Ended {
        hash,
        address_hash: 3,
        port: 80,
        rcv_nxt: Seq(1000),
        snd_nxt: Seq(2000),
        ts_recent: Some(500),
    }
}

fn header(flags: Flags, sequence: u32, stamp: Option<u32>) -> Header {
    let timestamps = stamp.map(|value| Timestamps { value, echo: 0 });
    let options = Options { timestamps, ..Options::default() };
    let ends = Header {
        source: 1,
        destination: 2,
        sequence,
        acknowledgment: 2000,
        flags,
        window: 0,
        urgent: 0,
        options,
    };
    Header { acknowledgment: if flags.contains(Flags::ACK) { 2000 } else { 0 }, ..ends }
}

fn ack(echo: Option<u32>) -> Ack {
    Ack { seq: Seq(2000), ack: Seq(1000), echo }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// The answer of a fresh record, with timestamps or without.
fn answer(timestamps: bool, header: &Header, len: usize) -> Answer {
    let mut table = table::<2>();
    let ts_recent = timestamps.then_some(500);
    table.insert(NOW, &Ended { ts_recent, ..ended(9) });
    table.answer(NOW, 9, header, len).unwrap()
}

// Covers TCP-185
#[test]
fn a_syn_opens_a_new_connection_by_every_row_of_rfc_6191() {
    let fresh = Answer::Recycle { above: Seq(2000) };
    let (old, none) = (Answer::Ack(ack(Some(500))), Answer::Ack(ack(None)));
    let rows = [
        (true, 1, Some(501), fresh),
        (true, 1001, Some(500), fresh),
        (true, 1000, Some(500), old),
        (true, 1001, Some(499), old),
        (true, 1001, None, fresh),
        (true, 1000, None, old),
        (false, 1, Some(1), fresh),
        (false, 1001, None, fresh),
        (false, 1000, None, none),
        (false, 999, None, none),
    ];
    for (timestamps, sequence, stamp, expected) in rows {
        assert_eq!(
            answer(timestamps, &header(Flags::SYN, sequence, stamp), 0),
            expected,
            "{sequence} {stamp:?}"
        );
    }
    let both = header(Flags::SYN | Flags::ACK, 5000, Some(900));
    assert_eq!(answer(true, &both, 0), old);
    let mut table = table::<2>();
    table.insert(NOW, &ended(9));
    assert_eq!(table.answer(NOW, 9, &header(Flags::SYN, 1, Some(501)), 0), Some(fresh));
    assert_eq!(table.answer(NOW, 9, &header(Flags::SYN, 1, Some(501)), 0), None);
}

// Covers TCP-140
#[test]
fn a_repeated_fin_begins_the_wait_again_and_nothing_else_does() {
    let mut table = table::<2>();
    table.insert(NOW, &ended(9));
    let fin = header(Flags::FIN | Flags::ACK, 999, Some(501));
    let later = NOW + seconds(50);
    assert_eq!(table.answer(later, 9, &fin, 0), Some(Answer::Restart(ack(Some(501)))));
    let with_data = header(Flags::FIN | Flags::ACK, 989, Some(501));
    assert_eq!(table.answer(later, 9, &with_data, 10), Some(Answer::Restart(ack(Some(501)))));
    let (data, beyond) =
        (header(Flags::ACK, 1000, Some(501)), header(Flags::FIN | Flags::ACK, 1000, Some(501)));
    let last = NOW + seconds(109);
    assert_eq!(table.answer(last, 9, &data, 10), Some(Answer::Ack(ack(Some(501)))));
    assert_eq!(table.answer(last, 9, &beyond, 0), Some(Answer::Ack(ack(Some(501)))));
    assert_eq!(table.answer(NOW + seconds(110), 9, &fin, 0), None);
}

// Covers TCP-140
#[test]
fn a_reset_is_ignored_unless_it_may_end_the_wait() {
    let exact = header(Flags::RST, 1000, None);
    assert_eq!(answer(true, &exact, 0), Answer::Ignore);
    let mut table = TimeWaitTable::new([TimeWaitRecord::default(); 2], WAIT, true);
    table.insert(NOW, &ended(9));
    assert_eq!(table.answer(NOW, 9, &header(Flags::RST, 1001, None), 0), Some(Answer::Ignore));
    assert_eq!(table.answer(NOW, 9, &exact, 0), Some(Answer::Ignore));
    assert_eq!(table.answer(NOW, 9, &exact, 0), None);
}

#[test]
fn two_that_wait_for_each_other_fall_silent() {
    assert_eq!(answer(true, &header(Flags::ACK, 1000, Some(500)), 0), Answer::Ignore);
    assert_eq!(answer(true, &header(Flags::NONE, 1000, Some(500)), 5), Answer::Ignore);
    assert_eq!(answer(true, &header(Flags::ACK, 990, Some(500)), 0), Answer::Ack(ack(Some(500))));
    let ahead = Header { acknowledgment: 2001, ..header(Flags::ACK, 1000, Some(500)) };
    assert_eq!(answer(true, &ahead, 0), Answer::Ack(ack(Some(500))));
}

// Covers TCP-130
#[test]
fn an_older_timestamp_does_not_begin_the_wait_again() {
    let fin = header(Flags::FIN | Flags::ACK, 999, Some(499));
    assert_eq!(answer(true, &fin, 0), Answer::Ack(ack(Some(500))));
    let without = header(Flags::FIN | Flags::ACK, 999, Some(u32::MAX));
    assert_eq!(answer(false, &without, 0), Answer::Restart(ack(None)));
}

// Covers TCP-183, TCP-184
#[test]
fn the_oldest_record_gives_way_and_is_counted() {
    let mut table = table::<3>();
    for hash in 1..=3 {
        table.insert(NOW + seconds(hash), &ended(hash << 60));
    }
    let fin = header(Flags::FIN | Flags::ACK, 999, Some(500));
    assert!(matches!(table.answer(NOW + seconds(4), 1 << 60, &fin, 0), Some(Answer::Restart(_))));
    table.insert(NOW + seconds(5), &ended(4 << 60));
    assert_eq!(table.evicted(), 1);
    let probe = header(Flags::ACK, 1000, Some(500));
    let left =
        [1, 2, 3, 4].map(|hash| table.answer(NOW + seconds(6), hash << 60, &probe, 0).is_some());
    assert_eq!(left, [true, false, true, true]);
    let mut none = TimeWaitTable::new([], WAIT, false);
    none.insert(NOW, &ended(1));
    assert_eq!((none.evicted(), none.answer(NOW, 1, &probe, 0)), (1, None));
}

// Covers TCP-182
#[test]
fn a_record_lives_as_long_as_configured_within_bounds() {
    for (wanted, millis) in [(0, 1000), (30, 30_000), (900, 240_000)] {
        let mut table = TimeWaitTable::new([TimeWaitRecord::default(); 2], seconds(wanted), false);
        table.insert(NOW, &ended(9));
        let probe = header(Flags::ACK, 1000, Some(500));
        let end = NOW + Duration::from_millis(millis);
        assert!(table.answer(Instant::from_micros(end.as_micros() - 2000), 9, &probe, 0).is_some());
        assert!(table.answer(end, 9, &probe, 0).is_none());
    }
    let mut table = table::<2>();
    table.insert(NOW, &ended(9));
    let a_lap = NOW + Duration::from_millis(1 << 32);
    assert_eq!(table.answer(a_lap, 9, &header(Flags::ACK, 1000, None), 0), None);
}

// Covers TCP-186
#[test]
fn a_tuple_of_ours_is_used_again_when_its_last_timestamp_is_a_second_old() {
    let mut table = table::<2>();
    table.insert(NOW, &ended(9));
    assert_eq!(table.reuse(NOW + Duration::from_millis(1000), 9), Reuse::Taken);
    let data = header(Flags::ACK, 1000, Some(500));
    let _sent = table.answer(NOW + seconds(5), 9, &data, 3);
    assert_eq!(table.reuse(NOW + Duration::from_millis(5900), 9), Reuse::Taken);
    assert_eq!(table.reuse(NOW + Duration::from_millis(7200), 9), Reuse::Above(Seq(2000)));
    assert_eq!(table.reuse(NOW + seconds(8), 9), Reuse::Free);
    table.insert(NOW, &Ended { ts_recent: None, ..ended(8) });
    assert_eq!(table.reuse(NOW + seconds(59), 8), Reuse::Taken);
}

// Covers TCP-021
#[test]
fn a_record_is_in_the_way_of_its_port_at_its_address() {
    let mut table = table::<2>();
    table.insert(NOW, &ended(9));
    assert!(table.holds_port(NOW, 80, None));
    assert!(table.holds_port(NOW, 80, Some(3)));
    assert!(!table.holds_port(NOW, 80, Some(4)));
    assert!(!table.holds_port(NOW, 81, None));
    assert!(!table.holds_port(NOW + seconds(60), 80, None));
}
