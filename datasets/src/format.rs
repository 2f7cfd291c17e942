//! How a file writes what it says: the character between fields, the one inside numbers, and the bytes of its text.

use serde::Deserialize;

/// How a CSV file is written, where it is not comma, point and UTF-8.
///
/// Nothing is guessed: a file that is written otherwise than its schema says is refused with a message that names what was
/// found, because a guess that is wrong for one hospital of ten goes unnoticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Format {
    /// Between two fields.
    pub separator: Separator,
    /// Before the fraction of a number.
    pub decimal: Decimal,
    /// How the file's bytes are text.
    pub encoding: Encoding,
}

/// The character between two fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Separator {
    /// `,`
    #[default]
    #[serde(rename = ",", alias = "comma")]
    Comma,
    /// `;`, as spreadsheets write where numbers have a decimal comma.
    #[serde(rename = ";", alias = "semicolon")]
    Semicolon,
    /// A tab.
    #[serde(rename = "tab", alias = "\t")]
    Tab,
    /// `|`
    #[serde(rename = "|", alias = "bar")]
    Bar,
}

impl Separator {
    pub(crate) const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Bar];

    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Bar => b'|',
        }
    }

    /// As a schema names it.
    pub(crate) fn written(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::Semicolon => ";",
            Self::Tab => "tab",
            Self::Bar => "|",
        }
    }
}

/// The character before the fraction of a number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Decimal {
    /// `5.4`
    #[default]
    #[serde(rename = ".", alias = "point")]
    Point,
    /// `5,4`
    #[serde(rename = ",", alias = "comma")]
    Comma,
}

/// How bytes are text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum Encoding {
    /// With or without a byte order mark.
    #[default]
    #[serde(rename = "utf-8")]
    Utf8,
    /// ISO 8859-1: every byte is the character of its number.
    #[serde(rename = "latin-1", alias = "iso-8859-1")]
    Latin1,
    /// Latin-1 with typographic characters at 0x80 to 0x9f, as Windows writes it in Western Europe.
    #[serde(rename = "windows-1252", alias = "cp1252")]
    Windows1252,
    /// Two or four bytes a character; without a byte order mark, the zero byte of the first character shows the order.
    #[serde(rename = "utf-16")]
    Utf16,
}

/// What stands where a number belongs, without saying what it is: it may be a patient's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotNumber {
    Text,
    DecimalComma,
    DecimalPoint,
    Infinite,
    TooLarge,
}

impl NotNumber {
    pub(crate) fn described(self) -> &'static str {
        match self {
            Self::Text => {
                "text: correct it, leave it empty, or declare the column categorical, or the text in missing_values"
            }
            Self::DecimalComma => {
                "a comma inside a number: if it is a decimal comma, say decimal = \",\" under [format] in the schema; \
                 remove separators of thousands"
            }
            Self::DecimalPoint => {
                "a point inside a number, where the schema says decimal = \",\": correct the schema; \
                 remove separators of thousands"
            }
            Self::Infinite => {
                "an infinity or NaN: correct it, leave it empty, or list it in missing_values"
            }
            Self::TooLarge => "a number that no 32-bit float holds: correct it or leave it empty",
        }
    }
}

impl Decimal {
    /// The number that a trimmed field is.
    pub(crate) fn number(self, text: &str) -> Result<f64, NotNumber> {
        let looks_numeric = |text: &str| {
            text.bytes().any(|byte| byte.is_ascii_digit())
                && text.bytes().all(|byte| b"+-.,eE0123456789".contains(&byte))
        };
        let parsed = match self {
            Self::Point if text.contains(',') && looks_numeric(text) => {
                return Err(NotNumber::DecimalComma);
            }
            Self::Comma if text.contains('.') && looks_numeric(text) => {
                return Err(NotNumber::DecimalPoint);
            }
            Self::Comma => text.replace(',', ".").parse::<f64>(),
            Self::Point => text.parse::<f64>(),
        };
        match parsed {
            // Tables are of f32.
            Ok(number) if number.abs() <= f64::from(f32::MAX) => Ok(number),
            Ok(number) if number.is_finite() => Err(NotNumber::TooLarge),
            // "1e400" overflows while it is parsed: only words are infinities.
            Ok(_) if looks_numeric(text) => Err(NotNumber::TooLarge),
            Ok(_) => Err(NotNumber::Infinite),
            Err(_) => Err(NotNumber::Text),
        }
    }
}
