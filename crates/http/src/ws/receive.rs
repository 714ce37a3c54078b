//! Frames received: headers, order of fragments, text. Lends payload; knows nothing of time or answers.

use super::Payload;
use super::close::{NOT_TEXT, PROTOCOL};
use super::frame::{CONTROL_MAX, HEADER_MAX, Header, Opcode, mask, rotate};
use super::text::Text;
use crate::limits::UNIT_MAX;

/// Which side we are: clients mask, servers do not (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// What a unit of input was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Got<'b> {
    /// Part of something, or payload that is lent now.
    Nothing,
    /// A whole control frame.
    Control(Opcode, &'b [u8]),
    /// A whole control frame that came in pieces.
    Pieced(Opcode, Vec<u8>),
    /// The peer broke the protocol: the code to close with.
    Bad(u16),
}

/// The receiving half.
#[derive(Debug)]
pub(crate) struct Receiver {
    role: Role,
    /// A message is open, binary or not.
    message: Option<bool>,
    /// Its first slice was lent.
    begun: bool,
    text: Text,
    /// A header that has not come whole.
    header: [u8; HEADER_MAX],
    held: u8,
    frame: Option<Frame>,
    control: Option<Box<Control>>,
    lent: Option<Lent>,
}

/// A data frame whose payload is coming.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: u64,
    key: [u8; 4],
    fin: bool,
}

/// A control frame that comes in pieces.
#[derive(Debug)]
struct Control {
    opcode: Opcode,
    key: [u8; 4],
    want: usize,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Lent {
    from: u32,
    to: u32,
    start: bool,
    end: bool,
    binary: bool,
}

impl Receiver {
    pub(crate) const fn new(role: Role) -> Self {
        Self {
            role,
            message: None,
            begun: false,
            text: Text::new(),
            header: [0; HEADER_MAX],
            held: 0,
            frame: None,
            control: None,
            lent: None,
        }
    }

    /// Whether a slice waits to be taken.
    pub(crate) const fn is_lending(&self) -> bool {
        self.lent.is_some()
    }

    /// Takes one unit: a frame, or as much of one as there is.
    pub(crate) fn take<'b>(&mut self, input: &'b mut [u8]) -> (usize, Got<'b>) {
        let len = input.len().min(UNIT_MAX);
        let (input, _) = input.split_at_mut(len);
        if self.frame.is_some() {
            return self.take_payload(input, 0);
        }
        if self.control.is_some() {
            return self.take_control(input);
        }
        let (used, header) = match self.take_header(input) {
            Ok((used, Some(header))) => (used, header),
            Ok((used, None)) => return (used, Got::Nothing),
            Err(code) => return (input.len(), Got::Bad(code)),
        };
        if header.opcode.is_control() {
            return self.begin_control(header, input, used);
        }
        self.take_payload(input, used)
    }

