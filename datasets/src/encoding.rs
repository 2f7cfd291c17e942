//! From bytes to text, in the encoding that a schema names.

use std::borrow::Cow;

use crate::error::DatasetError;
use crate::format::Encoding;

const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
const UTF16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// Characters of Windows-1252 at 0x80 to 0x9f (the WHATWG Encoding Standard's index); `\0` where it has none.
const WINDOWS_1252: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘',
    '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

/// The text without a byte order mark; `file` names it in errors.
pub(crate) fn decoded<'a>(
    bytes: &'a [u8],
    encoding: Encoding,
    file: &str,
) -> Result<Cow<'a, str>, DatasetError> {
    let otherwise =
        |found, write| DatasetError::OtherEncoding { file: file.to_owned(), found, write };
    let marked_utf16 = UTF16_MARKS.iter().any(|mark| bytes.starts_with(mark));
    if marked_utf16 && encoding != Encoding::Utf16 {
        return Err(otherwise("UTF-16 (it starts with that byte order mark)", "utf-16"));
    }
    if bytes.starts_with(UTF8_MARK) && encoding != Encoding::Utf8 {
        return Err(otherwise("UTF-8 (it starts with that byte order mark)", "utf-8"));
    }
    match encoding {
        Encoding::Utf8 => {
            let text = utf8(bytes, file)?;
            // ASCII as UTF-16 without a mark is valid UTF-8 with a zero between all letters.
            if text.lines().next().is_some_and(|header| header.contains('\0')) {
                return Err(otherwise("UTF-16 (every other byte of its header is zero)", "utf-16"));
            }
            Ok(Cow::Borrowed(text))
        }
        Encoding::Latin1 | Encoding::Windows1252 => {
            // Accents in the other encoding are hardly ever well-formed here, and would be read as two letters each.
            if !bytes.is_ascii() && std::str::from_utf8(bytes).is_ok() {
                return Err(otherwise("UTF-8 (all its accents are)", "utf-8"));
            }
            single_bytes(bytes, encoding, file).map(Cow::Owned)
        }
        Encoding::Utf16 => {
            if !marked_utf16 && !bytes.iter().take(64).any(|&byte| byte == 0) {
                return Err(otherwise("not UTF-16 (no byte order mark, no zero bytes)", "utf-8"));
            }
            utf16(bytes, file).map(Cow::Owned)
        }
    }
}

/// UTF-8 without its byte order mark.
pub(crate) fn utf8<'a>(bytes: &'a [u8], file: &str) -> Result<&'a str, DatasetError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to());
        DatasetError::NotUtf8 {
            file: file.to_owned(),
            row: before.filter(|&&byte| byte == b'\n').count() + 1,
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn single_bytes(bytes: &[u8], encoding: Encoding, file: &str) -> Result<String, DatasetError> {
    let mut text = String::with_capacity(bytes.len());
    let mut row = 1;
    for &byte in bytes {
        row += usize::from(byte == b'\n');
        let typographic = match encoding {
            Encoding::Windows1252 => byte.checked_sub(0x80),
            _ => None,
        };
        let character = typographic.and_then(|place| WINDOWS_1252.get(usize::from(place)));
        match character {
            Some('\0') => return Err(undecodable(file, row, "windows-1252")),
            Some(&character) => text.push(character),
            None => text.push(char::from(byte)),
        }
    }
    Ok(text)
}

fn utf16(bytes: &[u8], file: &str) -> Result<String, DatasetError> {
    let big_endian = bytes.starts_with(b"\xfe\xff") || bytes.first() == Some(&0);
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|&pair| match big_endian {
        true => u16::from_be_bytes(pair),
        false => u16::from_le_bytes(pair),
    });
    let mut text = String::with_capacity(pairs.len());
    let mut row = 1;
    for character in char::decode_utf16(units) {
        let character = character.map_err(|_| undecodable(file, row, "utf-16"))?;
        row += usize::from(character == '\n');
        text.push(character);
    }
    if !rest.is_empty() {
        return Err(undecodable(file, row, "utf-16"));
    }
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

fn undecodable(file: &str, row: usize, encoding: &'static str) -> DatasetError {
    DatasetError::Undecodable { file: file.to_owned(), row, encoding }
}
