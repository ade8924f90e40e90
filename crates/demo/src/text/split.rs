use std::num::NonZeroUsize;

use text_splitter::TextSplitter;

/// How much of a text is split at once, in bytes, for chunks up to a fifth of that. The splitter
/// takes quadratic time over a text without boundaries, such as a long line of base64.
const SECTION_BYTES: usize = 4 * 1024;

/// Splits a text into chunks of at most `size` characters, at the largest boundaries that fit:
/// paragraphs, else sentences, else words. Chunks are trimmed, in order, and none is empty.
pub fn split(text: &str, size: NonZeroUsize) -> Vec<String> {
    let splitter = TextSplitter::new(size.get());
    let most = SECTION_BYTES.max(size.get().saturating_mul(5));
    sections(text, most)
        .flat_map(|section| splitter.chunks(section))
        .map(str::to_owned)
        .collect()
}

/// The text in sections of bounded length that end at a paragraph, else at a line, else at a word,
/// wherever there is one.
fn sections(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let most = rest.floor_char_boundary(most);
        let window = rest.get(..most).filter(|window| !window.is_empty())?;
        let end = if most == rest.len() {
            most
        } else {
            section_end(window)
        };
        let section;
        (section, rest) = rest.split_at_checked(end)?;
        Some(section)
    })
}

fn section_end(window: &str) -> usize {
    let paragraph = window.rfind("\n\n").map(|at| at + 2);
    let line = || window.rfind('\n').map(|at| at + 1);
    let word = || window.rfind(' ').map(|at| at + 1);
    paragraph
        .or_else(line)
        .or_else(word)
        .unwrap_or(window.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "The river rose in the night. By morning the lower fields were under water.\n\n\
                        Nobody had expected it. The gauge at the bridge had shown nothing unusual.";

    fn size(size: usize) -> NonZeroUsize {
        NonZeroUsize::new(size).unwrap()
    }

    #[test]
    fn paragraphs_stay_whole_when_they_fit() {
        let chunks = split(TEXT, size(90));
        assert_eq!(chunks, TEXT.split("\n\n").collect::<Vec<_>>());
    }

    #[test]
    fn sentences_stay_whole_when_paragraphs_do_not_fit() {
        let chunks = split(TEXT, size(55));
        assert_eq!(
            chunks,
            [
                "The river rose in the night.",
                "By morning the lower fields were under water.",
                "Nobody had expected it.",
                "The gauge at the bridge had shown nothing unusual."
            ]
        );
    }

    #[test]
    fn no_chunk_is_longer_than_asked_and_no_word_is_lost() {
        for limit in [1, 7, 20, 1000] {
            let chunks = split(TEXT, size(limit));
            assert!(
                chunks
                    .iter()
                    .all(|c| !c.is_empty() && c.chars().count() <= limit)
            );
            let letters = |text: &str| {
                text.chars()
                    .filter(|c| !c.is_whitespace())
                    .collect::<String>()
            };
            assert_eq!(letters(&chunks.concat()), letters(TEXT));
        }
    }

    #[test]
    fn sections_end_at_paragraphs_and_lose_nothing() {
        let text = TEXT.repeat(500);
        let sections: Vec<&str> = sections(&text, SECTION_BYTES).collect();
        assert!(sections.len() > 5 && sections.iter().all(|s| s.len() <= SECTION_BYTES));
        let (_, full) = sections.split_last().unwrap();
        assert!(full.iter().all(|section| section.ends_with("water.\n\n")));
        assert_eq!(sections.concat(), text);
    }

    #[test]
    fn a_text_without_boundaries_is_split_too() {
        for unit in ["x", "日本語", "ab ", "a\n"] {
            let text = unit.repeat(256 * 1024 / unit.len());
            let chunks = split(&text, size(800));
            assert!(chunks.len() >= text.chars().count() / 802);
            assert!(chunks.iter().all(|chunk| chunk.chars().count() <= 800));
        }
    }
}
