//! Async handles under tokio: the device has a thread of its own, any task of any executor holds its streams.
//!
//! `cargo run -p mainstay --example async_tokio`
#![expect(clippy::print_stdout, reason = "it shows what moved")]

use core::error::Error;
use mainstay::{Builder, Closed, Outcome, Policy, State, Stream};
use std::io;
use std::net::{TcpListener, TcpStream};
use std::thread;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = echo_server()?;
    let policy = format!(
        r#"{{ "s": [
            {{ "chat": {{ "endpoint": "127.0.0.1", "port": {port}, "protocol": "ws", "opportunistic": true }} }},
            {{ "bulk": {{ "endpoint": "127.0.0.1", "port": {port}, "protocol": "ws", "opportunistic": true }} }}
        ] }}"#
    );
    let device = Builder::new(Policy::parse(&policy, "example")?.policy).spawn()?;
    // Two streams at once, on one thread: neither waits for the other.
    let (chat, bulk) = tokio::join!(chat(device.open("chat")), bulk(device.open("bulk")));
    println!("chat: {} answers", chat?);
    println!("bulk: {} bytes there and back", bulk?);
    device.stop()?;
    Ok(())
}

/// Question and answer: a message, its outcome, and what came back.
async fn chat(stream: Stream) -> Result<usize, Closed> {
    let questions = ["how are you?", "and now?", "still?"];
    for question in questions {
        // A WebSocket acknowledges nothing: the best there is to know is that it went out.
        let outcome: Outcome = stream.send(question).await?;
        let answer = stream.message(1024).await?;
        println!("chat: {outcome:?}, {}", String::from_utf8_lossy(&answer));
    }
    stream.close();
    stream.reaches(State::Disconnected).await?;
    Ok(questions.len())
}

/// Sending and receiving at the same time: `post` waits for room alone, the ticket says later what became of it.
async fn bulk(stream: Stream) -> Result<usize, Closed> {
    let count = 20;
    let sending = async {
        let mut tickets = Vec::new();
        for number in 0..count {
            tickets.push(stream.post(vec![number; 10_000]).await?);
        }
        for ticket in tickets {
            let outcome = ticket.outcome().await;
            if outcome != Outcome::Sent {
                println!("bulk: lost one, {outcome:?}");
            }
        }
        Ok::<_, Closed>(())
    };
    let receiving = async {
        let mut bytes = 0;
        for _ in 0..count {
            bytes += stream.message(16_384).await?.len();
        }
        Ok(bytes)
    };
    let (sent, received) = tokio::join!(sending, receiving);
    sent?;
    received
}

/// A WebSocket server that sends back what it gets, a thread for each connection.
fn echo_server() -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    thread::Builder::new().spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _none_left = thread::Builder::new().spawn(move || {
                // The end of a connection is an error of the next read.
                let _ended = echo(stream);
            });
        }
    })?;
    Ok(port)
}

fn echo(stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let mut socket = tungstenite::accept(stream)?;
    loop {
        let message = socket.read()?;
        if message.is_text() || message.is_binary() {
            socket.send(message)?;
        }
    }
}
