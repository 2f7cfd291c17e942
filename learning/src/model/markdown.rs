//! Texts of other people inside Markdown.

/// Names one after another.
pub(super) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(plain).collect::<Vec<_>>().join(", ")
}

/// A name that breaks no table and starts no markup.
pub(super) fn plain(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '|' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '\\' | '#' => {
                text.push('\\');
                text.push(character);
            }
            character if character.is_control() => text.push(' '),
            character => text.push(character),
        }
    }
    text
}
