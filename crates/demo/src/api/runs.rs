use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Api;
use super::error::ApiError;
use super::user::User;
use crate::journal;
use crate::run::{Run, RunStatus};
use crate::runs::StartError;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    workflow_id: String,
    document_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    execution_id: String,
    workflow_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    execution_id: String,
    workflow_id: String,
    workflow_name: String,
    status: RunStatus,
    started_at: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    execution_id: String,
    workflow_id: String,
    status: RunStatus,
    events: Vec<Box<RawValue>>,
}

pub async fn list(State(api): State<Api>, user: User) -> Json<Vec<Summary>> {
    Json(
        api.runs
            .list(&user.id)
            .iter()
            .map(|run| Summary::of(run))
            .collect(),
    )
}

pub async fn start(
    State(api): State<Api>,
    user: User,
    request: Result<Json<Request>, JsonRejection>,
) -> Result<(StatusCode, Json<Started>), ApiError> {
    let Json(request) = request?;
    let run = api.runs.start(
        &user.id,
        &request.workflow_id,
        request.document_id.as_deref(),
    )?;
    let info = run.info();
    let started = Started {
        execution_id: info.execution_id.clone(),
        workflow_id: info.workflow_id.clone(),
    };
    Ok((StatusCode::CREATED, Json(started)))
}

pub async fn show(
    State(api): State<Api>,
    user: User,
    execution_id: Result<Path<String>, PathRejection>,
) -> Result<Json<History>, ApiError> {
    let Path(execution_id) = execution_id?;
    let not_found = || ApiError::not_found("there is no such run");
    let run = api
        .runs
        .get(&user.id, &execution_id)
        .ok_or_else(not_found)?;
    let path = run.journal_path();
    let events = tokio::task::spawn_blocking(move || journal::emitted_events(&path))
        .await
        .map_err(|error| ApiError::internal(&error))?
        .map_err(|error| match error.kind() {
            // Another run has taken its place meanwhile.
            std::io::ErrorKind::NotFound => not_found(),
            _ => ApiError::internal(&error),
        })?;
    let workflow_id = run.info().workflow_id.clone();
    Ok(Json(History {
        execution_id,
        workflow_id,
        status: run.status(),
        events,
    }))
}

impl Summary {
    fn of(run: &Run) -> Self {
        let info = run.info();
        Self {
            execution_id: info.execution_id.clone(),
            workflow_id: info.workflow_id.clone(),
            workflow_name: info.workflow_name.clone(),
            status: run.status(),
            started_at: info.started_at,
        }
    }
}

impl From<StartError> for ApiError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::UnknownWorkflow(_) | StartError::UnknownDocument => {
                Self::not_found(&error.to_string())
            }
            StartError::TooManyOfUser | StartError::TooMany => Self::too_many(error.to_string()),
            StartError::Journal(_) | StartError::Register(_) => Self::internal(&error),
        }
    }
}
