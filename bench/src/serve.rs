//! The peers, each in a process of its own that ends with its standard input.

mod broker;
mod http;
mod ws;

pub(crate) use broker::Broker;

use crate::{Fallible, memory, pki};
use core::future::Future;
use std::io::Read;
use std::path::Path;
use std::process::exit;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A byte stream of any kind.
pub(crate) trait Bytes: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Bytes for T {}

/// `serve KIND [FOLDER]`: prints its port and serves; over TLS if there is a folder of certificates.
pub(crate) fn run(args: &[&str]) -> Fallible {
    memory::raise_descriptors();
    std::thread::spawn(|| {
        // The other end closes when it ends, however it ends.
        let _all = std::io::stdin().read_to_end(&mut Vec::new());
        exit(0);
    });
    let (kind, folder) = match args {
        [kind] => (*kind, None),
        [kind, folder] => (*kind, Some(Path::new(*folder))),
        _ => return Err("serve KIND [FOLDER]".into()),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        match kind {
            "ws" => listen(folder, &[], ws::echo).await,
            "h1" => listen(folder, &[b"http/1.1"], http::one).await,
            "h2" => listen(folder, &[b"h2"], http::two).await,
            other => Err(format!("no server of kind {other}").into()),
        }
    })
}

async fn listen<F>(
    folder: Option<&Path>,
    alpn: &[&[u8]],
    serve: impl Fn(Box<dyn Bytes>) -> F + Copy + Send + 'static,
) -> Fallible
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let acceptor = folder.map(|f| pki::server(f, alpn)).transpose()?.map(TlsAcceptor::from);
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            match acceptor {
                None => serve(Box::new(socket)).await,
                Some(acceptor) => match acceptor.accept(socket).await {
                    Ok(tls) => serve(Box::new(tls)).await,
                    Err(error) => eprintln!("TLS: {error}"),
                },
            }
        });
    }
}
