//! Opening a connection.

use crate::{Stream, trouble};
use postrider_smtp::{Phase, Trouble, TroubleKind};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};

/// Connects, from that source address when one is given, or says what stood in the way, with
/// the operating system's own number.
pub async fn connect(address: SocketAddr, source: Option<IpAddr>, limit: Duration) -> Result<Stream, Trouble> {
    match tokio::time::timeout(limit, open(address, source)).await {
        Ok(Ok(socket)) => Ok(Stream::Plain(socket)),
        Ok(Err(error)) => Err(trouble::at_connect(&error)),
        Err(_) => Err(Trouble {
            phase: Phase::Connect,
            kind: TroubleKind::ConnectTimeout,
            errno: None,
            detail: format!("no answer from {address} in {} s", limit.as_secs()),
        }),
    }
}

async fn open(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    // Every flight is one write already; waiting for more would only cost time.
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn from_the_source_address_asked_for() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let source: IpAddr = "127.0.0.77".parse().unwrap();
        let connected = connect(address, Some(source), Duration::from_secs(5)).await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!((peer.ip(), connected.socket().peer_addr().unwrap()), (source, address));
    }

    #[tokio::test]
    async fn what_stands_in_the_way_is_told_with_its_number() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = listener.local_addr().unwrap();
        drop(listener);
        let refused = connect(closed, None, Duration::from_secs(5)).await.unwrap_err();
        assert_eq!((refused.kind, refused.errno), (TroubleKind::ConnectionRefused, Some(111)));
        // 192.0.2.1 (RFC 5737) is no address of any machine.
        let foreign = connect(closed, Some("192.0.2.1".parse().unwrap()), Duration::from_secs(5)).await.unwrap_err();
        assert_eq!((foreign.kind, foreign.errno), (TroubleKind::LocalFault, Some(99)));
    }
}
