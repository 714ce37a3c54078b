//! `cargo xtask size`: how much code a connection is in firmware (TCP-654).
//!
//! The firmware example is built as small as firmware is, linked by the linker that comes with Rust as if one of its
//! servers were the whole program, and what is left of each crate is added up. No step needs a program that is not there
//! already: the symbols are read from the ELF file in `size/elf.rs`.

mod elf;
mod stack;

use crate::Findings;
use crate::console::say;
use crate::runner::{cargo, output};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A target without an operating system, whose text is the measure (TCP-654).
const TARGET: &str = "thumbv7em-none-eabi";

/// A server of the example, and the most that `mainstay-tcp` may take of it in bytes.
struct Server {
    entry: &'static str,
    profile: &'static str,
    /// What the specification asks for.
    goal: u64,
    /// What there is, and a little for what is still to come.
    most: u64,
    /// The same for the stack of one call (TCP-653).
    stack_goal: u64,
    stack: u64,
}

// Deferred TCP-653: the stack is measured below and may not grow, but the goals are not reached: a header with all its
// options, read or written, takes a quarter of it, and copies of a profile's parts while an engine is made take as much.
// Deferred TCP-654: the goals are not reached yet; until then text may not grow. What is left is spread over two hundred
// steps of the protocol, the largest of which, recovery, is a twentieth.
const SERVERS: &[Server] = &[
    Server {
        entry: "echo_tiny",
        profile: "tiny",
        goal: 16 << 10,
        most: 28_900,
        stack_goal: 512,
        stack: 1_130,
    },
    Server {
        entry: "echo_std",
        profile: "std",
        goal: 28 << 10,
        most: 33_950,
        stack_goal: 1024,
        stack: 1_130,
    },
];

/// Whose text is counted apart; a function belongs to the first that its name names.
const CRATES: &[&str] = &["mainstay_tcp", "mainstay_wire", "mainstay_base", "mainstay_firmware"];

/// So many functions are listed. chosen: what a screen shows
const LISTED: usize = 60;

