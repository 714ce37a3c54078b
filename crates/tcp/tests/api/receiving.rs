//! What can be read stays where it is (TCP-051).

use crate::bench::Bench;
use mainstay_wire::tcp::{Flags, Options};

// S-44
// Covers TCP-051
#[test]
fn unread_bytes_stay_where_and_what_they_are_whatever_arrives() {
    let mut bench = Bench::new(1);
    let mut peer =
        bench.accept_with(0, 4000, Options { sack_permitted: true, ..Options::default() });
    bench.says(&mut peer, b"the first words");
    let (place, len) = (bench.endpoint(0).recv()[0].as_ptr(), 15);
    for n in [3000, 100, 500, 3001, 99, 7000] {
        let mut ahead = peer;
        ahead.next += n;
        bench.arrive(&ahead.header(Flags::ACK), &[b'x'; 700], None);
        let mut again = peer;
        again.next -= 5;
        bench.arrive(&again.header(Flags::ACK), b"WORDS", None); // forged: what is held wins
        let chunks = bench.endpoint(0).recv();
        assert_eq!((chunks[0].as_ptr(), chunks[0].len()), (place, len));
        assert_eq!(chunks.concat(), b"the first words");
    }
    assert!(bench.endpoint(0).facts().out_of_order > 1000);
}

// Deferred TCP-052: lengths of 16 bits exist in the C ABI only, which comes with crates/capi; here they are usize
