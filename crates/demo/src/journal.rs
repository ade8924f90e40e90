//! The journal of a run: a file of JSON lines from which the run can go on after a crash.
//!
//! The first line says whose run of what it is, each further one is an event as it went over the
//! wire. A line is handed to the operating system in one write before its event is emitted, so no
//! client ever saw what the journal has not. That outlives the death of the process (`kill -9`), not
//! that of the machine.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use flowmaestro_protocol::{DecodeError, Event, EventType};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

/// Whose run of what a journal belongs to: its first line.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunInfo {
    /// The run's id.
    pub execution_id: String,
    /// The workflow's id.
    pub workflow_id: String,
    /// The workflow's name when the run was started.
    pub workflow_name: String,
    /// The id of the user whose run it is.
    pub owner: String,
    /// The document that the run was started with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_id: Option<String>,
    /// When it was started, in ms since the Unix epoch.
    pub started_at: u64,
}

/// A journaled event.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The event, as it went over the wire.
    pub event: Event,
    /// The whole output of a `node:completed` event that shows only a part of it.
    pub output: Option<Value>,
}

/// Why a journal cannot be written or read.
#[derive(Debug, Error)]
pub enum JournalError {
    /// The file system said no.
    #[error("the journal {path:?} cannot be used: {source}")]
    Io {
        /// The journal.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A whole line is not what was written: the file was changed by someone else.
    #[error("line {line} of the journal {path:?} is damaged: {reason}")]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// There is not even a whole first line: the process died before the run was acknowledged.
    #[error("the journal {0:?} is empty")]
    Empty(PathBuf),
}

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

#[derive(Deserialize, Serialize)]
struct Line<E, V> {
    event: E,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<V>,
}

impl Journal {
    /// Begins the journal of a new run.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] when there is one of this name already, or it cannot be written.
    pub fn create(path: PathBuf, info: &RunInfo) -> Result<Self, JournalError> {
        let opened = OpenOptions::new().append(true).create_new(true).open(&path);
        let file = opened.map_err(|source| JournalError::Io {
            path: path.clone(),
            source,
        })?;
        let mut journal = Self { path, file };
        journal.write_line(info)?;
        Ok(journal)
    }

    /// Reads a journal and opens it to go on. A last line that the process died in is cut off.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when the file cannot be read, is damaged or empty.
    pub fn open(path: PathBuf) -> Result<(Self, RunInfo, Vec<Entry>), JournalError> {
        let fail = |source| JournalError::Io {
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&path)
            .map_err(fail)?;
        let lines = Lines::read(&mut file).map_err(fail)?;
        file.set_len(lines.bytes).map_err(fail)?;
        let damaged = |line: usize, reason: String| JournalError::Damaged {
            path: path.clone(),
            line: line + 1,
            reason,
        };
        let mut texts = lines.texts.iter().enumerate();
        let (_, first) = texts
            .next()
            .ok_or_else(|| JournalError::Empty(path.clone()))?;
        let info = serde_json::from_str(first).map_err(|error| damaged(0, error.to_string()))?;
        let entries = texts
            .map(|(place, text)| Entry::parse(text).map_err(|reason| damaged(place, reason)))
            .collect::<Result<_, _>>()?;
        Ok((Self { path, file }, info, entries))
    }

    /// The journal's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds an event. On an error the run must not go on: the event was not journaled.
    ///
    /// # Errors
    ///
    /// [`JournalError::Io`] when the line cannot be written.
    pub fn append(&mut self, event: &Event, output: Option<&Value>) -> Result<(), JournalError> {
        self.write_line(&Line { event, output })
    }

