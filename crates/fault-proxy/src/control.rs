use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post, put};

use crate::{Plan, Proxy, Rule, Stats};

/// Steers a proxy over HTTP:
///
/// - `POST /rules` with an array of [`Rule`]s, for the next connections, one each;
/// - `PUT /plan` with a [`Plan`], for those after them;
/// - `POST /cut` resets every open connection;
/// - `GET /stats` answers with [`Stats`].
pub fn control(proxy: Arc<Proxy>) -> Router {
    Router::new()
        .route("/rules", post(add_rules))
        .route("/plan", put(set_plan))
        .route("/cut", post(cut))
        .route("/stats", get(stats))
        .with_state(proxy)
}

async fn add_rules(State(proxy): State<Arc<Proxy>>, Json(rules): Json<Vec<Rule>>) {
    proxy.add_rules(rules);
}

async fn set_plan(State(proxy): State<Arc<Proxy>>, Json(plan): Json<Plan>) {
    proxy.set_plan(plan);
}

async fn cut(State(proxy): State<Arc<Proxy>>) {
    proxy.cut_all();
}

async fn stats(State(proxy): State<Arc<Proxy>>) -> Json<Stats> {
    Json(proxy.stats())
}
