use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{is_content_word, paragraphs, sentences, words};

/// How many of the most frequent words are listed.
const FREQUENT_WORDS: usize = 8;

/// Words a minute of silent reading of English non-fiction: the mean of Brysbaert's review (2019).
const WORDS_PER_MINUTE: f64 = 238.0;

/// What can be counted in a text.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// Characters (Unicode scalar values), white space included.
    pub characters: usize,
    /// Words, as Unicode finds their boundaries.
    pub words: usize,
    /// Different words, case ignored.
    pub unique_words: usize,
    /// Sentences.
    pub sentences: usize,
    /// Blocks of text between blank lines.
    pub paragraphs: usize,
    /// Words in a sentence, on average.
    pub words_per_sentence: f64,
    /// Flesch reading ease: about 0 (very hard) to 100 (very easy). The formula is made for English.
    pub reading_ease: f64,
    /// Minutes that reading takes.
    pub reading_minutes: f64,
    /// The most frequent words that are not function words, most frequent first.
    pub frequent_words: Vec<WordCount>,
}

/// A word and how often it occurs.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct WordCount {
    /// The word in lower case.
    pub word: String,
    /// How often it occurs.
    pub count: usize,
}

/// There is nothing to count.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the text has no words")]
pub struct NoWords;

/// Counts a text.
///
/// # Errors
///
/// [`NoWords`] when it has none: averages over nothing would be lies.
pub fn statistics(text: &str) -> Result<Statistics, NoWords> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut total = 0;
    let mut syllables = 0;
    for word in words(text) {
        total += 1;
        syllables += syllables_in(&word);
        *counts.entry(word).or_default() += 1;
    }
    if total == 0 {
        return Err(NoWords);
    }
    let sentences = sentences(text).len().max(1);
    let words_per_sentence = total as f64 / sentences as f64;
    let syllables_per_word = syllables as f64 / total as f64;
    Ok(Statistics {
        characters: text.chars().count(),
        words: total,
        unique_words: counts.len(),
        sentences,
        paragraphs: paragraphs(text).len(),
        words_per_sentence: rounded(words_per_sentence),
        reading_ease: rounded(206.835 - 1.015 * words_per_sentence - 84.6 * syllables_per_word),
        reading_minutes: rounded(total as f64 / WORDS_PER_MINUTE),
        frequent_words: most_frequent(counts),
    })
}

fn most_frequent(counts: HashMap<String, usize>) -> Vec<WordCount> {
    let mut words: Vec<WordCount> = counts
        .into_iter()
        .filter(|(word, _)| is_content_word(word))
        .map(|(word, count)| WordCount { word, count })
        .collect();
    words.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.word.cmp(&b.word)));
    words.truncate(FREQUENT_WORDS);
    words
}

/// Syllables of an English word by the usual rule of thumb: groups of vowels, a silent final `e`
/// not counted, at least one.
fn syllables_in(word: &str) -> usize {
    let mut groups = 0;
    let mut in_group = false;
    for letter in word.chars() {
        let vowel = matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
        groups += usize::from(vowel && !in_group);
        in_group = vowel;
    }
    let silent_e = word.ends_with('e') && !word.ends_with("le") && !word.ends_with("ee");
    (groups - usize::from(silent_e && groups > 1)).max(1)
}

/// To one decimal: more digits would claim a precision that the rule of thumb has not.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_a_real_text() {
        let text = "The cat sat on the mat. The cat\nslept.\n\nA dog came, and the cat left!";
        let found = statistics(text).unwrap();
        assert_eq!(found.words, 16);
        assert_eq!(found.unique_words, 11);
        assert_eq!(found.sentences, 3);
        assert_eq!(found.paragraphs, 2);
        assert_eq!(found.characters, text.chars().count());
        assert_eq!(found.words_per_sentence, 5.3);
        assert_eq!(
            found.frequent_words[0],
            WordCount {
                word: "cat".into(),
                count: 3
            }
        );
        assert!(found.frequent_words.iter().all(|w| w.word != "the"));
        // Words of one syllable: 206.835 - 1.015 * 16 / 3 - 84.6.
        assert_eq!(found.reading_ease, 116.8);
    }

    #[test]
    fn long_words_and_sentences_read_harder() {
        let easy = statistics("We went home. It was late. The dog ran out to us.").unwrap();
        let hard = statistics(
            "Institutional reorganisation necessitates comprehensive interdisciplinary \
             collaboration, notwithstanding considerable administrative opposition.",
        )
        .unwrap();
        assert!(
            easy.reading_ease > 90.0 && hard.reading_ease < 0.0,
            "{easy:?} {hard:?}"
        );
    }

    #[test]
    fn syllables() {
        for (word, count) in [
            ("cat", 1),
            ("home", 1),
            ("table", 2),
            ("river", 2),
            ("the", 1),
            ("free", 1),
            ("banana", 3),
            ("tsk", 1),
        ] {
            assert_eq!(syllables_in(word), count, "{word}");
        }
    }

    #[test]
    fn a_text_without_words_is_refused() {
        assert_eq!(statistics(" … — !"), Err(NoWords));
    }
}
