//! Tables as experiments write them: Markdown for readers, fields of a CSV.

use std::fmt::Write as _;

/// A Markdown table whose first column is words and whose others are figures; the first row is the head.
pub(crate) fn aligned(table: &[Vec<String>]) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0).max(4)).collect();
    let mut text = String::new();
    for (number, row) in table.iter().enumerate() {
        for (column, width) in widths.iter().enumerate() {
            let cell = row.get(column).map_or("", String::as_str);
            let _ = if column == 0 {
                write!(text, "| {cell:width$} ")
            } else {
                write!(text, "| {cell:>width$} ")
            };
        }
        text += "|\n";
        if number == 0 {
            for (column, width) in widths.iter().enumerate() {
                let _ = if column == 0 {
                    write!(text, "| {:-<width$} ", "")
                } else {
                    write!(text, "| {:->1$}: ", "", width - 1)
                };
            }
            text += "|\n";
        }
    }
    text
}

/// A row of a table by its first cell and the rest.
pub(crate) fn head(first: &str, rest: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    std::iter::once(first.to_owned()).chain(rest.into_iter().map(Into::into)).collect()
}

/// A field that may hold commas or quotes.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"").replace('\n', " "))
    } else {
        text.to_owned()
    }
}

/// "1 run", "2 runs".
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_and_have_as_many_cells_in_every_line() {
        let text = aligned(&[head("", ["µs", "long head"]), head("a party", ["1"])]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines.iter().all(|line| line.chars().count() == lines[0].chars().count()),
            "{text}"
        );
        assert!(lines.iter().all(|line| line.matches('|').count() == 4), "{text}");
        assert_eq!(lines[1], "| ------- | ---: | --------: |");
    }
}
