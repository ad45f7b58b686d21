//! The client against small servers on loopback, and against their recording.

use super::*;
use crate::ctx::Settings;
use crate::net::{Live, Tape};
use postrider_smtp::Timestamp;
use postrider_transport::tls::client::ClientTls;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that gives each connection the next of these answers, then closes it. `{port}` in an
/// answer is its own port.
pub(crate) async fn server(answers: Vec<String>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut octets = [0; 1024];
                match socket.read(&mut octets).await {
                    Ok(0) | Err(_) => break,
                    Ok(length) => asked.extend_from_slice(&octets[..length]),
                }
            }
            let _ = socket.write_all(answer.replace("{port}", &port.to_string()).as_bytes()).await;
        }
    });
    port
}

fn ctx(world: Arc<dyn crate::net::World>) -> Ctx {
    let tls = Arc::new(ClientTls::new(None).unwrap());
    Ctx::new(world, tls, Timestamp(1_796_000_000_000), Settings::default())
}

fn page(port: u16, path: &str, redirects_max: usize) -> Get {
    Get {
        url: format!("http://127.0.0.1:{port}{path}"),
        accept: "text/plain",
        purpose: "test".into(),
        redirects_max,
        bytes_max: 1000,
        limit: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn redirects_as_far_as_they_may_go() {
    let moved = || "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n".to_owned();
    let there = || "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".to_owned();
    let ctx = ctx(Arc::new(Live::new(None)));

    let port = server(vec![moved(), there()]).await;
    let fetched = get(&ctx, &page(port, "/a", 3)).await;
    let answer = fetched.end.unwrap();
    assert_eq!((answer.status, answer.body.as_slice(), fetched.hops.len()), (200, b"hi".as_slice(), 2));
    assert_eq!(fetched.hops[1].url.path, "/b");
    assert_eq!(fetched.hops[0].status.as_deref(), Some("HTTP/1.1 302 Found"));

    let port = server(vec![moved()]).await;
    let fetched = get(&ctx, &page(port, "/a", 0)).await;
    assert_eq!(fetched.end.unwrap().status, 302);

    // To itself, again and again.
    let port = server(vec![moved(), moved(), moved()]).await;
    let fetched = get(&ctx, &page(port, "/a", 9)).await;
    assert_eq!(fetched.end.unwrap_err(), Stop::Redirect("/b".into()));
}

#[tokio::test]
async fn what_stands_in_the_way_is_told() {
    let ctx = ctx(Arc::new(Live::new(None)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    let fetched = get(&ctx, &page(closed, "/", 0)).await;
    assert!(matches!(fetched.end, Err(Stop::Connect(..))), "{:?}", fetched.end);
    assert_eq!(fetched.hops[0].troubles.len(), 1);

    let port = server(vec!["SSH-2.0-x\r\n".into()]).await;
    let fetched = get(&ctx, &page(port, "/", 0)).await;
    assert!(matches!(fetched.end, Err(Stop::NotHttp(_, NotHttp::Start(_)))), "{:?}", fetched.end);

    // It takes the connection and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let slow = Get { limit: Duration::from_millis(50), ..page(port, "/", 0) };
    let fetched = get(&ctx, &slow).await;
    assert!(fetched.end.unwrap_err().is_silence());

    let fetched = get(&ctx, &Get { url: "gopher://x/".into(), ..page(1, "/", 0) }).await;
    assert_eq!(fetched.end.unwrap_err(), Stop::Url("gopher://x/".into()));
}

#[tokio::test]
async fn a_recording_gives_the_same() {
    let port = server(vec![
        "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:{port}/b\r\n\r\n".into(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".into(),
    ])
    .await;
    let tape = Arc::new(Tape::recording(Arc::new(Live::new(None))));
    let live = get(&ctx(tape.clone()), &page(port, "/a", 3)).await;
    let mut case = String::from(r#"{"schema":"postrider.case/1","target":"x","at":0,"settings":{}}"#);
    for entry in tape.entries() {
        case.push('\n');
        case.push_str(&serde_json::to_string(&entry).unwrap());
    }
    let (_, replay) = crate::net::Replay::read(&case).unwrap();
    let again = get(&ctx(Arc::new(replay)), &page(port, "/a", 3)).await;
    assert_eq!(live.end.as_ref().unwrap().body, b"hello");
    assert_eq!(again.end, live.end);
    assert_eq!(again.hops.len(), live.hops.len());
}
