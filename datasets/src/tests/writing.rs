use super::{message, read};
use crate::Preprocessor;

const TARGET: &str = "target={column='y', positive=1}\n";
const PLAIN: &str = "age,gluc\u{f4}se,y\n61,5.4,1\n47,6.1,0\n";

/// Median, mean and deviation of every column: what has been read.
fn statistics(format: &str, csv: &[u8]) -> String {
    let data = read(&format!("{TARGET}[format]\n{format}"), csv).unwrap();
    Preprocessor::fit(&data, &[0, 1]).unwrap().to_toml().unwrap()
}

fn refusal(format: &str, csv: &[u8]) -> String {
    message(&format!("{TARGET}[format]\n{format}"), csv)
}

fn utf16(text: &str, big_endian: bool, mark: bool) -> Vec<u8> {
    let marked = format!("{}{text}", if mark { "\u{feff}" } else { "" });
    let bytes = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
    marked.encode_utf16().flat_map(bytes).collect()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect()
}

#[test]
fn what_the_schema_says_is_read_alike_in_every_writing() {
    let plain = statistics("", PLAIN.as_bytes());
    let continental = PLAIN.replace(',', ";").replace('.', ",");
    assert_eq!(statistics("separator=';'\ndecimal=','", continental.as_bytes()), plain);
    assert_eq!(statistics("separator='tab'", PLAIN.replace(',', "\t").as_bytes()), plain);
    assert_eq!(statistics("separator='|'", PLAIN.replace(',', "|").as_bytes()), plain);
    let quoted = PLAIN.replace("5.4", "\"5,4\"").replace("6.1", "\"6,1\"");
    assert_eq!(statistics("decimal=','", quoted.as_bytes()), plain);

    assert_eq!(statistics("", format!("\u{feff}{PLAIN}").as_bytes()), plain);
    assert_eq!(statistics("encoding='latin-1'", &latin1(PLAIN)), plain);
    assert_eq!(statistics("encoding='windows-1252'", &latin1(PLAIN)), plain);
    for big_endian in [false, true] {
        for mark in [false, true] {
            assert_eq!(statistics("encoding='utf-16'", &utf16(PLAIN, big_endian, mark)), plain);
        }
    }
}

#[test]
fn windows_1252_has_typographic_characters_where_latin_1_has_controls() {
    let data = read(&format!("{TARGET}[format]\nencoding='windows-1252'"), b"\x80\x9f,y\n1,1\n");
    assert_eq!(data.unwrap().feature_names().collect::<Vec<_>>(), ["\u{20ac}\u{178}"]);
    let message = refusal("encoding='windows-1252'", b"a,y\n1,1\n\x81,1\n");
    assert!(message.starts_with("t.csv: row 3 is not windows-1252"), "{message}");
}

#[test]
fn a_separator_that_the_schema_does_not_name_is_named() {
    for (csv, found) in [
        ("age;glucose;y\n61;5,4;1\n", "separator = \";\""),
        ("age;glucose;y\n61;5;1\n", "separator = \";\""),
        ("age\tglucose\ty\n61\t5\t1\n", "separator = \"tab\""),
        ("\"age\"|\"y\"\n61|1\n", "separator = \"|\""),
    ] {
        let message = refusal("", csv.as_bytes());
        assert!(message.starts_with("t.csv: the header has one field"), "{message}");
        assert!(message.contains(found), "{message}");
    }
    assert!(refusal("separator=';'", b"a,y\n1,1\n").contains("separator = \",\""));
}

#[test]
fn a_decimal_comma_that_the_schema_does_not_name_is_named_and_its_number_not_shown() {
    let message = refusal("", b"age,y\n\"71,4\",1\n");
    assert!(message.starts_with("t.csv: row 2, column `age`: expected a number, found a comma"));
    assert!(message.contains("decimal = \",\"") && !message.contains("71"), "{message}");
    let message = refusal("decimal=','\nseparator=';'", b"age;y\n71.4;1\n");
    assert!(message.contains("found a point inside a number") && !message.contains("71"));
    // A separator of thousands is neither.
    assert!(refusal("decimal=','\nseparator=';'", b"age;y\n1.071,4;1\n").contains("thousands"));
}

#[test]
fn an_encoding_that_the_schema_does_not_name_is_named() {
    for (format, csv, part) in [
        ("", latin1(PLAIN), "windows-1252"),
        ("", utf16(PLAIN, false, true), "UTF-16 (it starts with that byte order mark)"),
        ("", utf16(PLAIN, true, true), "encoding = \"utf-16\""),
        ("", utf16("a,y\n1,1\n", false, false), "every other byte of its header is zero"),
        ("", utf16("a,y\n1,1\n", true, false), "every other byte of its header is zero"),
        ("encoding='latin-1'", PLAIN.as_bytes().to_vec(), "encoding = \"utf-8\""),
        ("encoding='latin-1'", b"\xef\xbb\xbfa,y\n1,1\n".to_vec(), "encoding = \"utf-8\""),
        ("encoding='windows-1252'", utf16(PLAIN, false, true), "encoding = \"utf-16\""),
        ("encoding='utf-16'", PLAIN.as_bytes().to_vec(), "not UTF-16"),
    ] {
        let message = refusal(format, &csv);
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_file_without_a_header_is_refused_and_none_of_its_first_row_shown() {
    let message = refusal("", b"Jane,71,1.5\nJoan,62,2.5\n");
    assert!(message.contains("no column `y`") && message.contains("header line missing?"));
    assert!(!message.contains("Jane") && !message.contains("71"), "{message}");
    let message = refusal("", b"Jane,71,71\n");
    assert!(message.contains("header line missing?") && !message.contains("71"), "{message}");
}

#[test]
fn broken_utf_16_names_its_row() {
    let mut odd = utf16("a,y\n1,1\n", false, true);
    odd.push(b'7');
    assert!(refusal("encoding='utf-16'", &odd).starts_with("t.csv: row 3 is not utf-16"));
    let mut unpaired = utf16("a,y\n1,1\n", false, true);
    unpaired.extend(0xd800_u16.to_le_bytes());
    unpaired.extend([b'1', 0]);
    assert!(refusal("encoding='utf-16'", &unpaired).starts_with("t.csv: row 3 is not utf-16"));
}

#[test]
fn a_format_that_does_not_exist_or_contradicts_itself_is_refused_with_its_line() {
    for format in ["separator=':'", "decimal=';'", "encoding='ebcdic'", "seperator=';'"] {
        let message = refusal(format, b"a,y\n1,1\n");
        assert!(message.starts_with("t.toml: line 5: unknown"), "{message}");
    }
}
