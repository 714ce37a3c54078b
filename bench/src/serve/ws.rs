//! A WebSocket echo that does as little as can be: it unmasks frames and gives them back, all that
//! came with one read in one write.

use super::Bytes;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// What is read at once. chosen: 64 frames of 64 bytes and more.
const READ: usize = 32 * 1024;

pub(super) async fn echo(mut io: Box<dyn Bytes>) {
    // An end in the middle of things is an end.
    let _over = converse(&mut io).await;
}

async fn converse(io: &mut Box<dyn Bytes>) -> io::Result<()> {
    upgrade(io).await?;
    let (mut input, mut output) = (Vec::new(), Vec::new());
    loop {
        input.reserve(READ);
        if io.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        let mut at = 0;
        while let Some(used) = frame(&mut input[at..], &mut output) {
            at += used;
        }
        input.drain(..at);
        if !output.is_empty() {
            io.write_all(&output).await?;
            io.flush().await?;
            output.clear();
        }
        if input.is_empty() {
            input.shrink_to(READ);
            output.shrink_to(READ);
        }
    }
}

async fn upgrade(io: &mut Box<dyn Bytes>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if io.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let key = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key"))
        .map_or("", |(_, value)| value.trim());
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    io.write_all(answer.as_bytes()).await?;
    io.flush().await
}

/// Gives back the frame at the front, if it is whole: its length on the wire.
fn frame(input: &mut [u8], output: &mut Vec<u8>) -> Option<usize> {
    let (&first, rest) = input.split_first()?;
    let (&second, rest) = rest.split_first()?;
    let (len, head) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let whole = input.get_mut(..head + 4 + len)?;
    let (header, body) = whole.split_at_mut(head);
    let (mask, payload) = body.split_first_chunk_mut::<4>()?;
    let wide = u64::from_ne_bytes(core::array::from_fn(|i| mask[i % 4]));
    let (chunks, tail) = payload.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
    // A ping becomes a pong, everything else what it was.
    output.push(if first & 0x0f == 9 { 0x8a } else { first });
    output.push(second & 0x7f);
    output.extend_from_slice(header.get(2..)?);
    output.extend_from_slice(payload);
    Some(head + 4 + len)
}
