//! The application in the loop: a handler that is lent what arrives and fills the buffer when there is room.
//!
//! `cargo run -p mainstay --example handlers`
#![expect(clippy::print_stdout, reason = "it shows what moved")]

use core::error::Error;
use mainstay::{
    Answer, Builder, Context, Flags, Handler, Outcome, PayloadId, Policy, Reason, State, Tx,
};
use std::io;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

/// What is sent, one message after the other is back.
const MESSAGES: [&str; 3] = ["one", "two", "three"];

/// The stream's handler. It lives in the device and is called by `Device::turn` alone.
#[derive(Default)]
struct Talker {
    echoed: usize,
}

impl Handler for Talker {
    fn state(
        &mut self,
        cx: &mut Context<'_>,
        state: State,
        _ordinal: u32,
        reason: Option<Reason>,
    ) -> Answer {
        match (state, reason) {
            (_, None) => println!("state: {state:?}"),
            (_, Some(reason)) => println!("state: {state:?}, {reason:?}"),
        }
        if state == State::Creating {
            // Asking to send is asking for a connection.
            cx.request_tx();
        }
        // All is said: the stream ends, and with it the loop below.
        if state == State::Disconnected { Answer::DestroyMe } else { Answer::Ok }
    }

    fn tx(&mut self, _cx: &mut Context<'_>, _ordinal: u32, buffer: &mut [u8]) -> Tx {
        let Some(message) = MESSAGES.get(self.echoed) else { return Tx::DontSend };
        let Some(room) = buffer.get_mut(..message.len()) else { return Tx::DontSend };
        room.copy_from_slice(message.as_bytes());
        Tx::Send { len: message.len(), flags: Flags::SOM | Flags::EOM }
    }

    fn rx(&mut self, cx: &mut Context<'_>, payload: &[u8], flags: Flags) -> Answer {
        println!("received: {}", String::from_utf8_lossy(payload));
        if flags.has(Flags::EOM) {
            self.echoed += 1;
            cx.request_tx();
        }
        if self.echoed == MESSAGES.len() { Answer::DisconnectMe } else { Answer::Ok }
    }

    fn outcome(&mut self, _cx: &mut Context<'_>, id: PayloadId, outcome: Outcome, _through: bool) {
        println!("message {}: {outcome:?}", id.0);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (port, server) = echo_server()?;
    let policy = format!(
        r#"{{ "s": [{{ "echo": {{
            "endpoint": "127.0.0.1", "port": {port}, "protocol": "ws", "http_url": "echo"
        }} }}] }}"#
    );
    let mut device = Builder::new(Policy::parse(&policy, "example")?.policy).build()?;
    let echo = device.create("echo", Talker::default())?;
    while device.node().stream(echo).is_some() {
        device.turn(None)?;
    }
    server.join().map_err(|_| "the server panicked")??;
    Ok(())
}

/// A WebSocket server that sends back what it gets, for one connection.
fn echo_server() -> io::Result<(u16, JoinHandle<io::Result<()>>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    let server = thread::Builder::new().spawn(move || {
        let (stream, _) = listener.accept()?;
        let mut socket = tungstenite::accept(stream).map_err(io::Error::other)?;
        while let Ok(message) = socket.read() {
            if message.is_text() || message.is_binary() {
                socket.send(message).map_err(io::Error::other)?;
            }
        }
        Ok(())
    })?;
    Ok((port, server))
}
