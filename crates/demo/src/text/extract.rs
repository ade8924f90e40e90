use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use thiserror::Error;

/// Why there is no text in an uploaded document.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum ExtractError {
    /// The bytes are not UTF-8.
    #[error("the document is not UTF-8 text (the first invalid byte is at offset {offset})")]
    NotUtf8 {
        /// Where the first invalid byte is.
        offset: usize,
    },
    /// Control characters that no text has, such as NUL.
    #[error("the document is binary, not text (control character U+{0:04X})")]
    Binary(u32),
    /// Nothing is left after the extraction.
    #[error("the document has no text")]
    Empty,
}

/// The text of an uploaded document: of a Markdown file (by the ending of its name) what a reader
/// sees, of any other file all of it. Line ends become `\n`.
///
/// # Errors
///
/// [`ExtractError`] when the bytes are not UTF-8, are binary, or hold no text.
pub fn extract(name: &str, bytes: &[u8]) -> Result<String, ExtractError> {
    let source = std::str::from_utf8(bytes).map_err(|error| ExtractError::NotUtf8 {
        offset: error.valid_up_to(),
    })?;
    if let Some(control) = source.chars().find(|c| is_binary(*c)) {
        return Err(ExtractError::Binary(u32::from(control)));
    }
    let source = source
        .trim_start_matches('\u{feff}')
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let text = if is_markdown(name) {
        markdown_text(&source)
    } else {
        source
    };
    match text.trim() {
        "" => Err(ExtractError::Empty),
        text => Ok(text.to_owned()),
    }
}

fn is_binary(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{85}')
}

fn is_markdown(name: &str) -> bool {
    let name = name.to_lowercase();
    name.ends_with(".md") || name.ends_with(".markdown")
}

/// The text of a Markdown source: blocks apart by a blank line, markup and raw HTML left out.
fn markdown_text(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut metadata = false;
    for event in Parser::new_ext(source, Options::all()) {
        match event {
            Event::Start(Tag::MetadataBlock(_)) => metadata = true,
            Event::End(TagEnd::MetadataBlock(_)) => metadata = false,
            _ if metadata => {}
            Event::Text(piece) | Event::Code(piece) => text.push_str(&piece),
            Event::InlineMath(piece) | Event::DisplayMath(piece) => text.push_str(&piece),
            Event::SoftBreak | Event::HardBreak => text.push('\n'),
            Event::End(TagEnd::TableCell) => text.push('\t'),
            Event::Start(tag) if is_block(&tag) => end_block(&mut text),
            Event::End(tag) if ends_block(&tag) => end_block(&mut text),
            _ => {}
        }
    }
    text
}

/// Starts that a block of text may stand in front of without an end of its own: a tight list's item
/// is followed at once by a list inside it.
fn is_block(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::List(_) | Tag::Paragraph | Tag::CodeBlock(_) | Tag::BlockQuote(_)
    )
}

fn ends_block(tag: &TagEnd) -> bool {
    matches!(
        tag,
        TagEnd::Paragraph
            | TagEnd::Heading(_)
            | TagEnd::Item
            | TagEnd::CodeBlock
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::DefinitionListTitle
            | TagEnd::DefinitionListDefinition
    )
}

fn end_block(text: &mut String) {
    text.truncate(text.trim_end().len());
    if !text.is_empty() {
        text.push_str("\n\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_keeps_what_a_reader_sees() {
        let source = "---\ntitle: Meta\n---\n# The *title*\n\nOne [link](http://127.0.0.1/x) and \
                      `code`.\nSame paragraph.\n\n- first\n  - inner\n- second\n\n\
                      <b onclick=\"x()\">raw</b>\n\n```rust\nlet a = 1;\n```\n\n\
                      | a | b |\n|---|---|\n| 1 | 2 |\n";
        let text = extract("notes.MD", source.as_bytes()).unwrap();
        assert_eq!(
            text,
            "The title\n\nOne link and code.\nSame paragraph.\n\nfirst\n\ninner\n\nsecond\n\n\
             raw\n\nlet a = 1;\n\na\tb\n\n1\t2"
        );
    }

    #[test]
    fn plain_text_is_kept_and_its_line_ends_are_unified() {
        let text = extract(
            "notes.txt",
            "\u{feff}# not a title\r\nnext\rlast\n".as_bytes(),
        )
        .unwrap();
        assert_eq!(text, "# not a title\nnext\nlast");
    }

    #[test]
    fn what_is_not_text_is_named() {
        assert_eq!(
            extract("a.txt", b"ok \xff"),
            Err(ExtractError::NotUtf8 { offset: 3 })
        );
        assert_eq!(extract("a.txt", b"PNG\0"), Err(ExtractError::Binary(0)));
        assert_eq!(extract("a.txt", b" \n\t "), Err(ExtractError::Empty));
        assert_eq!(
            extract("a.md", b"<!-- only a comment -->"),
            Err(ExtractError::Empty)
        );
        assert_eq!(extract("a.md", b""), Err(ExtractError::Empty));
    }
}
