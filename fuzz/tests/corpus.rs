//! Everything in the corpus, once, without a fuzzer: what was found before stays mended.

#![allow(clippy::unwrap_used, reason = "a test that fails should panic")]

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use flowmaestro_fuzz::{TARGETS, Target};

/// So many panics, also those that tokio keeps to the task that they happened in.
static PANICS: AtomicUsize = AtomicUsize::new(0);
static COUNTING: Mutex<()> = Mutex::new(());

/// The inputs of a target that are kept: what the fuzzer begins with, and what it found once.
fn inputs(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for kind in ["corpus", "regressions"] {
        let Ok(entries) = fs::read_dir(root.join(kind).join(target)) else {
            continue;
        };
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.sort();
    files
}

fn replay((name, target): Target) {
    let files = inputs(name);
    assert!(files.len() > 10, "{name} has no corpus");
    for file in files {
        let data = fs::read(&file).unwrap();
        let before = PANICS.load(Ordering::SeqCst);
        let result = panic::catch_unwind(|| target(&data));
        let panics = PANICS.load(Ordering::SeqCst) - before;
        assert!(result.is_ok() && panics == 0, "{}", file.display());
    }
}

/// One target at a time, or they would count each other's panics.
fn test(name: &str) {
    let _one = COUNTING.lock();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(1, Ordering::SeqCst);
        hook(info);
    }));
    let target = TARGETS.into_iter().find(|(it, _)| *it == name).unwrap();
    replay(target);
}

#[test]
fn codec() {
    test("codec");
}

#[test]
fn session() {
    test("session");
}

#[test]
fn hub() {
    test("hub");
}

#[test]
fn connection() {
    test("connection");
}

#[test]
fn tokens() {
    test("tokens");
}

#[test]
fn tickets() {
    test("tickets");
}
