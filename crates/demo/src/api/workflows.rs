use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Api;
use super::user::User;
use crate::workflow::{Node, Workflow};

pub async fn list(State(api): State<Api>, _: User) -> Json<Vec<Value>> {
    Json(api.runs.workflows().iter().map(workflow).collect())
}

fn workflow(workflow: &Workflow) -> Value {
    json!({
        "id": workflow.id,
        "name": workflow.name,
        "description": workflow.description,
        "needsDocument": workflow.needs_document(),
        "nodes": workflow.nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": workflow.edges,
    })
}

fn node(node: &Node) -> Value {
    json!({
        "id": node.id,
        "name": node.name,
        "type": node.type_name,
        "description": node.description,
    })
}