    pub(crate) fn next_payload<'b>(&mut self, input: &'b mut [u8]) -> Option<Payload<'b>> {
        let lent = self.lent.take()?;
        let bytes = input.get_mut(lent.from as usize..lent.to as usize)?;
        Some(Payload { bytes, start: lent.start, end: lent.end, binary: lent.binary })
    }

    /// Whether nothing of a control frame is held.
    #[cfg(test)]
    pub(crate) const fn is_at_rest(&self) -> bool {
        self.control.is_none()
    }

    fn take_header(&mut self, input: &[u8]) -> Result<(usize, Option<Header>), u16> {
        let parsed = if self.held == 0 { Header::parse(input) } else { self.join_header(input) };
        match parsed {
            Ok(Some((header, used))) => {
                self.held = 0;
                self.check(&header)?;
                Ok((used, Some(header)))
            }
            Ok(None) => {
                if self.held == 0 {
                    self.hold(input);
                }
                Ok((input.len(), None))
            }
            Err(_) => Err(PROTOCOL),
        }
    }

    /// Adds to the held header byte by byte, so that nothing behind it is taken.
    fn join_header(
        &mut self,
        input: &[u8],
    ) -> Result<Option<(Header, usize)>, super::frame::BadHeader> {
        for (at, byte) in input.iter().enumerate() {
            self.hold(core::slice::from_ref(byte));
            let held = self.header.get(..usize::from(self.held)).unwrap_or_default();
            if let Some((header, _)) = Header::parse(held)? {
                return Ok(Some((header, at + 1)));
            }
        }
        Ok(None)
    }

    fn hold(&mut self, bytes: &[u8]) {
        for (slot, byte) in self.header.iter_mut().skip(usize::from(self.held)).zip(bytes) {
            *slot = *byte;
            self.held += 1;
        }
    }

    /// Masked or not by role (RFC 6455 §5.1), fragments in order (§5.4); opens messages.
    fn check(&mut self, header: &Header) -> Result<(), u16> {
        if header.mask.is_some() != (self.role == Role::Server) {
            return Err(PROTOCOL);
        }
        match (header.opcode, self.message) {
            (Opcode::Text | Opcode::Binary, None) => {
                self.message = Some(header.opcode == Opcode::Binary);
                self.begun = false;
            }
            (Opcode::Continuation, Some(_)) => {}
            (Opcode::Text | Opcode::Binary, Some(_)) | (Opcode::Continuation, None) => {
                return Err(PROTOCOL);
            }
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => return Ok(()),
        }
        let key = header.mask.unwrap_or_default();
        self.frame = Some(Frame { left: header.len, key, fin: header.fin });
        Ok(())
    }

    fn take_payload(&mut self, input: &mut [u8], from: usize) -> (usize, Got<'static>) {
        let Some(mut frame) = self.frame else { return (0, Got::Nothing) };
        let rest = input.len() - from;
        let count = usize::try_from(frame.left).map_or(rest, |left| left.min(rest));
        let to = from + count;
        let bytes = input.get_mut(from..to).unwrap_or_default();
        if self.role == Role::Server {
            mask(frame.key, bytes);
            frame.key = rotate(frame.key, count);
        }
        frame.left -= count as u64;
        let end = frame.fin && frame.left == 0;
        let binary = self.message.unwrap_or_default();
        if !binary && (self.text.push(bytes).is_err() || (end && !self.text.is_whole())) {
            return (input.len(), Got::Bad(NOT_TEXT));
        }
        self.frame = (frame.left > 0).then_some(frame);
        if count > 0 || end {
            let position = |at| u32::try_from(at).unwrap_or(u32::MAX);
            let (from, to) = (position(from), position(to));
            self.lent = Some(Lent { from, to, start: !self.begun, end, binary });
            self.begun = true;
        }
        if end {
            self.message = None;
        }
        (to, Got::Nothing)
    }

    /// Most control frames come whole, and need no memory.
    fn begin_control<'b>(
        &mut self,
        header: Header,
        input: &'b mut [u8],
        used: usize,
    ) -> (usize, Got<'b>) {
        let want = usize::try_from(header.len).unwrap_or(CONTROL_MAX);
        let key = header.mask.unwrap_or_default();
        let (_, rest) = input.split_at_mut(used);
        if rest.len() >= want {
            let (payload, _) = rest.split_at_mut(want);
            mask(key, payload);
            return (used + want, Got::Control(header.opcode, payload));
        }
        let bytes = rest.to_vec();
        self.control = Some(Box::new(Control { opcode: header.opcode, key, want, bytes }));
        (used + rest.len(), Got::Nothing)
    }

    fn take_control(&mut self, input: &[u8]) -> (usize, Got<'static>) {
        let Some(control) = &mut self.control else { return (0, Got::Nothing) };
        let count = input.len().min(control.want - control.bytes.len());
        control.bytes.extend_from_slice(input.get(..count).unwrap_or_default());
        let whole = control.bytes.len() == control.want;
        let Some(control) = self.control.take_if(|_| whole) else { return (count, Got::Nothing) };
        let Control { opcode, key, mut bytes, .. } = *control;
        mask(key, &mut bytes);
        (count, Got::Pieced(opcode, bytes))
    }
}
