use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Api;
use super::error::ApiError;
use super::user::User;
use crate::documents::{Document, DocumentError, Status, UploadError};

/// The longest name of a file, in characters.
const MAX_NAME_CHARS: usize = 200;

#[derive(Deserialize)]
pub struct Parameters {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uploaded {
    document_id: String,
    knowledge_base_id: String,
    document_name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    document_id: String,
    knowledge_base_id: String,
    document_name: String,
    #[serde(flatten)]
    status: Status,
    uploaded_at: u64,
}

#[derive(Serialize)]
pub struct Whole {
    #[serde(flatten)]
    summary: Summary,
    chunks: Vec<String>,
}

pub async fn list(State(api): State<Api>, user: User) -> Json<Vec<Summary>> {
    let documents = api.runs.documents().list(&user.id);
    Json(documents.into_iter().map(Summary::from).collect())
}

pub async fn upload(
    State(api): State<Api>,
    user: User,
    parameters: Result<Query<Parameters>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Uploaded>), ApiError> {
    let Query(Parameters { name }) = parameters?;
    let name = name.trim();
    if name.is_empty()
        || name.chars().count() > MAX_NAME_CHARS
        || name.chars().any(char::is_control)
    {
        let message =
            format!("a file's name has 1 to {MAX_NAME_CHARS} characters, none of them a control");
        return Err(ApiError::invalid(message));
    }
    let document = api.runs.documents().upload(&user.id, name, &body?).await?;
    let Document {
        document_id,
        knowledge_base_id,
        document_name,
        ..
    } = document;
    Ok((
        StatusCode::ACCEPTED,
        Json(Uploaded {
            document_id,
            knowledge_base_id,
            document_name,
        }),
    ))
}

pub async fn show(
    State(api): State<Api>,
    user: User,
    document_id: Result<Path<String>, PathRejection>,
) -> Result<Json<Whole>, ApiError> {
    let Path(document_id) = document_id?;
    let documents = api.runs.documents();
    let not_found = || ApiError::not_found("there is no such document");
    let document = documents
        .get(&user.id, &document_id)
        .ok_or_else(not_found)?;
    let chunks = match &document.status {
        Status::Processing | Status::Failed { .. } => Vec::new(),
        Status::Completed { .. } => match documents.content(&user.id, &document_id).await {
            Ok(content) => content.chunks,
            // Another document has taken its place meanwhile.
            Err(DocumentError::Unknown) => return Err(not_found()),
            Err(error) => return Err(ApiError::internal(&error)),
        },
    };
    Ok(Json(Whole {
        summary: document.into(),
        chunks,
    }))
}

impl From<Document> for Summary {
    fn from(document: Document) -> Self {
        let Document {
            document_id,
            knowledge_base_id,
            document_name,
            status,
            uploaded_at,
            ..
        } = document;
        Self {
            document_id,
            knowledge_base_id,
            document_name,
            status,
            uploaded_at,
        }
    }
}

impl From<UploadError> for ApiError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::TooMany => Self::too_many(error.to_string()),
            UploadError::Io(_) => Self::internal(&error),
        }
    }
}
