//! `GET /health`: whether the gateway serves, for load balancers and start scripts.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::gateway::Gateway;

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
    connections: usize,
}

pub(super) async fn health(State(gateway): State<Gateway>) -> Json<Health> {
    Json(Health {
        status: "ok",
        connections: gateway.manager().connection_count(),
    })
}
