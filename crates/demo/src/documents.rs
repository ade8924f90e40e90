//! The users' documents: uploaded, processed, stored.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flowmaestro_gateway::Gateway;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::fs;
use uuid::Uuid;

use crate::clock::now_ms;
use crate::data_dir::DataDir;
use crate::tasks::Tasks;
use crate::text::{ExtractError, extract, split};

/// How many documents a user keeps; a further upload takes the place of the oldest.
pub const MAX_DOCUMENTS_PER_USER: usize = 20;

/// The most characters of a stored chunk.
const CHUNK_CHARS: std::num::NonZeroUsize = match std::num::NonZeroUsize::new(800) {
    Some(size) => size,
    None => std::num::NonZeroUsize::MIN,
};

/// The documents of all users. Cheap to clone.
#[derive(Clone)]
pub struct Documents(Arc<Inner>);

struct Inner {
    data: DataDir,
    gateway: Gateway,
    tasks: Tasks,
    documents: Mutex<HashMap<String, Document>>,
}

/// A document as it is listed, and as `info.json` keeps it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// Its id.
    pub document_id: String,
    /// The id of its owner's knowledge base.
    pub knowledge_base_id: String,
    /// The name of the file.
    pub document_name: String,
    /// The id of the user whose document it is.
    pub owner: String,
    /// How far its processing has come.
    #[serde(flatten)]
    pub status: Status,
    /// When it was uploaded, in ms since the Unix epoch.
    pub uploaded_at: u64,
}

/// How far the processing of a document has come.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(
    tag = "status",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub enum Status {
    /// It is being processed.
    Processing,
    /// Its text and chunks are stored.
    Completed {
        /// How many chunks there are.
        chunk_count: u32,
    },
    /// There is no text in it.
    Failed {
        /// Why, for people.
        error: String,
    },
}

/// The text of a processed document, as `content.json` keeps it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Content {
    /// The name of the file.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// The text in chunks.
    pub chunks: Vec<String>,
}

/// Why a document's text is not there.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// The run was started without a document.
    #[error("no document was chosen; start the run with one")]
    NoneChosen,
    /// There is none of this id, or it is someone else's.
    #[error("the document does not exist any more; upload it again")]
    Unknown,
    /// It is not ready yet.
    #[error("the document is still being processed; try again in a moment")]
    Processing,
    /// It holds no text.
    #[error("the document could not be processed: {0}")]
    Failed(String),
    /// The stored text cannot be read.
    #[error("the stored document cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Why an upload is not taken.
#[derive(Debug, Error)]
pub enum UploadError {
    /// All of the user's documents are being processed still.
    #[error("{MAX_DOCUMENTS_PER_USER} of your documents are being processed; wait for one to end")]
    TooMany,
    /// It cannot be stored.
    #[error("the document cannot be stored: {0}")]
    Io(#[from] io::Error),
}

impl Documents {
    /// Loads the stored documents, and takes up the processing of those whose processing was cut
    /// off.
    ///
    /// # Errors
    ///
    /// When the folder of documents cannot be read.
    pub async fn open(data: DataDir, gateway: Gateway, tasks: Tasks) -> io::Result<Self> {
        let documents = Self(Arc::new(Inner {
            data,
            gateway,
            tasks,
            documents: Mutex::default(),
        }));
        let mut folders = fs::read_dir(documents.0.data.documents()).await?;
        while let Some(folder) = folders.next_entry().await? {
            documents.load(&folder.path()).await;
        }
        Ok(documents)
    }

    /// The user's documents, newest first.
    pub fn list(&self, owner: &str) -> Vec<Document> {
        let mut list: Vec<Document> = self
            .lock()
            .values()
            .filter(|document| document.owner == owner)
            .cloned()
            .collect();
        list.sort_by(|a, b| {
            b.uploaded_at
                .cmp(&a.uploaded_at)
                .then_with(|| a.document_id.cmp(&b.document_id))
        });
        list
    }

    /// A document of the user. Another user's is as unknown as one that does not exist.
    pub fn get(&self, owner: &str, document_id: &str) -> Option<Document> {
        self.lock()
            .get(document_id)
            .filter(|document| document.owner == owner)
            .cloned()
    }

    /// The text of a document of the user.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] when there is none.
    pub async fn content(&self, owner: &str, document_id: &str) -> Result<Content, DocumentError> {
        let document = self.get(owner, document_id).ok_or(DocumentError::Unknown)?;
        match document.status {
            Status::Processing => Err(DocumentError::Processing),
            Status::Failed { error } => Err(DocumentError::Failed(error)),
            Status::Completed { .. } => {
                let bytes = fs::read(self.folder(document_id).join("content.json")).await?;
                Ok(serde_json::from_slice(&bytes).map_err(io::Error::from)?)
            }
        }
    }

