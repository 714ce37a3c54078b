//! The device as a future: no thread of its own, tokio's loop drives it by its descriptor and its deadline.
//!
//! `cargo run -p mainstay --example in_tokio`
#![expect(clippy::print_stdout, reason = "it shows what moved")]

use core::error::Error;
use core::time::Duration;
use mainstay::{Builder, Closed, Device, Policy, State, Stream};
use std::io;
use std::os::fd::AsFd;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let policy = format!(
        r#"{{ "s": [{{ "pipe": {{
            "endpoint": "127.0.0.1", "port": {}, "protocol": "raw", "opportunistic": true
        }} }}] }}"#,
        listener.local_addr()?.port()
    );
    let device = Builder::new(Policy::parse(&policy, "example")?.policy).build()?;
    let pipe = device.open("pipe");

    // The server, the device and the application take turns on this one thread.
    tokio::select! {
        ended = drive(device) => Err(format!("the device ended: {ended:?}").into()),
        ended = shout(&listener) => Err(format!("the server ended: {ended:?}").into()),
        talked = talk(&pipe) => Ok(talked?),
    }
}

/// Runs a device. It has work when its descriptor is readable or its deadline has passed.
#[expect(deprecated, reason = "its successor is unsafe; what is registered owns its descriptor")]
async fn drive(mut device: Device) -> io::Result<()> {
    let poll = device.as_fd().try_clone_to_owned()?;
    let poll = AsyncFd::with_interest(poll, Interest::READABLE)?;
    loop {
        device.turn(Some(Duration::ZERO))?;
        let Some(wait) = device.wait() else {
            poll.readable().await?.clear_ready();
            continue;
        };
        // Readable or late: either way there is something to do.
        if let Ok(readable) = tokio::time::timeout(wait, poll.readable()).await {
            readable?.clear_ready();
        }
    }
}

/// The application: an async handle, here on the loop's own thread.
async fn talk(pipe: &Stream) -> Result<(), Closed> {
    for word in ["hello", "again"] {
        let outcome = pipe.send(word).await?;
        let mut answer = Vec::new();
        while answer.len() < word.len() {
            answer.extend(pipe.recv().await?.bytes);
        }
        println!("{word}: {outcome:?}, came back as {}", String::from_utf8_lossy(&answer));
    }
    pipe.close();
    pipe.reaches(State::Disconnected).await?;
    println!("closed");
    Ok(())
}

/// A server that sends back in capitals what it gets, a connection after the other.
async fn shout(listener: &TcpListener) -> io::Result<()> {
    let mut bytes = [0; 1024];
    loop {
        let (mut stream, _) = listener.accept().await?;
        loop {
            let len = stream.read(&mut bytes).await?;
            if len == 0 {
                break;
            }
            let read = bytes.get_mut(..len).unwrap_or_default();
            read.make_ascii_uppercase();
            stream.write_all(read).await?;
        }
    }
}
