//! What the nodes compute over text: extraction, splitting, statistics, summaries.
//!
//! Pure functions, without I/O. Word and sentence boundaries are those of Unicode (UAX #29).

mod extract;
mod split;
mod statistics;
mod summary;
mod tokens;

use std::sync::LazyLock;

pub use extract::{ExtractError, extract};
pub use split::split;
pub use statistics::{NoWords, Statistics, statistics};
pub use summary::summarize;
pub use tokens::tokens;

use std::collections::HashSet;

use unicode_segmentation::UnicodeSegmentation;

/// The words that say nothing about a text's subject ("the", "and"). English only: in a text of
/// another language its own function words count like any other word.
static STOP_WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    stop_words::lookup("en")
        .unwrap_or_default()
        .iter()
        .copied()
        .collect()
});

/// The paragraphs of a text: blocks between blank lines, each on one line.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = Vec::new();
    let mut lines: Vec<&str> = Vec::new();
    // The empty line at the end closes the last paragraph.
    for line in text.lines().map(str::trim).chain([""]) {
        if !line.is_empty() {
            lines.push(line);
        } else if !lines.is_empty() {
            paragraphs.push(lines.join(" "));
            lines.clear();
        }
    }
    paragraphs
}

/// The sentences of a text, in order. A line break inside a paragraph does not end one.
fn sentences(text: &str) -> Vec<String> {
    paragraphs(text)
        .iter()
        .flat_map(|paragraph| paragraph.unicode_sentences())
        .map(|sentence| sentence.trim().to_owned())
        .collect()
}

/// The words of a text in lower case, in order.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.unicode_words().map(str::to_lowercase)
}

/// Whether a lower-case word says something about the text's subject.
fn is_content_word(word: &str) -> bool {
    word.chars().any(char::is_alphabetic)
        && word.chars().nth(1).is_some()
        && !STOP_WORDS.contains(word)
}
