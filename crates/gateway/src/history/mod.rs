//! Where the history is kept.

mod disk;

use clap::ValueEnum;
use flowmaestro_hub::{History, HistoryError, MemoryHistory, MemoryLimits};
use uuid::Uuid;

use crate::config::Config;
use disk::DiskHistory;

/// Where events are kept for those who missed them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum HistoryKind {
    /// In memory: a restart loses them, and clients are told so.
    #[default]
    Memory,
    /// In a file: an event is on the disk before its emitter goes on.
    Disk,
}

/// The history that the configuration asks for.
pub(crate) fn open(config: &Config) -> Result<Box<dyn History + Send>, HistoryError> {
    let limits = MemoryLimits {
        events: config.limits.history_events,
        bytes: config.limits.history_bytes,
        total_bytes: config.limits.history_total_bytes,
    };
    Ok(match config.history {
        HistoryKind::Memory => Box::new(MemoryHistory::new(Uuid::new_v4().to_string(), limits)),
        HistoryKind::Disk => Box::new(DiskHistory::open(&config.history_file, limits)?),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use flowmaestro_hub::{KeptExecution, Millis, Owner, Record};
    use flowmaestro_protocol::Room;

    use super::*;

    const LIMITS: MemoryLimits = MemoryLimits {
        events: 4,
        bytes: 40,
        total_bytes: 60,
    };

    /// Runs each test with both histories.
    macro_rules! with_both {
        ($($name:ident)*) => {
            mod memory {
                $(#[test] fn $name() {
                    super::$name(&mut super::MemoryHistory::new("epoch", super::LIMITS));
                })*
            }
            mod disk {
                $(#[test] fn $name() {
                    let folder = tempfile::tempdir().unwrap();
                    super::$name(&mut super::store(folder.path(), super::LIMITS));
                })*
            }
        };
    }

    with_both! {
        it_numbers_and_gives_back
        it_keeps_the_newest_of_an_execution
        it_keeps_the_newest_of_all
        it_knows_what_is_critical
        it_forgets_an_execution
    }

    fn store(folder: &Path, limits: MemoryLimits) -> DiskHistory {
        DiskHistory::open(&folder.join("history.redb"), limits).unwrap()
    }

    fn append<H: History + ?Sized>(history: &mut H, id: &str, bytes: usize) {
        append_critical(history, id, bytes, false);
        history.commit().unwrap();
    }

    fn append_critical<H: History + ?Sized>(
        history: &mut H,
        id: &str,
        bytes: usize,
        critical: bool,
    ) {
        let record = Record {
            seq: history.head(id) + 1,
            timestamp: 1.5,
            critical,
            text: "x".repeat(bytes).into(),
        };
        history.append(id, record).unwrap();
    }

    fn seqs(history: &dyn History, id: &str) -> Vec<u64> {
        let records = history.range(id, 0, 100).unwrap();
        assert_eq!(
            records.first().map_or(history.head(id) + 1, |it| it.seq),
            history.first(id)
        );
        records.iter().map(|record| record.seq).collect()
    }

    fn it_numbers_and_gives_back(history: &mut dyn History) {
        assert_eq!((history.head("a"), history.first("a")), (0, 1));
        assert_eq!(seqs(history, "a"), [0; 0]);
        for bytes in [1, 2, 3] {
            append(history, "a", bytes);
        }
        append(history, "b", 4);
        assert_eq!((history.head("a"), history.head("b")), (3, 1));
        assert_eq!(seqs(history, "a"), [1, 2, 3]);
        let from_2 = history.range("a", 2, 1).unwrap();
        assert_eq!(from_2.len(), 1);
        assert_eq!((from_2[0].seq, &*from_2[0].text), (2, "xx"));
        assert_eq!((from_2[0].timestamp, from_2[0].critical), (1.5, false));
        assert!(history.range("a", 4, 9).unwrap().is_empty());
    }

    fn it_keeps_the_newest_of_an_execution(history: &mut dyn History) {
        for _ in 0..6 {
            append(history, "a", 1);
        }
        assert_eq!(seqs(history, "a"), [3, 4, 5, 6]);
        append(history, "a", 38);
        assert_eq!(seqs(history, "a"), [5, 6, 7]);
        append(history, "a", 50);
        assert_eq!(seqs(history, "a"), [8], "the last one stays");
    }

    fn it_keeps_the_newest_of_all(history: &mut dyn History) {
        append(history, "a", 30);
        append(history, "b", 20);
        append(history, "b", 20);
        assert_eq!((seqs(history, "a"), history.head("a")), (vec![], 1));
        assert_eq!(seqs(history, "b"), [1, 2]);
        append(history, "a", 1);
        assert_eq!(seqs(history, "a"), [2]);
    }

    fn it_knows_what_is_critical(history: &mut dyn History) {
        for critical in [false, true, false, true] {
            append_critical(history, "a", 1, critical);
        }
        history.commit().unwrap();
        let critical = history.critical("a").unwrap();
        let seqs: Vec<_> = critical.iter().map(|record| record.seq).collect();
        assert_eq!(seqs, [2, 4]);
    }

    fn it_forgets_an_execution(history: &mut dyn History) {
        append(history, "a", 1);
        append(history, "b", 1);
        history.remove("a");
        assert_eq!((history.head("a"), history.first("a")), (0, 1));
        append(history, "a", 2);
        assert_eq!((seqs(history, "a"), seqs(history, "b")), (vec![1], vec![1]));
    }

    fn kept(id: &str, ended_at: Option<u64>) -> KeptExecution {
        KeptExecution {
            id: id.into(),
            owner: Owner::user("alice"),
            rooms: vec![Room::new("workspace:w").unwrap()],
            ended_at: ended_at.map(Millis),
        }
    }

    #[test]
    fn a_store_opened_again_has_everything() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = store(folder.path(), LIMITS);
        let epoch = history.epoch().to_owned();
        append(&mut history, "a", 30);
        for _ in 0..6 {
            append(&mut history, "b", 9);
        }
        append(&mut history, "gone", 1);
        history.keep_execution(kept("gone", None));
        history.keep_execution(kept("b", None));
        history.keep_execution(kept("a", Some(7)));
        history.commit().unwrap();
        history.remove("gone");
        drop(history);

        let history = store(folder.path(), LIMITS);
        assert_eq!(history.epoch(), epoch);
        assert_eq!((seqs(&history, "a"), history.head("a")), (vec![], 1));
        assert_eq!(seqs(&history, "b"), [3, 4, 5, 6]);
        assert_eq!(history.head("gone"), 0);
        let executions = history.kept_executions();
        assert_eq!(executions, [kept("a", Some(7)), kept("b", None)]);
        drop(history);

        let tighter = MemoryLimits {
            events: 2,
            ..LIMITS
        };
        assert_eq!(seqs(&store(folder.path(), tighter), "b"), [5, 6]);
        assert_eq!(
            seqs(&store(folder.path(), LIMITS), "b"),
            [5, 6],
            "the file is tidied up"
        );
    }

    #[test]
    fn what_was_acknowledged_is_not_critical_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = store(folder.path(), LIMITS);
        append_critical(&mut history, "a", 1, true);
        append_critical(&mut history, "a", 2, true);
        history.commit().unwrap();
        history.acknowledge("a", 1);
        history.acknowledge("a", 9);
        drop(history);
        let history = store(folder.path(), LIMITS);
        let critical = history.critical("a").unwrap();
        assert_eq!((critical.len(), critical[0].seq), (1, 2));
        assert_eq!(&*history.range("a", 1, 1).unwrap()[0].text, "x");
    }

    #[test]
    fn what_was_not_committed_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let mut history = store(folder.path(), LIMITS);
        append(&mut history, "a", 1);
        append_critical(&mut history, "a", 1, true);
        assert_eq!((history.head("a"), seqs_of_range(&history)), (2, 1));
        history.commit().unwrap();
        assert_eq!((history.head("a"), seqs_of_range(&history)), (2, 2));
    }

    fn seqs_of_range(history: &DiskHistory) -> usize {
        history.range("a", 1, 9).unwrap().len()
    }

    #[test]
    fn two_processes_cannot_share_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let _open = store(folder.path(), LIMITS);
        assert!(DiskHistory::open(&folder.path().join("history.redb"), LIMITS).is_err());
    }
}
