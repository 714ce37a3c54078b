//! What went over the link: a capture, and a picture of sequence, window and losses over time.

use crate::command::args;
use crate::command::exit::{Exit, Failure};
use core::fmt::Write as _;
use mainstay_base::Instant;
use mainstay_host::own::Way;
use mainstay_impair::pcap::{self, LinkType};
use mainstay_wire::ethernet;
use mainstay_wire::ip::Protocol;
use mainstay_wire::tcp::{Flags, Header};
use std::fs::File;
use std::io::{BufWriter, Write as _};

/// Points of one picture at most. chosen: more than a screen has, and a file a browser still opens
const POINTS_MAX: usize = 20_000;

/// A capture being written and points being collected.
#[derive(Debug)]
pub(crate) struct Trace {
    capture: Option<BufWriter<File>>,
    bare: bool,
    plots: bool,
    /// Of what we send: when, first byte and length, from the connection's start.
    sent: Vec<(Instant, u32, u32)>,
    /// Of what the peer acknowledges: when, the byte it expects, and the end of its window.
    acknowledged: Vec<(Instant, u32, u32)>,
    base: Option<u32>,
    shift: u8,
}

impl Trace {
    pub(crate) fn new(args: &args::Tcp, bare: bool) -> Result<Self, Failure> {
        let mut capture = None;
        if let Some(path) = &args.pcap {
            let words = |error| Failure::new(Exit::Usage, format!("{}: {error}", path.display()));
            let mut file = BufWriter::new(File::create(path).map_err(words)?);
            let mut head = Vec::new();
            pcap::begin(&mut head, if bare { LinkType::Raw } else { LinkType::Ethernet });
            file.write_all(&head)?;
            capture = Some(file);
        }
        Ok(Self {
            capture,
            bare,
            plots: args.plot.is_some(),
            sent: Vec::new(),
            acknowledged: Vec::new(),
            base: None,
            shift: 0,
        })
    }

    /// A frame went by.
    pub(crate) fn frame(&mut self, at: Instant, way: Way, frame: &[u8]) {
        if let Some(capture) = &mut self.capture {
            let mut bytes = Vec::new();
            pcap::frame(&mut bytes, at, frame);
            // What cannot be written is told at the end, by the last flush.
            let _later = capture.write_all(&bytes);
        }
        if self.plots
            && let Some((header, len)) = segment(frame, self.bare)
        {
            self.note(at, way, &header, len);
        }
    }

    fn note(&mut self, at: Instant, way: Way, header: &Header, len: u32) {
        let syn = header.flags.contains(Flags::SYN);
        match way {
            Way::Out => {
                let base = *self.base.get_or_insert(header.sequence);
                if len > 0 && self.sent.len() < POINTS_MAX {
                    self.sent.push((at, header.sequence.wrapping_sub(base), len));
                }
            }
            Way::In => {
                if let (true, Some(shift)) = (syn, header.options.window_scale) {
                    self.shift = shift.min(14);
                }
                let Some(base) = self.base else { return };
                let shift = if syn { 0 } else { self.shift };
                if header.flags.contains(Flags::ACK) && self.acknowledged.len() < POINTS_MAX {
                    let ack = header.acknowledgment.wrapping_sub(base);
                    let edge = ack.wrapping_add(u32::from(header.window) << shift);
                    self.acknowledged.push((at, ack, edge));
                }
            }
        }
    }

    /// Ends the capture and draws the picture.
    pub(crate) fn write(&mut self, args: &args::Tcp) -> Result<(), Failure> {
        if let Some(capture) = &mut self.capture {
            capture.flush()?;
        }
        if let Some(path) = &args.plot {
            std::fs::write(path, self.picture()).map_err(|error| {
                Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
            })?;
        }
        Ok(())
    }

    /// Time to the right, bytes upwards: sent in blue, sent again in red, acknowledged in green, the window in grey.
    fn picture(&self) -> String {
        let times = self.sent.iter().map(|p| p.0).chain(self.acknowledged.iter().map(|p| p.0));
        let (first, last) = times.fold((None, None), |(first, last): (Option<Instant>, _), at| {
            (Some(first.map_or(at, |first| first.min(at))), last.max(Some(at)))
        });
        let (Some(first), Some(last)) = (first, last) else {
            return frame_of("nothing was sent");
        };
        let top = self.sent.iter().map(|p| p.1.saturating_add(p.2)).max().unwrap_or(1).max(1);
        let span = last.since(first).as_secs_f64().max(1e-6);
        let x = |at: Instant| 60.0 + at.since(first).as_secs_f64() / span * 920.0;
        let y = |seq: u32| 560.0 - f64::from(seq.min(top)) / f64::from(top) * 540.0;
        let mut body = String::new();
        for (name, colour, edge) in [("window", "#999", true), ("acknowledged", "#2a2", false)] {
            let points = self.acknowledged.iter().map(|(at, ack, window)| {
                format!("{:.1},{:.1}", x(*at), y(if edge { *window } else { *ack }))
            });
            let points: Vec<String> = points.collect();
            let _infallible = writeln!(
                body,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"><title>{name}</title></polyline>",
                points.join(" ")
            );
        }
        let mut highest = 0;
        for (at, seq, len) in &self.sent {
            let end = seq.saturating_add(*len);
            let colour = if end <= highest { "#d22" } else { "#24c" };
            highest = highest.max(end);
            let _infallible = writeln!(
                body,
                "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"{1:.1}\" y2=\"{2:.1}\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                x(*at),
                y(*seq),
                y(end),
            );
        }
        let _infallible = writeln!(
            body,
            "<text x=\"60\" y=\"590\">0 s</text><text x=\"980\" y=\"590\" text-anchor=\"end\">{span:.3} s</text>\
             <text x=\"55\" y=\"30\" text-anchor=\"end\">{top}</text>"
        );
        frame_of(&body)
    }
}

fn frame_of(body: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1000 600\" font-family=\"sans-serif\" \
         font-size=\"12\"><rect width=\"1000\" height=\"600\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

/// The TCP header of a frame and how much payload follows it.
fn segment(frame: &[u8], bare: bool) -> Option<(Header, u32)> {
    let packet = if bare { frame } else { ethernet::Header::parse(frame)?.1 };
    let (protocol, transport) = match packet.first()? >> 4 {
        4 => {
            let len = usize::from(packet.first()? & 15) * 4;
            (*packet.get(9)?, packet.get(len..)?)
        }
        6 => (*packet.get(6)?, packet.get(40..)?),
        _ => return None,
    };
    if Protocol(protocol) != Protocol::TCP {
        return None;
    }
    let (header, len) = Header::parse(transport)?;
    Some((header, u32::try_from(transport.len() - len).ok()?))
}
