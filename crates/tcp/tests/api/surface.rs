//! What the types promise by themselves (TCP-002, TCP-088, TCP-097), and what is left to the C ABI.

use crate::bench::{InVecs, Parts};
use mainstay_tcp::{Disconnected, Endpoint, Engine, Handle, ListenerHandle, Live, Step, Transmit};
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push(path);
        }
    }
    all
}

// Covers TCP-002
#[test]
fn neither_the_engine_nor_what_it_stands_on_has_unsafe_code() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for name in ["tcp", "wire", "base"] {
        let lib = read_to_string(crates.join(name).join("src/lib.rs")).unwrap();
        assert!(lib.lines().any(|line| line == "#![forbid(unsafe_code)]"), "{name}");
    }
}

const fn is_send<T: Send>() {}

// Covers TCP-088
#[test]
fn an_engine_may_move_to_another_thread_with_its_parts() {
    is_send::<Engine<InVecs>>();
    is_send::<Endpoint<Parts>>();
    is_send::<Live<'_, InVecs>>();
    is_send::<Transmit<'_>>();
    is_send::<(Handle, ListenerHandle, Step)>();
    let mut bench = crate::bench::Bench::new(1);
    let moved = std::thread::scope(|scope| scope.spawn(|| bench.established(0)).join().unwrap());
    assert_eq!(moved.port, 4000);
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    for path in sources {
        let text = read_to_string(&path).unwrap();
        for lock in ["Mutex", "RwLock", "RefCell", "Atomic", "OnceCell"] {
            assert!(!text.contains(lock), "{path:?} has a {lock}");
        }
    }
}

/// Enums that stay as they are, each for the reason it gives.
const CLOSED: [&str; 1] = ["Ingress<'a, T: Tables>"];

// Covers TCP-097
#[test]
fn public_enums_may_grow() {
    let mut count = 0;
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let Some(name) = line.strip_prefix("pub enum ") else { continue };
            count += 1;
            let above = lines[..at].iter().rev().take_while(|line| !line.is_empty());
            let open = above.into_iter().any(|line| *line == "#[non_exhaustive]");
            let name = name.trim_end_matches(" {");
            assert_eq!(open, !CLOSED.contains(&name), "{name} in {path:?}");
        }
    }
    assert!(count > 20, "{count}");
}

// Covers TCP-097, TCP-067
#[test]
fn reasons_have_the_numbers_they_have_in_c() {
    let reasons = [
        Disconnected::Normal,
        Disconnected::Refused,
        Disconnected::Reset,
        Disconnected::TimeWait,
        Disconnected::TimedOut,
    ];
    assert_eq!(reasons.map(|reason| reason as u8), [0, 1, 2, 3, 4]);
}

// Deferred TCP-093: the layout of C structures is that of crates/capi, which comes with a later issue
