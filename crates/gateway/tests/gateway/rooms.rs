//! The events of all executions of a workspace or project.

use serde_json::{Value, json};

use crate::authentication::{claims, config, sign};
use crate::support::{Client, Server};

async fn member(server: &Server, user_id: &str, workspaces: &[&str]) -> Client {
    let token = sign(&claims(
        json!({"userId": user_id, "workspaceIds": workspaces}),
    ));
    let mut client = server.connect_by(&token).await;
    client.hello_with(&["rooms", "replay"]).await;
    client
}

async fn join(client: &mut Client, room: &str) -> Value {
    client
        .send_json(json!({"type": "subscribe", "room": room}))
        .await;
    client.json().await
}

async fn register(server: &Server, execution_id: &str, rooms: Value) -> (u16, String) {
    let body = json!({"executionId": execution_id, "userId": "alice", "rooms": rooms});
    server.post("/api/executions", body.to_string()).await
}

#[tokio::test]
async fn members_of_a_workspace_get_the_events_of_its_executions() {
    let server = Server::with(config()).await;
    let (status, body) = register(&server, "exec_1", json!(["workspace:w1", "project:p"])).await;
    assert_eq!(
        (status, body.as_str()),
        (
            200,
            r#"{"executionId":"exec_1","userId":"alice","rooms":["workspace:w1","project:p"]}"#
        )
    );
    let mut bob = member(&server, "bob", &["w1", "w2"]).await;
    let joined = json!({"type": "subscribed", "room": "workspace:w1"});
    assert_eq!(join(&mut bob, "workspace:w1").await, joined);
    register(&server, "exec_2", json!(["workspace:w1"])).await;
    register(&server, "exec_3", json!(["workspace:w2"])).await;
    for execution_id in ["exec_1", "exec_2", "exec_3"] {
        server.stream(execution_id, 0..1);
    }
    assert_eq!(bob.json().await["executionId"], "exec_1");
    assert_eq!(bob.json().await["executionId"], "exec_2");
    bob.silent().await;
    bob.send(r#"{"type":"unsubscribe","room":"workspace:w1"}"#)
        .await;
    assert_eq!(bob.json().await["type"], "unsubscribed");
    server.stream("exec_1", 1..2);
    bob.silent().await;
}

#[tokio::test]
async fn a_room_is_closed_to_others() {
    let server = Server::with(config()).await;
    register(&server, "exec_1", json!(["workspace:w1"])).await;
    let mut eve = member(&server, "eve", &["w2"]).await;
    for room in ["workspace:w1", "workspace:unknown", "project:p"] {
        let error = join(&mut eve, room).await;
        assert_eq!(error["code"], "forbidden", "{room}");
    }
    server.stream("exec_1", 0..1);
    eve.silent().await;
    let refused = r#"flowmaestro_refusals_total{reason="forbidden"}"#;
    assert_eq!(server.metric(refused).await, 3);
}

#[tokio::test]
async fn a_room_has_a_name_of_its_kind() {
    let server = Server::with(config()).await;
    for rooms in [
        json!(["w1"]),
        json!(["workspace:"]),
        json!("workspace:w1"),
        json!(vec!["workspace:w"; 17]),
    ] {
        let (status, body) = register(&server, "exec_1", rooms).await;
        assert_eq!(status, 400, "{body}");
    }
}
