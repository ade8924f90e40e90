//! The answers of users, kept a while for backends that read them over HTTP.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{Stream, stream};
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

/// How many answers are kept for a backend that reconnects, and how many bytes of them.
const MAX_ENTRIES: usize = 1_000;
const MAX_BYTES: usize = 1024 * 1024;

/// The last accepted answers, numbered, so that a reader that was away can go on after the last
/// one that it saw.
#[derive(Debug)]
pub(crate) struct UserInputLog {
    /// Tells the ids of this process from those of an earlier one.
    epoch: Uuid,
    kept: Mutex<Kept>,
    /// The number of the newest answer.
    head: watch::Sender<u64>,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Answer {
        id: String,
        text: Arc<str>,
    },
    /// Answers are gone that the reader has not seen; how many, where that is known.
    Gap {
        missed: Option<u64>,
    },
}

#[derive(Debug, Default)]
struct Kept {
    /// Consecutive answers, the oldest first.
    answers: VecDeque<Arc<str>>,
    bytes: usize,
    /// The number of the newest answer; 0 before the first.
    head: u64,
}

impl UserInputLog {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Uuid::new_v4(),
            kept: Mutex::default(),
            head: watch::Sender::new(0),
        }
    }

    pub(crate) fn record(&self, answer: String) {
        let head = self.kept.lock().push(answer.into());
        self.head.send_replace(head);
    }

    /// The answers after the one with the id that a reader saw last; without an id, those from now
    /// on.
    pub(crate) fn read(self: Arc<Self>, last_id: Option<&str>) -> impl Stream<Item = Item> + use<> {
        let (start, gap) = self.start(last_id);
        let reader = Reader {
            head: self.head.subscribe(),
            log: self,
            seen: start,
            gap,
        };
        stream::unfold(reader, |mut reader| async {
            let item = reader.next().await?;
            Some((item, reader))
        })
    }

    /// The number of the last answer that a reader has seen, and what it is told first.
    fn start(&self, last_id: Option<&str>) -> (u64, Option<Item>) {
        let Some(last_id) = last_id else {
            return (self.kept.lock().head, None);
        };
        let number = last_id
            .split_once(':')
            .filter(|(epoch, _)| *epoch == self.epoch.to_string())
            .and_then(|(_, number)| number.parse().ok());
        match number {
            Some(number) => (number, None),
            None => (
                self.kept.lock().first() - 1,
                Some(Item::Gap { missed: None }),
            ),
        }
    }

    /// What follows answer number `seen`, with the number of that.
    fn after(&self, seen: u64) -> Option<(u64, Item)> {
        let kept = self.kept.lock();
        let first = kept.first();
        if seen >= kept.head {
            return None;
        }
        if seen + 1 < first {
            return Some((
                first - 1,
                Item::Gap {
                    missed: Some(first - 1 - seen),
                },
            ));
        }
        let number = seen + 1;
        let text = kept.answers.get(usize::try_from(number - first).ok()?)?;
        let id = format!("{}:{number}", self.epoch);
        Some((
            number,
            Item::Answer {
                id,
                text: Arc::clone(text),
            },
        ))
    }
}

struct Reader {
    log: Arc<UserInputLog>,
    head: watch::Receiver<u64>,
    seen: u64,
    gap: Option<Item>,
}

impl Reader {
    async fn next(&mut self) -> Option<Item> {
        if let Some(gap) = self.gap.take() {
            return Some(gap);
        }
        loop {
            if let Some((seen, item)) = self.log.after(self.seen) {
                self.seen = seen;
                return Some(item);
            }
            self.head.changed().await.ok()?;
        }
    }
}

impl Kept {
    /// The number of the oldest answer; that of the next one, if there is none.
    fn first(&self) -> u64 {
        self.head + 1 - self.answers.len() as u64
    }

    fn push(&mut self, answer: Arc<str>) -> u64 {
        self.bytes += answer.len();
        self.answers.push_back(answer);
        while self.answers.len() > MAX_ENTRIES || self.bytes > MAX_BYTES {
            let Some(oldest) = self.answers.pop_front() else {
                break;
            };
            self.bytes -= oldest.len();
        }
        self.head += 1;
        self.head
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    async fn texts(log: &Arc<UserInputLog>, last_id: Option<&str>, count: usize) -> Vec<String> {
        let items = Arc::clone(log).read(last_id).take(count);
        items
            .map(|item| match item {
                Item::Answer { text, .. } => text.to_string(),
                Item::Gap { missed } => format!("{missed:?}"),
            })
            .collect()
            .await
    }

    fn log(answers: usize) -> Arc<UserInputLog> {
        let log = Arc::new(UserInputLog::new());
        for number in 1..=answers {
            log.record(number.to_string());
        }
        log
    }

    #[tokio::test]
    async fn a_new_reader_gets_what_comes_from_then_on() {
        let log = log(3);
        let reader = Arc::clone(&log).read(None);
        log.record("4".into());
        let items: Vec<_> = reader.take(1).collect().await;
        assert!(matches!(&items[..], [Item::Answer { text, .. }] if &**text == "4"));
    }

    #[tokio::test]
    async fn a_reader_goes_on_after_what_it_saw() {
        let log = log(4);
        let last_id = format!("{}:2", log.epoch);
        assert_eq!(texts(&log, Some(&last_id), 2).await, ["3", "4"]);
    }

    #[tokio::test]
    async fn a_reader_that_was_away_too_long_is_told_how_much_it_missed() {
        let log = log(MAX_ENTRIES + 10);
        let last_id = format!("{}:2", log.epoch);
        assert_eq!(texts(&log, Some(&last_id), 2).await, ["Some(8)", "11"]);
    }

    #[tokio::test]
    async fn after_a_restart_the_reader_is_told_and_gets_everything() {
        assert_eq!(
            texts(&log(2), Some("another:7"), 3).await,
            ["None", "1", "2"]
        );
        assert_eq!(texts(&log(1), Some("nonsense"), 2).await, ["None", "1"]);
    }

    #[test]
    fn the_kept_bytes_are_bounded() {
        let log = log(0);
        for _ in 0..100 {
            log.record("x".repeat(64 * 1024));
        }
        assert_eq!(log.kept.lock().answers.len(), 16);
    }
}
