//! The peers that come from the Python package index, each in an environment of its own below target/peers.

use crate::runner;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What became of one group of Python packages.
pub(crate) enum Group {
    There { name: &'static str, version: String },
    Skipped { name: &'static str, why: String },
    Failed { name: &'static str, why: String },
}

/// chosen: the newest whose server and client speak to everything else the tests use; exact, so that a run can be repeated.
const WEBSOCKETS: &str = "websockets==15.0.1";
/// chosen: the only release that installs under a Python 2.7 of today.
const AUTOBAHN: &str = "autobahntestsuite==25.10.1";
/// chosen: the last that makes environments for Python 2.7.
const VIRTUALENV: &str = "virtualenv==20.15.1";

/// The WebSocket server of tests/peers/scripts.
pub(crate) fn websockets(folder: &Path) -> Group {
    let name = "python websockets";
    let environment = folder.join("py3");
    if let Some(version) = installed(&environment, "websockets") {
        return Group::There { name, version };
    }
    let made = make(&environment).and_then(|()| pip(&environment, WEBSOCKETS));
    finish(name, made, &environment, "websockets")
}

/// The Autobahn suite. It wants a Python 2.7, which few machines have: the one optional group.
pub(crate) fn autobahn(folder: &Path) -> Group {
    let name = "autobahntestsuite";
    let environment = folder.join("py27");
    if let Some(version) = installed(&environment, "autobahntestsuite") {
        return Group::There { name, version };
    }
    let Some(python) = python27() else {
        return Group::Skipped {
            name,
            why: "no Python 2.7 here (pyenv, or python2.7 on PATH)".to_owned(),
        };
    };
    let maker = folder.join("py27-maker");
    let made = make(&maker)
        .and_then(|()| pip(&maker, VIRTUALENV))
        .and_then(|()| {
            let mut command = Command::new(maker.join("bin/virtualenv"));
            quiet(command.args(["-q", "-p"]).arg(&python).arg(&environment))
        })
        .and_then(|()| pip(&environment, AUTOBAHN));
    match finish(name, made, &environment, "autobahntestsuite") {
        Group::Failed { why, .. } => Group::Skipped { name, why },
        other @ (Group::There { .. } | Group::Skipped { .. }) => other,
    }
}

fn finish(
    name: &'static str,
    made: Result<(), String>,
    environment: &Path,
    package: &str,
) -> Group {
    match (made, installed(environment, package)) {
        (Err(why), _) => Group::Failed { name, why },
        (Ok(()), Some(version)) => Group::There { name, version },
        (Ok(()), None) => Group::Failed {
            name,
            why: format!("pip says it installed {package}, and it is not there"),
        },
    }
}

/// The version of `package` in an environment, read from the folder pip leaves behind.
fn installed(environment: &Path, package: &str) -> Option<String> {
    for library in std::fs::read_dir(environment.join("lib")).ok()?.flatten() {
        let Ok(entries) = std::fs::read_dir(library.path().join("site-packages")) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name
                .strip_prefix(package)
                .and_then(|n| n.strip_prefix('-'))
                .and_then(|n| n.strip_suffix(".dist-info"));
            if let Some(version) = version {
                return Some(version.to_owned());
            }
        }
    }
    None
}

fn make(environment: &Path) -> Result<(), String> {
    if environment.join("bin/pip").exists() {
        return Ok(());
    }
    let python =
        if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" };
    quiet(Command::new(python).args(["-m", "venv"]).arg(environment))
}

fn pip(environment: &Path, package: &str) -> Result<(), String> {
    quiet(
        Command::new(environment.join("bin/python")).args(["-m", "pip", "install", "-q", package]),
    )
}

fn quiet(command: &mut Command) -> Result<(), String> {
    let output =
        command.output().map_err(|e| format!("{}: {e}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last =
        said.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("it says nothing").to_owned();
    Err(format!("{}: {last}", command.get_program().display()))
}

/// A Python 2.7 that runs: one of pyenv's, or the one on PATH.
fn python27() -> Option<PathBuf> {
    let home = std::env::var_os("PYENV_ROOT").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".pyenv")))?;
    let versions = std::fs::read_dir(home.join("versions")).into_iter().flatten().flatten();
    let own = versions.map(|v| v.path().join("bin/python2.7")).find(|p| p.exists());
    own.or_else(|| {
        runner::succeeds("python2.7", &["--version"]).then(|| PathBuf::from("python2.7"))
    })
}
