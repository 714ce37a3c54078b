//! What the crate is because of how it is built, looked up where it is said.
#![expect(clippy::unwrap_used, reason = "tests")]

use core::hint::black_box;
use mainstay_tcp::queue::ArrayQueue;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// The lines of every source that are built into the crate: not comments, and not what only tests are.
fn lines() -> Vec<(PathBuf, String)> {
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut paths);
    let mut all = Vec::new();
    for path in paths.into_iter().filter(|path| !path.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let built = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        let code = built.filter(|line| !line.trim_start().starts_with("//"));
        all.extend(code.map(|line| (path.clone(), line.to_owned())));
    }
    all
}

// Covers TCP-651, TCP-655
#[test]
fn nothing_is_allocated_and_nothing_is_global() {
    let lines = lines();
    assert!(lines.len() > 5000, "the sources are there");
    for banned in ["extern crate", "alloc::", "std::", "static mut", "thread_local", "Vec<", "Box<"]
    {
        let at = lines.iter().find(|(_, line)| line.replace("'static", "").contains(banned));
        assert!(at.is_none(), "{banned}: {at:?}");
    }
    let root = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    assert!(root.contains("#![no_std]") && root.contains("#![forbid(unsafe_code)]"));
}

// Covers TCP-651
#[test]
fn a_queued_buffer_costs_one_place_and_what_is_in_it_none() {
    const ONE: usize = size_of::<Option<&'static [u8]>>();
    let queue = |places: usize| match places {
        4 => size_of::<ArrayQueue<&'static [u8], 4>>(),
        _ => size_of::<ArrayQueue<&'static [u8], 20>>(),
    };
    assert_eq!(queue(20) - queue(4), 16 * ONE);
}

// Covers TCP-548
#[test]
fn arithmetic_is_checked_wherever_tests_run() {
    let sum = std::panic::catch_unwind(|| black_box(u32::MAX) + black_box(1));
    assert!(sum.is_err(), "sums wrap in silence");
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let sim = manifest.split("[profile.sim]").nth(1).unwrap();
    let sim = sim.split("\n[").next().unwrap();
    assert!(sim.contains("overflow-checks = true") && sim.contains("debug-assertions = true"));
}
