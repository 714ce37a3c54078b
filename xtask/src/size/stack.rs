//! How deep the stack gets in a program for thumbv7em (TCP-653): frames and calls are read from its instructions.
//!
//! What a function takes is what its prologue pushes and subtracts; whom it calls are its `bl` and the branches that leave
//! it. Calls through pointers cannot be followed, and are counted; what only panics is left out.

use std::collections::BTreeMap;

/// A function and what its instructions say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Function {
    name: String,
    frame: u64,
    calls: Vec<u64>,
    /// Calls through a pointer.
    blind: u64,
}

/// The deepest call into a crate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Deepest {
    /// Bytes of stack.
    pub(super) bytes: u64,
    /// From the outside in, with the frame of each.
    pub(super) path: Vec<(String, u64)>,
    /// Calls through pointers somewhere below it.
    pub(super) blind: u64,
}

/// The deepest call of any function whose name names `whose`; `None` if this is no such program, or calls itself.
pub(super) fn deepest(program: &[u8], whose: &str) -> Option<Deepest> {
    let functions = functions(program)?;
    let mut known = BTreeMap::new();
    let mut worst = Deepest { bytes: 0, path: Vec::new(), blind: 0 };
    for (at, function) in &functions {
        let depth = depth(&functions, *at, &mut known, 0)?;
        if function.name.contains(whose) && depth > worst.bytes {
            worst.bytes = depth;
            worst.path = path(&functions, &known, *at);
        }
        if function.name.contains(whose) {
            worst.blind += function.blind;
        }
    }
    Some(worst)
}

/// Deeper than any call can be that does not call itself.
const CALLS_MAX: u32 = 200;

/// Bytes from entry to the deepest point; `None` for a recursion.
fn depth(
    functions: &BTreeMap<u64, Function>,
    at: u64,
    known: &mut BTreeMap<u64, u64>,
    calls: u32,
) -> Option<u64> {
    if let Some(depth) = known.get(&at) {
        return Some(*depth);
    }
    let Some(function) = functions.get(&at).filter(|f| !is_panic(&f.name)) else { return Some(0) };
    if calls > CALLS_MAX {
        return None;
    }
    let mut most = 0;
    for callee in function.calls.iter().filter(|callee| **callee != at) {
        most = most.max(depth(functions, *callee, known, calls + 1)?);
    }
    known.insert(at, function.frame + most);
    Some(function.frame + most)
}

fn path(
    functions: &BTreeMap<u64, Function>,
    known: &BTreeMap<u64, u64>,
    mut at: u64,
) -> Vec<(String, u64)> {
    let mut path = Vec::new();
    while let Some(function) = functions.get(&at) {
        path.push((function.name.clone(), function.frame));
        let depth = |callee: &&u64| known.get(callee).copied().unwrap_or(0);
        match function.calls.iter().filter(|callee| **callee != at).max_by_key(depth) {
            Some(callee) if depth(&callee) > 0 => at = *callee,
            _ => break,
        }
    }
    path
}

/// Whether it does nothing but end the program.
fn is_panic(name: &str) -> bool {
    ["panicking", "panic_", "unwrap_failed", "expect_failed", "slice_index_fail", "_fail"]
        .iter()
        .any(|word| name.contains(word))
}

/// Every function by its address.
fn functions(file: &[u8]) -> Option<BTreeMap<u64, Function>> {
    if !file.starts_with(b"\x7fELF\x01\x01") {
        return None;
    }
    let sections = word(file, 32)?;
    let (size, count) = (half(file, 46)?, half(file, 48)?);
    let section = |index: usize| sections + index * size;
    let symbols = (0..count).map(section).find(|at| word(file, at + 4) == Some(SYMBOLS))?;
    let names = word(file, section(word(file, symbols + 24)?) + 16)?;
    let (start, len) = (word(file, symbols + 16)?, word(file, symbols + 20)?);
    let mut found = BTreeMap::new();
    for at in (start..start + len).step_by(16) {
        let (address, size) = (word(file, at + 4)? & !1, word(file, at + 8)?);
        let (kind, home) = (*file.get(at + 12)? & 0xf, half(file, at + 14)?);
        if kind != FUNCTION || size == 0 || home >= count {
            continue;
        }
        let home = section(home);
        let place = address - word(file, home + 12)? + word(file, home + 16)?;
        let code = file.get(place..place + size)?;
        let name = file.get(names + word(file, at)?..)?.split(|byte| *byte == 0).next()?;
        let mut function = read(code, address as u64);
        function.name = String::from_utf8_lossy(name).into_owned();
        found.insert(address as u64, function);
    }
    Some(found)
}

/// The kind of section that holds symbols. System V ABI, chapter 4
const SYMBOLS: usize = 2;
/// The kind of symbol that is a function. System V ABI, chapter 4
const FUNCTION: u8 = 2;

