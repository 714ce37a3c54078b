//! Builds the floor, a C program, with the system's compiler.

use crate::Fallible;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where its source is.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/floor.c");

/// Compiles it into `folder`.
///
/// # Errors
/// Without a C compiler or OpenSSL's headers, in words that say so.
pub(crate) fn build(folder: &Path) -> Fallible<PathBuf> {
    let program = folder.join("floor");
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-o"]).arg(&program).arg(SOURCE).args(["-lssl", "-lcrypto"]);
    match cc.output() {
        Err(error) => Err(format!("no C compiler (cc): {error}").into()),
        Ok(output) if !output.status.success() => {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().find(|line| line.contains("error")).unwrap_or("cc failed");
            Err(format!("the floor does not compile (libssl-dev?): {first}").into())
        }
        Ok(_) => Ok(program),
    }
}