    /// Stores an upload and begins to process it.
    ///
    /// # Errors
    ///
    /// [`UploadError`] when it is not taken.
    pub async fn upload(
        &self,
        owner: &str,
        name: &str,
        bytes: &[u8],
    ) -> Result<Document, UploadError> {
        let document = Document {
            document_id: format!("doc_{}", Uuid::new_v4()),
            knowledge_base_id: format!(
                "kb_{}",
                Uuid::new_v5(&Uuid::NAMESPACE_OID, owner.as_bytes())
            ),
            document_name: name.to_owned(),
            owner: owner.to_owned(),
            status: Status::Processing,
            uploaded_at: now_ms(),
        };
        let replaced = self.take_place(&document)?;
        if let Err(error) = self.store(&document, bytes).await {
            self.lock().remove(&document.document_id);
            return Err(error.into());
        }
        if let Some(replaced) = replaced {
            self.remove_folder(&self.folder(&replaced)).await;
        }
        self.begin(document.clone());
        Ok(document)
    }

    /// Lists the document, in the place of the oldest one where the user has no place left; returns
    /// the id of that one.
    fn take_place(&self, document: &Document) -> Result<Option<String>, UploadError> {
        let mut documents = self.lock();
        let own = documents
            .values()
            .filter(|other| other.owner == document.owner);
        let full = own.clone().count() >= MAX_DOCUMENTS_PER_USER;
        let oldest = own
            .filter(|other| other.status != Status::Processing)
            .min_by_key(|other| other.uploaded_at)
            .map(|other| other.document_id.clone());
        let replaced = match (full, oldest) {
            (false, _) => None,
            (true, None) => return Err(UploadError::TooMany),
            (true, Some(oldest)) => Some(oldest),
        };
        if let Some(replaced) = &replaced {
            documents.remove(replaced);
        }
        documents.insert(document.document_id.clone(), document.clone());
        Ok(replaced)
    }

    /// `info.json` comes last: without it the upload was never acknowledged.
    async fn store(&self, document: &Document, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder(&document.document_id);
        fs::create_dir(&folder).await?;
        fs::write(folder.join("source"), bytes).await?;
        write_json(&folder.join("info.json"), document).await
    }

    async fn load(&self, folder: &Path) {
        let document: Document = match read_json(&folder.join("info.json")).await {
            Ok(document) => document,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.remove_folder(folder).await;
            }
            Err(error) => {
                return tracing::error!(?folder, %error, "a stored document cannot be read");
            }
        };
        self.lock()
            .insert(document.document_id.clone(), document.clone());
        if document.status == Status::Processing {
            self.begin(document);
        }
    }

    fn begin(&self, document: Document) {
        let documents = self.clone();
        self.0
            .tasks
            .spawn(async move { documents.process(document).await });
    }

    async fn process(&self, mut document: Document) {
        let Document {
            document_id,
            knowledge_base_id,
            document_name,
            owner,
            ..
        } = &document;
        let emitter = self.0.gateway.emitter();
        emitter.emit_document_processing(owner, knowledge_base_id, document_id, document_name);
        let status = match self.extract(&document).await {
            Ok(chunk_count) => Status::Completed { chunk_count },
            Err(error) => Status::Failed { error },
        };
        document.status = status.clone();
        let info = self.folder(&document.document_id).join("info.json");
        if let Err(error) = write_json(&info, &document).await {
            // It stays in processing on disk: the next start processes it again.
            tracing::error!(%error, "the status of a document cannot be stored");
        }
        self.lock()
            .insert(document.document_id.clone(), document.clone());
        let Document {
            document_id,
            knowledge_base_id,
            owner,
            ..
        } = &document;
        match &status {
            Status::Completed { chunk_count } => {
                emitter.emit_document_completed(
                    owner,
                    knowledge_base_id,
                    document_id,
                    *chunk_count,
                );
            }
            Status::Failed { error } => {
                emitter.emit_document_failed(owner, knowledge_base_id, document_id, error);
            }
            Status::Processing => {}
        }
    }

    /// Stores text and chunks; returns the number of chunks, or why there are none.
    async fn extract(&self, document: &Document) -> Result<u32, String> {
        let folder = self.folder(&document.document_id);
        let name = document.document_name.clone();
        let source = fs::read(folder.join("source"))
            .await
            .map_err(|error| error.to_string())?;
        let content = tokio::task::spawn_blocking(move || content(name, &source))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        write_json(&folder.join("content.json"), &content)
            .await
            .map_err(|error| format!("the text cannot be stored: {error}"))?;
        Ok(u32::try_from(content.chunks.len()).unwrap_or(u32::MAX))
    }

    async fn remove_folder(&self, folder: &Path) {
        if let Err(error) = fs::remove_dir_all(folder).await {
            tracing::warn!(?folder, %error, "a document's folder cannot be removed");
        }
    }

    fn folder(&self, document_id: &str) -> PathBuf {
        self.0.data.documents().join(document_id)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Document>> {
        self.0
            .documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn content(name: String, source: &[u8]) -> Result<Content, ExtractError> {
    let text = extract(&name, source)?;
    let chunks = split(&text, CHUNK_CHARS);
    Ok(Content { name, text, chunks })
}

async fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> io::Result<T> {
    Ok(serde_json::from_slice(&fs::read(path).await?)?)
}

/// Written under another name first: a process that dies meanwhile leaves no half of a file.
async fn write_json<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, serde_json::to_vec(value)?).await?;
    fs::rename(&draft, path).await
}