/// What the instructions of a function that begins at `address` say (ARM DDI 0403E, A7.7).
fn read(code: &[u8], address: u64) -> Function {
    let mut function = Function::default();
    let end = address + code.len() as u64;
    let mut at = 0;
    while let Some(first) = half(code, at) {
        let wide = first >= 0xe800;
        let second = if wide { half(code, at + 2).unwrap_or(0) } else { 0 };
        function.frame += if wide { taken_wide(first, second) } else { taken(first) };
        if wide {
            let target = branch(first, second).map(|by| {
                let next = i64::try_from(address + at as u64 + 4).unwrap_or(0);
                u64::try_from(next + by).unwrap_or(0)
            });
            let call = second & 0xd000 == 0xd000;
            function.calls.extend(target.filter(|to| call || *to < address || *to >= end));
        } else if first & 0xff87 == 0x4780 {
            function.blind += 1; // blx, register
        }
        at += if wide { 4 } else { 2 };
    }
    function
}

/// What a short instruction takes from the stack.
fn taken(first: usize) -> u64 {
    match first & 0xff80 {
        // push, with or without the link register
        _ if first & 0xfe00 == 0xb400 => u64::from((first & 0x1ff).count_ones()) * 4,
        0xb080 => (first & 0x7f) as u64 * 4, // sub sp, #imm
        _ => 0,
    }
}

/// What a long instruction takes.
fn taken_wide(first: usize, second: usize) -> u64 {
    let destination = second >> 8 & 0xf;
    let imm = (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xff;
    match first {
        0xe92d => u64::from(second.count_ones()) * 4, // push.w
        0xf84d if second & 0xfff == 0xd04 => 4,       // str reg, [sp, #-4]!
        0xf1ad | 0xf5ad if destination == 13 && second & 0x8000 == 0 => expanded(imm), // sub.w
        0xf2ad | 0xf6ad if destination == 13 && second & 0x8000 == 0 => imm as u64, // subw
        _ => 0,
    }
}

/// A modified immediate constant (ARM DDI 0403E, A5.3.2).
fn expanded(imm: usize) -> u64 {
    let low = (imm & 0xff) as u64;
    match imm >> 8 {
        0 => low,
        1 => low << 16 | low,
        2 => low << 24 | low << 8,
        3 => low << 24 | low << 16 | low << 8 | low,
        _ => {
            let turns = u32::try_from(imm >> 7).unwrap_or(0);
            u32::try_from(imm & 0x7f | 0x80).map_or(0, |byte| byte.rotate_right(turns).into())
        }
    }
}

/// How far `bl` and `b.w` go from the next instruction.
fn branch(first: usize, second: usize) -> Option<i64> {
    let is = first & 0xf800 == 0xf000 && (second & 0xd000 == 0xd000 || second & 0xd000 == 0x9000);
    if !is {
        return None;
    }
    let sign = first >> 10 & 1;
    let (one, two) = (second >> 13 & 1, second >> 11 & 1);
    let bits = sign << 24
        | (1 - (one ^ sign)) << 23
        | (1 - (two ^ sign)) << 22
        | (first & 0x3ff) << 12
        | (second & 0x7ff) << 1;
    let bits = i64::try_from(bits).ok()?;
    Some(if sign == 1 { bits - (1 << 25) } else { bits })
}

fn word(file: &[u8], at: usize) -> Option<usize> {
    let bytes = file.get(at..at + 4)?;
    usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
}

fn half(file: &[u8], at: usize) -> Option<usize> {
    let bytes = file.get(at..at + 2)?;
    Some(usize::from(u16::from_le_bytes(bytes.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(halves: &[u16]) -> Vec<u8> {
        halves.iter().flat_map(|half| half.to_le_bytes()).collect()
    }

    #[test]
    fn frames_and_calls_are_read_from_instructions() {
        // push {r4, r7, lr}; sub sp, #24; bl +0x100; blx r3
        let short = read(&code(&[0xb590, 0xb086, 0xf000, 0xf880, 0x4798]), 0x1000);
        assert_eq!((short.frame, short.blind), (12 + 24, 1));
        assert_eq!(short.calls, [0x1000 + 8 + 0x100]);
        // push.w {r4-r11, lr}; sub.w sp, sp, #512; subw sp, sp, #1228; b.w back to what is before it
        let long = [0xe92d, 0x4ff0, 0xf5ad, 0x7d00, 0xf2ad, 0x4dcc, 0xf7ff, 0xbf00];
        let long = read(&code(&long), 0x1000);
        assert_eq!(long.frame, 9 * 4 + 512 + 1228);
        assert_eq!(long.calls, [0x1000 + 16 - 0x200]);
    }

    #[test]
    fn the_deepest_call_is_the_sum_of_its_frames_without_what_panics() {
        let function = |name: &str, frame: u64, calls: &[u64]| Function {
            name: name.to_owned(),
            frame,
            calls: calls.to_vec(),
            blind: 0,
        };
        let all = BTreeMap::from([
            (0, function("a", 10, &[8, 16])),
            (8, function("b", 20, &[24])),
            (16, function("c", 25, &[32])),
            (24, function("d", 30, &[])),
            (32, function("core::panicking::panic", 900, &[])),
        ]);
        let mut known = BTreeMap::new();
        assert_eq!(depth(&all, 0, &mut known, 0), Some(60));
        let names: Vec<String> = path(&all, &known, 0).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a", "b", "d"]);
        let circle = BTreeMap::from([(0, function("a", 1, &[8])), (8, function("b", 1, &[0]))]);
        assert_eq!(depth(&circle, 0, &mut BTreeMap::new(), 0), None);
    }
}
