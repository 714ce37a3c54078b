//! As much of ELF as it takes to list functions: files of 32 bits, little-endian.

/// A function of a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) size: u64,
}

/// Every function of a program once, also if it has several names; `None` if this is no such program.
pub(crate) fn functions(file: &[u8]) -> Option<Vec<Function>> {
    if !file.starts_with(b"\x7fELF\x01\x01") {
        return None;
    }
    let sections = word(file, 32)?;
    let (size, count) = (half(file, 46)?, half(file, 48)?);
    let section = |index: usize| sections + index * size;
    let symbols = (0..count).map(section).find(|at| word(file, at + 4) == Some(SYMBOLS))?;
    let names = word(file, section(word(file, symbols + 24)?) + 16)?;
    let (start, len) = (word(file, symbols + 16)?, word(file, symbols + 20)?);
    let mut found = std::collections::BTreeMap::new();
    for at in (start..start + len).step_by(ENTRY) {
        let kind = *file.get(at + 12)? & 0xf;
        let (address, size) = (word(file, at + 4)?, word(file, at + 8)?);
        if kind == FUNCTION && size > 0 {
            let name = file.get(names + word(file, at)?..)?.split(|byte| *byte == 0).next()?;
            let name = String::from_utf8_lossy(name).into_owned();
            found.entry(address).or_insert(Function { name, size: size as u64 });
        }
    }
    Some(found.into_values().collect())
}

/// The kind of section that holds symbols. System V ABI, chapter 4
const SYMBOLS: usize = 2;
/// The kind of symbol that is a function. System V ABI, chapter 4
const FUNCTION: u8 = 2;
/// The length of one symbol. System V ABI, chapter 4
const ENTRY: usize = 16;

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

    /// Symbols at 200, names at 300, two section headers at 100.
    fn program() -> Vec<u8> {
        let mut file = vec![0; 320];
        file[..6].copy_from_slice(b"\x7fELF\x01\x01");
        let mut put = |at: usize, value: u8| file[at] = value;
        for (at, value) in [(32, 100), (46, 40), (48, 2)] {
            put(at, value);
        }
        // The first section holds three symbols, the second their names.
        for (at, value) in [(104, 2), (116, 200), (120, 48), (124, 1), (156, 0), (157, 1)] {
            put(at, value);
        }
        put(156, 44); // 300
        // Two names of one function, and a variable.
        for (entry, name, address, size, kind) in
            [(200, 1, 8, 6, 2), (216, 3, 8, 6, 2), (232, 5, 9, 7, 1)]
        {
            for (at, value) in [(0, name), (4, address), (8, size), (12, kind)] {
                put(entry + at, value);
            }
        }
        file[300..307].copy_from_slice(b"\0a\0b\0c\0");
        file
    }

    #[test]
    fn functions_are_listed_once_and_nothing_else_is() {
        let expected = [Function { name: "a".to_owned(), size: 6 }];
        assert_eq!(functions(&program()).unwrap(), expected);
    }

    #[test]
    fn what_is_cut_short_or_something_else_is_refused() {
        assert_eq!(functions(b"\x7fELF\x02\x01"), None);
        let file = program();
        assert!((0..250).all(|len| functions(&file[..len]).is_none()));
    }
}
