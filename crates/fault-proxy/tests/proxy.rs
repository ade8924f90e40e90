//! The proxy against a server that counts upwards, and against one that echoes.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use flowmaestro_fault_proxy::{Direction, End, Plan, Proxy, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// Long enough for what is on its way to have come.
const QUIET: Duration = Duration::from_millis(200);

/// A server that sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let (mut from, mut to) = socket.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn proxy() -> (Arc<Proxy>, SocketAddr) {
    let proxy = Proxy::new(echo().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Arc::clone(&proxy).run(listener));
    (proxy, address)
}

fn to_client(direction: Direction) -> Rule {
    Rule {
        to_client: direction,
        ..Rule::default()
    }
}

fn to_server(direction: Direction) -> Rule {
    Rule {
        to_server: direction,
        ..Rule::default()
    }
}

fn cut_after(bytes: u64) -> Direction {
    Direction {
        cut_after: Some(bytes),
        ..Direction::default()
    }
}

/// Says hello and returns all that comes back, with how it ended.
async fn talk(address: SocketAddr) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let _ = socket.write_all(b"hello").await;
    let _ = socket.shutdown().await;
    let mut answer = Vec::new();
    let end = socket.read_to_end(&mut answer).await;
    (answer, end.map(drop).map_err(|error| error.kind()))
}

#[tokio::test]
async fn without_a_rule_everything_is_handed_on() {
    let (proxy, address) = proxy().await;
    assert_eq!(talk(address).await, (b"hello".to_vec(), Ok(())));
    assert_eq!(proxy.stats().cut, 0);
}

#[tokio::test]
async fn rules_are_used_up_in_order() {
    let (proxy, address) = proxy().await;
    proxy.add_rules(vec![to_client(cut_after(2)), to_client(cut_after(4))]);
    assert_eq!(talk(address).await.0, b"he");
    assert_eq!(talk(address).await.0, b"hell");
    assert_eq!(talk(address).await.0, b"hello");
    assert_eq!(proxy.stats().cut, 2);
}

#[tokio::test]
async fn a_cut_towards_the_server_counts_the_bytes_of_the_client() {
    let (proxy, address) = proxy().await;
    proxy.add_rules(vec![to_server(cut_after(3))]);
    let (answer, _) = talk(address).await;
    assert!(b"hel".starts_with(&answer), "{answer:?}");
}

#[tokio::test]
async fn a_reset_is_no_orderly_end() {
    let (proxy, address) = proxy().await;
    proxy.add_rules(vec![Rule {
        end: End::Rst,
        ..to_client(cut_after(2))
    }]);
    assert_eq!(talk(address).await.1, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_silent_direction_ends_nothing() {
    let (proxy, address) = proxy().await;
    proxy.add_rules(vec![to_client(Direction {
        silent_after: Some(2),
        ..Direction::default()
    })]);
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"hello").await.unwrap();
    let mut answer = [0; 2];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"he");
    assert!(timeout(QUIET, socket.read_u8()).await.is_err(), "it spoke");
    socket.write_all(b"still open").await.unwrap();
}

#[tokio::test]
async fn segments_arrive_one_by_one_and_complete() {
    let (proxy, address) = proxy().await;
    let direction = Direction {
        segment: Some(1),
        ..Direction::default()
    };
    proxy.add_rules(vec![Rule {
        to_client: direction,
        to_server: direction,
        ..Rule::default()
    }]);
    assert_eq!(talk(address).await, (b"hello".to_vec(), Ok(())));
}

#[tokio::test]
async fn somebody_else_may_answer() {
    let (proxy, address) = proxy().await;
    let answer = "HTTP/1.1 429 Too Many Requests\r\n\r\n";
    proxy.add_rules(vec![Rule {
        answer: Some(answer.into()),
        ..Rule::default()
    }]);
    assert_eq!(talk(address).await.0, answer.as_bytes());
}

#[tokio::test]
async fn a_stalled_connection_says_nothing_until_it_is_cut() {
    let (proxy, address) = proxy().await;
    proxy.add_rules(vec![Rule {
        stall: true,
        ..Rule::default()
    }]);
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"hello").await.unwrap();
    assert!(timeout(QUIET, socket.read_u8()).await.is_err(), "it spoke");
    proxy.cut_all();
    assert!(socket.read_u8().await.is_err());
}

#[tokio::test]
async fn refused_connections_end_at_once_until_they_are_not() {
    let (proxy, address) = proxy().await;
    proxy.set_plan(Plan::Refuse);
    assert_eq!(talk(address).await.0, b"");
    proxy.set_plan(Plan::Pass);
    assert_eq!(talk(address).await.0, b"hello");
    assert_eq!(proxy.stats().cut, 0);
}

#[tokio::test]
async fn cutting_all_leaves_later_connections_alone() {
    let (proxy, address) = proxy().await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(b"x").await.unwrap();
        assert_eq!(socket.read_u8().await.unwrap(), b'x');
        sockets.push(socket);
    }
    proxy.cut_all();
    for mut socket in sockets {
        assert!(socket.read_u8().await.is_err());
    }
    assert_eq!(talk(address).await.0, b"hello");
    assert_eq!(proxy.stats().cut, 3);
}

#[tokio::test]
async fn random_cuts_come_in_many_places() {
    let (proxy, address) = proxy().await;
    proxy.set_plan(Plan::RandomCuts {
        seed: 7,
        min_bytes: 0,
        max_bytes: 5,
    });
    let mut lengths = BTreeSet::new();
    for _ in 0..20 {
        lengths.insert(talk(address).await.0.len());
    }
    let stats = proxy.stats();
    assert_eq!(stats.cut, 20);
    assert!((1..20).contains(&stats.reset), "both ends: {stats:?}");
    assert!(lengths.len() > 2, "{lengths:?}");
}