/// With `--functions`, the largest of each server are listed as well.
pub(crate) fn run(args: &[String]) -> Findings {
    let lists = args.iter().any(|arg| arg == "--functions");
    let sysroot = output("rustc", &["--print", "sysroot"]).unwrap_or_default();
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
    let Some(linker) = linker(&libraries) else {
        say("not run: this Rust has no rust-lld");
        return Ok(());
    };
    let mut rlibs = build()?;
    rlibs.extend(rlibs_in(&libraries.join(TARGET).join("lib")));
    let mut findings = Vec::new();
    for server in SERVERS {
        match measure(&linker, &rlibs, server) {
            Ok(functions) => {
                findings.extend(judge(server, &by_crate(&functions)));
                if lists {
                    list(functions);
                }
            }
            Err(finding) => findings.push(finding),
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

fn linker(libraries: &Path) -> Option<PathBuf> {
    let hosts = std::fs::read_dir(libraries).ok()?.flatten();
    hosts.map(|host| host.path().join("bin/rust-lld")).find(|path| path.exists())
}

/// Builds the example; its libraries are the answer.
fn build() -> Result<Vec<PathBuf>, Vec<String>> {
    let failed = |what: String| vec![format!("the firmware does not build: {what}")];
    let out = cargo(&["build", "-p", "mainstay-firmware", "--profile", "firmware"])
        .args(["--target", TARGET, "--message-format", "json"])
        .output()
        .map_err(|e| failed(e.to_string()))?;
    if !out.status.success() {
        return Err(failed(String::from_utf8_lossy(&out.stderr).into_owned()));
    }
    let messages = String::from_utf8_lossy(&out.stdout);
    // Libraries of build scripts and macros are for this machine, not for the target.
    let wanted = |part: &&str| part.ends_with(".rlib") && part.contains(TARGET);
    Ok(messages.split('"').filter(wanted).map(PathBuf::from).collect())
}

fn rlibs_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let wanted = |path: &PathBuf| {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let used = name.starts_with("libcore-") || name.starts_with("libcompiler_builtins-");
        used && name.ends_with(".rlib")
    };
    entries.map(|entry| entry.path()).filter(wanted).collect()
}

/// The functions of the linked program.
fn measure(
    linker: &Path,
    rlibs: &[PathBuf],
    server: &Server,
) -> Result<Vec<elf::Function>, String> {
    let firmware = rlibs.iter().find(|path| path.to_string_lossy().contains("mainstay_firmware"));
    let bytes = firmware.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
    let entry = symbol(&bytes, server.entry).ok_or_else(|| format!("no {} there", server.entry))?;
    let program = std::env::temp_dir().join(format!("mainstay-size-{}", std::process::id()));
    let linked = Command::new(linker)
        .args(["-flavor", "gnu", "--gc-sections", "--unresolved-symbols=ignore-all"])
        .arg(format!("--entry={entry}"))
        .args(rlibs)
        .arg("-o")
        .arg(&program)
        .status();
    let text = std::fs::read(&program).unwrap_or_default();
    let _ = std::fs::remove_file(&program);
    if !linked.is_ok_and(|status| status.success()) {
        return Err(format!("{} does not link", server.entry));
    }
    judge_stack(server, &text)?;
    elf::functions(&text).ok_or_else(|| "the program is no ELF of 32 bits".to_owned())
}

/// Bytes of text by crate, what is nobody's last.
fn by_crate(functions: &[elf::Function]) -> Vec<u64> {
    let mut sizes = vec![0; CRATES.len() + 1];
    for function in functions {
        let whose = CRATES.iter().position(|name| function.name.contains(name));
        if let Some(size) = sizes.get_mut(whose.unwrap_or(CRATES.len())) {
            *size += function.size;
        }
    }
    sizes
}

/// The largest functions, the name as the linker knows it.
fn list(mut functions: Vec<elf::Function>) {
    functions.sort_by_key(|function| core::cmp::Reverse(function.size));
    for function in functions.iter().take(LISTED) {
        say(&format!("{:6} {}", function.size, function.name));
    }
}

/// The deepest call into `mainstay-tcp` (TCP-653).
fn judge_stack(server: &Server, program: &[u8]) -> Result<(), String> {
    let deepest = stack::deepest(program, CRATES[0]).ok_or("the program calls itself")?;
    let (stack::Deepest { bytes, path, blind }, profile) = (deepest, server.profile);
    say(&format!("{profile}: stack {bytes} (goal {}), {blind} calls unknown", server.stack_goal));
    if bytes <= server.stack {
        return Ok(());
    }
    let path: Vec<String> = path.iter().map(|(name, frame)| format!("{name} {frame}")).collect();
    Err(format!(
        "{profile}: {bytes} bytes of stack, more than {}: {}",
        server.stack,
        path.join("; ")
    ))
}

/// The mangled name of a function, among the names in a library.
fn symbol(library: &[u8], function: &str) -> Option<String> {
    let words = library.split(|byte| !(byte.is_ascii_alphanumeric() || b"_$.".contains(byte)));
    let names = words.filter_map(|word| core::str::from_utf8(word).ok());
    names
        .filter(|name| name.starts_with("_ZN") || name.starts_with("_R"))
        .find(|name| name.contains("mainstay_firmware") && name.contains(function))
        .map(str::to_owned)
}

fn judge(server: &Server, sizes: &[u64]) -> Option<String> {
    let names = CRATES.iter().copied().chain(["others"]);
    let parts: Vec<String> =
        names.zip(sizes).map(|(name, size)| format!("{name} {size}")).collect();
    let tcp = sizes.first().copied().unwrap_or(0);
    say(&format!("{}: {} (goal {})", server.profile, parts.join(", "), server.goal));
    if tcp == 0 {
        return Some(format!("{}: nothing was measured", server.profile));
    }
    (tcp > server.most).then(|| {
        format!(
            "{}: mainstay-tcp is {tcp} bytes of text, more than {}",
            server.profile, server.most
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Server =
        Server { entry: "f", profile: "p", goal: 5, most: 10, stack_goal: 0, stack: 0 };

    #[test]
    fn a_function_is_found_by_its_mangled_name() {
        let library = b"!<arch>\n\0_ZN4core3fmtE\0_ZN17mainstay_firmware6memory9echo_tiny17h12E\0";
        let found = "_ZN17mainstay_firmware6memory9echo_tiny17h12E";
        assert_eq!(symbol(library, "echo_tiny").as_deref(), Some(found));
        assert_eq!(symbol(library, "echo_std"), None);
    }

    #[test]
    fn text_that_has_grown_is_a_finding_and_so_is_none() {
        assert_eq!(judge(&SERVER, &[10, 99, 99, 99, 99]), None);
        assert!(judge(&SERVER, &[11, 0, 0, 0, 0]).is_some());
        assert!(judge(&SERVER, &[0, 0, 0, 0, 0]).is_some());
    }
}
