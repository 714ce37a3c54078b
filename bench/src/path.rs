//! One bulk connection over links of this kernel: our stack, the kernel's and smoltcp's in turn, each in a process of its
//! own, the far end always the kernel's.
//!
//! The measuring process makes namespaces and starts `path-*` processes; it measures nothing itself.

mod frames;
mod gauge;
mod ground;
mod judge;
mod kernel;
mod lossy;
mod offload;
mod own;
mod relay;
mod run;
mod smol;
mod turns;

pub(crate) use relay::run as run_relay;

use crate::Fallible;
use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::path::Path;

/// The far end: the kernel, always.
const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 1, 2));
/// The end that is measured.
const NEAR: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 18, 1, 10));
/// Every namespace is entered by the processes of one run only.
const PORT: u16 = 5001;
/// What is written or read at once.
const CHUNK: usize = 256 << 10;
/// The longest wait for a peer or a byte before the clock is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What one end does.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    /// `kernel`, `own`, `own-offload`, `smoltcp`.
    who: String,
    /// Whether it listens; else it connects.
    listens: bool,
    /// Whether it sends; else it takes.
    sends: bool,
    /// `cubic`, `bbr`, `bbr:120` with the threshold in thousandths.
    congestion: String,
    /// `-`, `tap:NAME` or `packet:NAME`.
    link: String,
    /// When the window that counts begins and ends, after the connection was opened.
    window: [Duration; 2],
    /// Bytes of each buffer.
    buffer: usize,
    /// The namespace it enters.
    namespace: String,
}

impl End {
    /// The words of a command line that [`End::read`] reads.
    fn words(&self) -> Vec<String> {
        let millis = |at: Duration| at.as_millis().to_string();
        vec![
            self.who.clone(),
            if self.listens { "listen" } else { "connect" }.to_owned(),
            if self.sends { "send" } else { "take" }.to_owned(),
            self.congestion.clone(),
            self.link.clone(),
            millis(self.window[0]),
            millis(self.window[1]),
            self.buffer.to_string(),
            self.namespace.clone(),
        ]
    }

    fn read(words: &[&str]) -> Fallible<Self> {
        let [who, role, way, congestion, link, from, until, buffer, namespace] = words else {
            return Err("path-end: nine words".into());
        };
        Ok(Self {
            who: (*who).to_owned(),
            listens: *role == "listen",
            sends: *way == "send",
            congestion: (*congestion).to_owned(),
            link: (*link).to_owned(),
            window: [Duration::from_millis(from.parse()?), Duration::from_millis(until.parse()?)],
            buffer: buffer.parse()?,
            namespace: (*namespace).to_owned(),
        })
    }
}

/// The process of one end.
pub(crate) fn run_end(words: &[&str]) -> Fallible {
    let end = End::read(words)?;
    mainstay_host::link::enter_namespace(&ground::path(&end.namespace))?;
    let gauge = match end.who.as_str() {
        "kernel" => kernel::run(&end)?,
        "smoltcp" => smol::run(&end)?,
        _ => own::run(&end)?,
    };
    println!("{}", gauge.line());
    Ok(())
}

/// What was measured of the three.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    lossy: Option<lossy::Findings>,
    offload: Option<turns::Findings>,
    frames: Option<turns::Findings>,
    /// What could not be measured, and why.
    pub(crate) failed: Vec<String>,
}

impl Findings {
    /// The sections of the document, each with its heading.
    pub(crate) fn sections(&self) -> Vec<(&'static str, String)> {
        let mut sections = Vec::new();
        if let Some(findings) = &self.lossy {
            sections.push((lossy::HEADING, lossy::section(findings)));
        }
        if let Some(findings) = &self.offload {
            sections.push((offload::HEADING, offload::section(findings)));
        }
        if let Some(findings) = &self.frames {
            sections.push((frames::HEADING, frames::section(findings)));
        }
        sections
    }
}

/// Lets everybody run in turn; `wants` says which of `relay`, `tap`, `frames`. A part that fails leaves the others alone.
pub(crate) fn measure(
    myself: &Path,
    pairs: usize,
    quick: bool,
    wants: impl Fn(&str) -> bool,
) -> Findings {
    ground::sweep();
    let pairs = if quick { pairs } else { pairs.max(7) };
    let mut failed = Vec::new();
    let offload = part("tap", &wants, &mut failed, || offload::measure(myself, pairs));
    let frames = part("frames", &wants, &mut failed, || frames::measure(myself, pairs));
    let lossy = part("relay", &wants, &mut failed, || lossy::measure(myself, pairs));
    Findings { lossy, offload, frames, failed }
}

fn part<T>(
    name: &str,
    wants: impl Fn(&str) -> bool,
    failed: &mut Vec<String>,
    measure: impl FnOnce() -> Fallible<T>,
) -> Option<T> {
    if !wants(name) {
        return None;
    }
    match measure() {
        Ok(findings) => Some(findings),
        Err(error) => {
            println!("{name}: FAILED, {error}");
            failed.push(format!("{name}: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_read_as_it_was_written() {
        let end = End {
            who: "own".to_owned(),
            listens: false,
            sends: true,
            congestion: "bbr:120".to_owned(),
            link: "tap:wire".to_owned(),
            window: [Duration::from_secs(2), Duration::from_secs(8)],
            buffer: 1 << 22,
            namespace: "bench1-0a".to_owned(),
        };
        let words = end.words();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(End::read(&words).unwrap(), end);
        assert!(End::read(&words[1..]).is_err());
    }
}
