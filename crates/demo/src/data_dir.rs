//! The folder in which the demo keeps everything that outlives it.
//!
//! ```text
//! lock                        held while a demo uses the folder
//! jwt-secret, service-token   made once, readable by the owner only
//! runs/<run>.jsonl            a journal each
//! documents/<document>/       an uploaded document: info.json, source, content.json
//! reports/<run>/<node>.md     what runs published
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

/// Bytes of randomness in a secret.
const SECRET_BYTES: usize = 32;

/// The opened folder. Cheap to clone; the last clone gives the folder free.
#[derive(Clone, Debug)]
pub struct DataDir(Arc<Locked>);

#[derive(Debug)]
struct Locked {
    root: PathBuf,
    _lock: File,
}

/// Why the folder cannot be used.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// The file system said no.
    #[error("the data directory cannot be used: {path:?}: {source}")]
    Io {
        /// What could not be used.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Two processes would write the same journals.
    #[error("the data directory {0:?} is in use by another demo; give another one by --data-dir")]
    InUse(PathBuf),
    /// The operating system has no randomness to give.
    #[error("no random bytes for a secret: {0}")]
    Random(getrandom::Error),
}

impl DataDir {
    /// Opens the folder, made where it is missing, for this process alone.
    ///
    /// # Errors
    ///
    /// [`DataDirError`] when it cannot be written, or another process uses it.
    pub fn open(root: &Path) -> Result<Self, DataDirError> {
        for folder in [
            root.to_owned(),
            root.join("runs"),
            root.join("documents"),
            root.join("reports"),
        ] {
            fs::create_dir_all(&folder).map_err(|source| DataDirError::Io {
                path: folder,
                source,
            })?;
        }
        let path = root.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path);
        let lock = lock.map_err(|source| DataDirError::Io {
            path: path.clone(),
            source,
        })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self(Arc::new(Locked {
                root: root.to_owned(),
                _lock: lock,
            }))),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse(root.to_owned())),
            Err(TryLockError::Error(source)) => Err(DataDirError::Io { path, source }),
        }
    }

    /// A secret, made and kept at the first time it is asked for: 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`DataDirError`] when it can neither be read nor made.
    pub fn secret(&self, name: &str) -> Result<String, DataDirError> {
        let path = self.0.root.join(name);
        match fs::read_to_string(&path) {
            Ok(secret) => Ok(secret),
            Err(error) if error.kind() == io::ErrorKind::NotFound => make_secret(path),
            Err(source) => Err(DataDirError::Io { path, source }),
        }
    }

    /// The folder of the journals.
    pub fn runs(&self) -> PathBuf {
        self.0.root.join("runs")
    }

    /// The journal of a run.
    pub fn journal(&self, execution_id: &str) -> PathBuf {
        self.runs().join(format!("{execution_id}.jsonl"))
    }

    /// The folder of the documents.
    pub fn documents(&self) -> PathBuf {
        self.0.root.join("documents")
    }

    /// The folder of a run's reports.
    pub fn reports(&self, execution_id: &str) -> PathBuf {
        self.0.root.join("reports").join(execution_id)
    }
}

/// Written under another name first: a process that dies meanwhile leaves no half of a secret.
fn make_secret(path: PathBuf) -> Result<String, DataDirError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(DataDirError::Random)?;
    let secret = hex::encode(bytes);
    let draft = path.with_extension("draft");
    write_private(&draft, secret.as_bytes())
        .and_then(|()| fs::rename(&draft, &path))
        .map_err(|source| DataDirError::Io { path, source })?;
    Ok(secret)
}

fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let secret = DataDir::open(folder.path())
            .unwrap()
            .secret("jwt-secret")
            .unwrap();
        assert_eq!(secret.len(), 2 * SECRET_BYTES);
        let again = DataDir::open(folder.path()).unwrap();
        assert_eq!(again.secret("jwt-secret").unwrap(), secret);
        assert_ne!(again.secret("service-token").unwrap(), secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let metadata = fs::metadata(folder.path().join("jwt-secret")).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_folder_has_one_user() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path()).unwrap();
        assert!(matches!(
            DataDir::open(folder.path()),
            Err(DataDirError::InUse(_))
        ));
        drop(first);
        assert!(DataDir::open(folder.path()).is_ok());
    }
}
