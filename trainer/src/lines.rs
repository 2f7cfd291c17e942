//! Lines of the child, none of them longer than allowed.

use std::io::{BufRead, Read as _};

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// All of it.
    Whole(Vec<u8>),
    /// Its beginning, as long as a line may be; the rest has not been read.
    Cut(Vec<u8>),
}

/// The next line of at most `limit` bytes. `None` at the end, and where nothing can be read any more.
pub(crate) fn next(reader: &mut impl BufRead, limit: usize) -> Option<Line> {
    let mut line = Vec::new();
    let read = reader.take(limit as u64 + 1).read_until(b'\n', &mut line);
    match read {
        Ok(0) | Err(_) => None,
        Ok(_) if line.last() == Some(&b'\n') => {
            line.pop();
            Some(Line::Whole(line))
        }
        Ok(count) if count > limit => {
            line.truncate(limit);
            Some(Line::Cut(line))
        }
        Ok(_) => Some(Line::Whole(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_to_its_end_or_to_the_limit() {
        let mut reader: &[u8] = b"abc\n\nabcd\nx";
        let whole = |text: &str| Some(Line::Whole(text.as_bytes().to_vec()));
        assert_eq!(next(&mut reader, 3), whole("abc"));
        assert_eq!(next(&mut reader, 3), whole(""));
        assert_eq!(next(&mut reader, 3), Some(Line::Cut(b"abc".to_vec())));
        assert_eq!(next(&mut reader, 3), whole(""));
        assert_eq!(next(&mut reader, 3), whole("x"));
        assert_eq!(next(&mut reader, 3), None);
    }
}
