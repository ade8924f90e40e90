use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::{is_content_word, sentences, words};

/// A sentence of fewer content words is a heading or an aside, not a statement.
const MIN_CONTENT_WORDS: usize = 4;

/// Characters of a sentence that a summary quotes: a "sentence" may be a whole unpunctuated file.
const MAX_SENTENCE_CHARS: usize = 400;

/// The sentences that say most of a text.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The chosen sentences, in the order of the text.
    pub sentences: Vec<String>,
    /// The sentences as one paragraph.
    pub text: String,
}

struct Sentence {
    text: String,
    content: HashSet<String>,
}

/// Chooses at most `count` sentences of a text: those whose words are the most frequent ones of the
/// text on average, function words and repeated sentences left out (after Luhn, 1958).
pub fn summarize(text: &str, count: NonZeroUsize) -> Summary {
    let statements = statements(text);
    let counts = content_counts(&statements);
    let mut ranked: Vec<(usize, &Sentence)> = statements.iter().enumerate().collect();
    // Stable: of equals the earlier one introduces what the later one repeats.
    ranked.sort_by(|(_, a), (_, b)| mean_count(b, &counts).total_cmp(&mean_count(a, &counts)));
    ranked.truncate(count.get());
    ranked.sort_by_key(|(place, _)| *place);
    let sentences: Vec<String> = ranked
        .into_iter()
        .map(|(_, sentence)| shortened(&sentence.text))
        .collect();
    Summary {
        text: sentences.join(" "),
        sentences,
    }
}

/// The sentences worth quoting, each once; all of them when none is long enough.
fn statements(text: &str) -> Vec<Sentence> {
    let mut seen = HashSet::new();
    let all: Vec<Sentence> = sentences(text)
        .into_iter()
        .filter(|text| seen.insert(text.clone()))
        .map(|text| {
            let content = words(&text).filter(|word| is_content_word(word)).collect();
            Sentence { text, content }
        })
        .collect();
    let (long, short): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|sentence| sentence.content.len() >= MIN_CONTENT_WORDS);
    if long.is_empty() { short } else { long }
}

/// In how many of the sentences each content word occurs.
fn content_counts(sentences: &[Sentence]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for word in sentences.iter().flat_map(|sentence| &sentence.content) {
        *counts.entry(word.as_str()).or_default() += 1;
    }
    counts
}

fn mean_count(sentence: &Sentence, counts: &HashMap<&str, usize>) -> f64 {
    let sum: usize = sentence
        .content
        .iter()
        .filter_map(|word| counts.get(word.as_str()))
        .sum();
    sum as f64 / sentence.content.len().max(1) as f64
}

fn shortened(sentence: &str) -> String {
    match sentence.char_indices().nth(MAX_SENTENCE_CHARS) {
        Some((end, _)) => format!("{}…", sentence.get(..end).unwrap_or_default().trim_end()),
        None => sentence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Bees of the valley\n\n\
        Honey bees pollinate most fruit trees of the valley. Without bees the fruit trees of the\n\
        valley would carry a tenth of their fruit. My uncle once owned a red bicycle with a bell.\n\n\
        Last spring many bees died after the frost. Growers now plant flowers between the fruit\n\
        trees so that bees find food early. It rained. Honey bees pollinate most fruit trees of the valley.";

    fn summary(count: usize) -> Summary {
        summarize(TEXT, NonZeroUsize::new(count).unwrap())
    }

    #[test]
    fn the_subject_is_kept_and_the_aside_left_out() {
        let summary = summary(3);
        assert_eq!(summary.sentences.len(), 3);
        assert!(
            summary.sentences.iter().all(|s| s.contains("bees")),
            "{summary:?}"
        );
        assert!(!summary.text.contains("bicycle") && !summary.text.contains("rained"));
    }

    #[test]
    fn sentences_keep_their_order_and_are_said_once() {
        let summary = summary(10);
        let places: Vec<_> = summary
            .sentences
            .iter()
            .map(|s| TEXT.replace('\n', " ").find(s).unwrap())
            .collect();
        assert!(places.is_sorted(), "{summary:?}");
        assert_eq!(
            summary
                .sentences
                .iter()
                .filter(|s| s.starts_with("Honey bees"))
                .count(),
            1
        );
        assert!(
            summary.text.contains("fruit trees of the valley would"),
            "lines are joined"
        );
    }

    #[test]
    fn a_short_text_is_its_own_summary() {
        let summary = summarize("It rained.", NonZeroUsize::new(3).unwrap());
        assert_eq!(summary.sentences, ["It rained."]);
    }

    #[test]
    fn an_endless_sentence_is_cut() {
        let summary = summarize(&"word after another ".repeat(500), NonZeroUsize::MIN);
        assert!(summary.text.ends_with('…'));
        assert!(summary.text.chars().count() <= MAX_SENTENCE_CHARS + 1);
    }

    #[test]
    fn no_text_gives_an_empty_summary() {
        assert_eq!(summarize("", NonZeroUsize::MIN).text, "");
    }
}