    fn write_line(&mut self, line: &impl Serialize) -> Result<(), JournalError> {
        let write = || {
            let mut text = serde_json::to_vec(line)?;
            text.push(b'\n');
            (&self.file).write_all(&text)
        };
        write().map_err(|source| JournalError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

/// The events that the server has emitted so far, in order, as their wire text. Left out are the
/// answers of the user, which travel the other way.
///
/// # Errors
///
/// An I/O error when the journal cannot be read, or is damaged.
pub fn emitted_events(path: &Path) -> io::Result<Vec<Box<RawValue>>> {
    let lines = Lines::read(&mut File::open(path)?)?;
    let mut events = Vec::with_capacity(lines.texts.len());
    for text in lines.texts.iter().skip(1) {
        let line: Line<&RawValue, IgnoredAny> = serde_json::from_str(text)?;
        let kind: Kind = serde_json::from_str(line.event.get())?;
        if kind.event_type != EventType::UserInputResponse.wire_type() {
            events.push(line.event.to_owned());
        }
    }
    Ok(events)
}

#[derive(Deserialize)]
struct Kind<'a> {
    #[serde(rename = "type")]
    event_type: &'a str,
}

impl Entry {
    fn parse(text: &str) -> Result<Self, String> {
        let line: Line<&RawValue, Value> = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let event = Event::decode(line.event.get()).map_err(|e: DecodeError| e.to_string())?;
        Ok(Self {
            event,
            output: line.output,
        })
    }
}

/// The whole lines of a file.
struct Lines {
    texts: Vec<String>,
    /// The bytes that they take, line ends included.
    bytes: u64,
}

impl Lines {
    fn read(file: &mut File) -> io::Result<Self> {
        let mut reader = BufReader::new(file);
        let mut lines = Self {
            texts: Vec::new(),
            bytes: 0,
        };
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            let read = reader.read_until(b'\n', &mut buffer)?;
            let Some(text) = buffer.strip_suffix(b"\n") else {
                return Ok(lines);
            };
            let text = String::from_utf8(text.to_vec()).map_err(io::Error::other)?;
            lines.texts.push(text);
            lines.bytes += read as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use flowmaestro_protocol::{Extra, NodeStream, Number};

    use super::*;

    fn info() -> RunInfo {
        RunInfo {
            execution_id: "exec_1".into(),
            workflow_id: "w".into(),
            workflow_name: "W".into(),
            owner: "user_1".into(),
            document_id: None,
            started_at: 5,
        }
    }

    fn chunk(text: &str) -> Event {
        Event::from(NodeStream {
            timestamp: Number::from(7),
            execution_id: "exec_1".into(),
            node_id: "n".into(),
            chunk: text.into(),
            extra: Extra::default(),
        })
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let mut journal = Journal::create(path.clone(), &info()).unwrap();
        journal.append(&chunk("a\nb"), None).unwrap();
        journal
            .append(&chunk("c"), Some(&Value::from("whole")))
            .unwrap();
        drop(journal);

        let (_, read, entries) = Journal::open(path.clone()).unwrap();
        assert_eq!(read, info());
        assert_eq!(entries[0].event, chunk("a\nb"));
        assert_eq!(entries[1].output, Some(Value::from("whole")));
        let events = emitted_events(&path).unwrap();
        assert_eq!(events[1].get(), chunk("c").encode());
    }

    #[test]
    fn a_torn_last_line_is_cut_off_wherever_it_is_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let mut journal = Journal::create(path.clone(), &info()).unwrap();
        let first = std::fs::metadata(&path).unwrap().len() as usize;
        journal.append(&chunk("é"), None).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for end in first..whole.len() {
            std::fs::write(&path, &whole[..end]).unwrap();
            assert!(emitted_events(&path).unwrap().is_empty());
            let (mut journal, _, entries) = Journal::open(path.clone()).unwrap();
            assert!(entries.is_empty());
            journal.append(&chunk("next"), None).unwrap();
            let (_, _, entries) = Journal::open(path.clone()).unwrap();
            assert_eq!(entries[0].event, chunk("next"));
        }
        std::fs::write(&path, &whole[..first - 1]).unwrap();
        assert!(matches!(Journal::open(path), Err(JournalError::Empty(_))));
    }

    #[test]
    fn a_damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.jsonl");
        let mut journal = Journal::create(path.clone(), &info()).unwrap();
        journal.append(&chunk("a"), None).unwrap();
        let text = std::fs::read_to_string(&path)
            .unwrap()
            .replace("\"chunk\":\"a\"", "\"chunk\":1");
        std::fs::write(&path, text).unwrap();
        let error = Journal::open(path).unwrap_err();
        assert!(
            matches!(error, JournalError::Damaged { line: 2, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("node:stream.chunk"), "{error}");
    }
}
