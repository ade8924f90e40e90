use unicode_segmentation::UnicodeSegmentation;

/// The longest word that stays one token, in bytes: a file without a space must not make one huge
/// chunk.
const MAX_TOKEN_BYTES: usize = 64;

/// The tokens by which a text is streamed: a word with the punctuation and white space after it.
/// Together they are the text.
pub fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut after_word = false;
    for piece in text.split_word_bounds() {
        let word = piece.chars().any(char::is_alphanumeric);
        let joins = !word || !after_word && tokens.len() == 1;
        match tokens.last_mut() {
            Some(last) if joins && last.len() + piece.len() <= MAX_TOKEN_BYTES => {
                last.push_str(piece);
            }
            _ => tokens.extend(pieces(piece)),
        }
        after_word |= word;
    }
    tokens
}

/// A piece in parts of bounded length, cut between characters.
fn pieces(piece: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for grapheme in piece.graphemes(true) {
        match parts.last_mut() {
            Some(part) if part.len() + grapheme.len() <= MAX_TOKEN_BYTES => part.push_str(grapheme),
            _ => parts.push(grapheme.to_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_carry_what_follows_them() {
        assert_eq!(
            tokens("## One, two.\n\nDon't stop"),
            ["## One, ", "two.\n\n", "Don't ", "stop"]
        );
    }

    #[test]
    fn the_tokens_are_the_text_and_are_short() {
        for text in [
            "",
            "   ",
            "日本語の文章です。",
            &"x".repeat(1000),
            "a👩‍👩‍👧b  c\n",
            "\n\nfirst",
        ] {
            let tokens = tokens(text);
            assert_eq!(tokens.concat(), text);
            assert!(tokens.iter().all(|token| token.len() <= MAX_TOKEN_BYTES));
        }
    }
}
