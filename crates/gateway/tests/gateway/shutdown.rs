//! The end of the gateway.

use tokio::net::TcpStream;

use crate::support::Server;

#[tokio::test]
async fn every_socket_is_closed_with_1012_after_its_last_events() {
    let mut server = Server::start().await;
    let mut alice = server.subscribe("alice", "exec_1").await;
    let mut bob = server.connect("bob").await;
    server
        .gateway
        .emitter()
        .emit_node_stream("exec_1", "n", "last");
    server.begin_stop();
    let (texts, code) = alice.all_until_closed().await;
    assert_eq!((texts.len(), code), (1, 1012));
    assert_eq!(bob.closed().await, (1012, "Service restart".into()));
    let address = server.address;
    let gateway = server.gateway.clone();
    drop((alice, bob));
    server.stopped().await;
    assert_eq!(gateway.manager().connection_count(), 0);
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

#[tokio::test]
async fn a_client_that_does_not_answer_delays_the_end_by_a_bounded_time() {
    let mut server = Server::start().await;
    let _idle = server.connect("alice").await;
    server.begin_stop();
    server.stopped().await;
}
