//! The fields of a message, as the browser's `JSON.parse` would find them.

/// The fields of one JSON object as the hub writes it: without spaces, with plain keys.
pub(crate) struct Fields<'a> {
    rest: &'a str,
}

impl<'a> Fields<'a> {
    pub(crate) fn of(object: &'a str) -> Self {
        let rest = object.strip_prefix('{').unwrap_or_default();
        Self { rest }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
        let rest = rest.strip_prefix('"')?;
        let (key, rest) = rest.split_once('"')?;
        let rest = rest.strip_prefix(':')?;
        let (value, rest) = rest.split_at(value_length(rest));
        self.rest = rest;
        Some((key, value))
    }
}

/// The elements of one JSON array, likewise.
pub(crate) fn elements(array: &str) -> impl Iterator<Item = &str> {
    let mut rest = array.strip_prefix('[').unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.strip_prefix(',').unwrap_or(rest);
        if rest.is_empty() || rest.starts_with(']') {
            return None;
        }
        let (value, after) = rest.split_at(value_length(rest));
        rest = after;
        Some(value)
    })
}

/// The text of a JSON string without escapes.
pub(crate) fn string(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}

/// A whole number from 1, or 0: what `decoder.js` makes of a value.
pub(crate) fn integer(value: &str) -> u64 {
    value.parse().unwrap_or(0)
}

fn value_length(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            b',' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}
