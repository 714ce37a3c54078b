//! The files of the workspace: where the root is and what lies in it. Owns the list of folders nobody checks.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold what is built or fetched, never what is written.
const SKIPPED: &[&str] = &["target", ".git", "node_modules"];

/// The workspace's root: the folder above this crate, wherever the checkout lies now.
pub(crate) fn root() -> PathBuf {
    let here =
        std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let here = PathBuf::from(here);
    here.parent().unwrap_or(&here).to_path_buf()
}

/// Every file below `top` whose extension is one of `extensions` (all, if that is empty), sorted by path.
pub(crate) fn files(top: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(top, extensions, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if SKIPPED.iter().any(|s| name == *s) {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() {
            collect(&path, extensions, found);
        } else if extensions.is_empty()
            || path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e))
        {
            found.push(path);
        }
    }
}

/// `path` as written in reports: relative to `top`, with forward slashes.
pub(crate) fn shown(top: &Path, path: &Path) -> String {
    path.strip_prefix(top).unwrap_or(path).to_string_lossy().into_owned()
}

/// The text of a file, with bytes that are not UTF-8 replaced; `None` if it cannot be read.
pub(crate) fn text(path: &Path) -> Option<String> {
    Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned())
}
