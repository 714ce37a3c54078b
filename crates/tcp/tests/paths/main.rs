//! Controllers on simulated paths.
#![expect(clippy::unwrap_used, reason = "tests")]

mod path;

use mainstay_tcp::congestion::{Bbr3, Cubic, NewReno, NewRenoHyStart, bbr, cubic};
use path::{MSS, Path, Transfer};

#[test]
fn explore() {
    for loss in [0, 1, 10] {
        for buffer in [20, 100, 1000] {
            for seed in [7, 99, 12345] {
            let mut t = Transfer::<Bbr3>::new(bbr::Config{seed: seed as u32, ..Default::default()}, Path::broadband(buffer, loss), seed);
            let a = t.run(5_000);
            let u = t.run(30_000);
            println!("bbr loss {loss} buffer {buffer}: first 5 s {a}, {u} queue {} timeouts {} lost {} {:?} bw {}", t.queue_percent(), t.timeouts, t.lost / u64::from(MSS), t.cc.mode(), t.cc.bandwidth());
            }
        }
    }
}
