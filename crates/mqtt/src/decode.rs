//! Cuts input into packets. Keeps only what of a head or a short packet came too early, bounded by `packet_max`.
//!
//! Owns no payload of a PUBLISH: once its head is whole, the caller counts the payload itself.

use crate::error::Fault;
use crate::limits::size;
use crate::message::{Extent, Header, Kind, Packet, PublishHead, head_len};

/// Where in a packet the next byte falls.
#[derive(Clone, Copy, Debug, Default)]
enum Step {
    /// In the fixed header.
    #[default]
    Header,
    /// After it.
    Body(Header),
}

/// The cutter.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    step: Step,
    /// The front of the unit, when it came apart.
    kept: Vec<u8>,
    /// The unit in `kept` is complete.
    spent: bool,
}

/// What the bytes taken complete.
#[derive(Debug)]
pub(crate) enum Unit<'a> {
    /// Nothing yet; all was taken.
    Partial,
    /// A packet.
    Packet(Packet<'a>),
    /// The head of a PUBLISH with so many bytes of payload.
    Publish(PublishHead<'a>, u32),
    /// The end.
    Fault(Fault),
}

impl Decoder {
    /// Takes bytes from the front of `input` up to one unit; call [`Self::settle`] when the unit is done with.
    pub(crate) fn take<'a>(&'a mut self, input: &'a [u8], packet_max: u32) -> (usize, Unit<'a>) {
        let (header, used) = match self.step {
            Step::Body(header) => (header, 0),
            Step::Header => match self.take_header(input) {
                Ok(Some(found)) => found,
                Ok(None) => return (input.len(), Unit::Partial),
                Err(fault) => return (input.len(), Unit::Fault(fault)),
            },
        };
        let rest = input.get(used..).unwrap_or_default();
        let taken = match header.kind {
            Kind::Publish => self.take_head(header, rest),
            Kind::Connect
            | Kind::Connack
            | Kind::Puback
            | Kind::Pubrec
            | Kind::Pubrel
            | Kind::Pubcomp
            | Kind::Subscribe
            | Kind::Suback
            | Kind::Unsubscribe
            | Kind::Unsuback
            | Kind::Pingreq
            | Kind::Pingresp
            | Kind::Disconnect => self.take_body(header, rest, packet_max),
        };
        match taken {
            Ok((taken, unit)) => (used + taken, unit),
            Err(fault) => (input.len(), Unit::Fault(fault)),
        }
    }

    /// Gives back the memory of the last unit.
    pub(crate) fn settle(&mut self) {
        if self.spent {
            self.spent = false;
            self.kept = Vec::new();
        }
    }

    /// Whether part of a packet is kept.
    pub(crate) const fn is_partial(&self) -> bool {
        matches!(self.step, Step::Body(_)) || !self.kept.is_empty()
    }

    fn take_header(&mut self, input: &[u8]) -> Result<Option<(Header, usize)>, Fault> {
        if self.kept.is_empty() {
            let found = Header::parse(input)?;
            if found.is_none() {
                self.kept.extend_from_slice(input);
            }
            return Ok(found);
        }
        for (index, &byte) in input.iter().enumerate() {
            self.kept.push(byte);
            if let Some((header, _)) = Header::parse(&self.kept)? {
                self.kept = Vec::new();
                return Ok(Some((header, index + 1)));
            }
        }
        Ok(None)
    }

    fn take_body<'a>(
        &'a mut self,
        header: Header,
        rest: &'a [u8],
        packet_max: u32,
    ) -> Result<(usize, Unit<'a>), Fault> {
        if header.len > packet_max {
            return Err(Fault::TooLarge);
        }
        let missing = size(header.len) - self.kept.len();
        let Some(last) = rest.get(..missing) else {
            self.step = Step::Body(header);
            self.kept.extend_from_slice(rest);
            return Ok((rest.len(), Unit::Partial));
        };
        self.step = Step::Header;
        let body = if self.kept.is_empty() {
            last
        } else {
            self.kept.extend_from_slice(last);
            self.spent = true;
            &self.kept
        };
        Ok((missing, Unit::Packet(Packet::parse(header, body)?)))
    }

    fn take_head<'a>(
        &'a mut self,
        header: Header,
        rest: &'a [u8],
    ) -> Result<(usize, Unit<'a>), Fault> {
        if self.kept.is_empty()
            && let Extent::Whole(len) = head_len(header, rest)?
            && let Some(head) = rest.get(..len)
        {
            self.step = Step::Header;
            return publish(header, head).map(|unit| (len, unit));
        }
        self.step = Step::Body(header);
        let mut taken = 0;
        loop {
            let whole = head_len(header, &self.kept)?;
            let (Extent::Whole(goal) | Extent::Needs(goal)) = whole;
            let missing = goal - self.kept.len();
            let left = rest.get(taken..).unwrap_or_default();
            let (more, enough) = left.get(..missing).map_or((left, false), |more| (more, true));
            self.kept.extend_from_slice(more);
            taken += more.len();
            if !enough {
                return Ok((taken, Unit::Partial));
            }
            if matches!(whole, Extent::Whole(_)) {
                self.step = Step::Header;
                self.spent = true;
                return publish(header, &self.kept).map(|unit| (taken, unit));
            }
        }
    }
}

fn publish(header: Header, head: &[u8]) -> Result<Unit<'_>, Fault> {
    let len = u32::try_from(head.len()).map_err(|_| Fault::TooLarge)?;
    Ok(Unit::Publish(PublishHead::parse(header, head)?, header.len.saturating_sub(len)))
}
