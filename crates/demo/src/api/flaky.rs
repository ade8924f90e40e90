//! An endpoint that fails at first: what `http.request` is shown with.

use std::sync::{Mutex, PoisonError};

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use indexmap::IndexMap;
use serde::Serialize;

use super::Api;
use super::error::ApiError;
use crate::nodes::report::ScoreBand;

/// How many requests fail per key.
const FAILURES: u32 = 2;

/// How many keys are remembered; the oldest makes room for a new one.
const MAX_KEYS: usize = 1_000;

/// The longest key, in bytes.
const MAX_KEY_BYTES: usize = 128;

/// What the scores of the Flesch reading-ease formula mean, after Flesch's own table.
const BANDS: [(f64, &str); 7] = [
    (90.0, "very easy to read"),
    (80.0, "easy to read"),
    (70.0, "fairly easy to read"),
    (60.0, "plain English"),
    (50.0, "fairly difficult to read"),
    (30.0, "difficult to read"),
    (0.0, "very difficult to read"),
];

/// How often each key was asked for.
#[derive(Default)]
pub struct Flaky(Mutex<IndexMap<String, u32>>);

#[derive(Serialize)]
pub struct ScoreTable {
    measure: &'static str,
    bands: Vec<ScoreBand>,
}

pub async fn answer(
    State(api): State<Api>,
    key: Result<Path<String>, PathRejection>,
) -> Result<Json<ScoreTable>, ApiError> {
    let Path(key) = key?;
    if key.len() > MAX_KEY_BYTES {
        return Err(ApiError::invalid(format!(
            "a key has at most {MAX_KEY_BYTES} bytes"
        )));
    }
    if api.flaky.count(key) <= FAILURES {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return Err(ApiError::new(
            status,
            "unavailable",
            "try again: this endpoint fails at first",
        ));
    }
    let bands = BANDS.map(|(from, label)| ScoreBand {
        from,
        label: label.to_owned(),
    });
    Ok(Json(ScoreTable {
        measure: "Flesch reading ease",
        bands: bands.to_vec(),
    }))
}

impl Flaky {
    /// How often the key was asked for, this time included.
    fn count(&self, key: String) -> u32 {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MAX_KEYS && !keys.contains_key(&key) {
            keys.shift_remove_index(0);
        }
        let count = keys.entry(key).or_default();
        *count = count.saturating_add(1);
        *count
    }
}
