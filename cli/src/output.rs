//! Files that a program writes where it is told to: never over somebody else's.

use std::{
    fs,
    io::{self, ErrorKind, Read as _, Write as _},
    path::Path,
    process,
};

/// Writes a file, whole or not at all. One that is there already is left alone, unless it holds what is to be written
/// or `is_former` recognises its content as what the same command has written before; `limit` is the most that such a
/// file can hold.
///
/// # Errors
/// One line that names the file and says what to do.
pub fn write_file(
    path: &Path,
    bytes: &[u8],
    limit: usize,
    is_former: impl FnOnce(&[u8]) -> bool,
) -> Result<(), String> {
    let named = |error: io::Error| format!("{}: {error}", path.display());
    match fs::File::create_new(path) {
        Ok(mut file) => return file.write_all(bytes).map_err(named),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(named(error)),
    }
    let mut found = Vec::new();
    // Whatever lies there may be of any length.
    let most = limit.max(bytes.len()) as u64;
    let file = fs::File::open(path).map_err(named)?;
    file.take(most.saturating_add(1)).read_to_end(&mut found).map_err(named)?;
    if found == bytes {
        return Ok(());
    }
    if found.len() as u64 > most || !is_former(&found) {
        return Err(format!(
            "{}: there is a file of this name already, of another kind or with other content; move it away or give another name",
            path.display()
        ));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let next = path.with_file_name(format!(".{name}.incomplete-{}", process::id()));
    fs::File::create_new(&next)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&next, path))
        .map_err(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_ours(bytes: &[u8]) -> bool {
        bytes.starts_with(b"ours")
    }

    #[test]
    fn a_former_file_is_replaced_where_there_is_no_limit() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("answers");
        for bytes in [&b"ours, once"[..], b"ours, again"] {
            write_file(&path, bytes, usize::MAX, is_ours).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert!(write_file(&path, b"x", usize::MAX, |_| false).is_err());
    }

    #[test]
    fn a_new_file_is_written_and_a_former_one_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("head");
        for text in ["ours, the first", "ours, the second", "ours, the second"] {
            write_file(&path, text.as_bytes(), 100, is_ours).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn somebody_elses_file_is_left_alone_whatever_its_name_and_length() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("head");
        let long = format!("ours{}", " and more".repeat(100));
        for theirs in ["thesis", "", &long] {
            fs::write(&path, theirs).unwrap();
            let error = write_file(&path, b"ours", 100, is_ours).unwrap_err();
            assert!(error.contains("move it away") && error.lines().count() == 1, "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), theirs);
        }
    }

    #[test]
    fn the_same_content_is_no_conflict_even_where_nothing_is_ever_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("evidence");
        write_file(&path, b"1", 0, |_| false).unwrap();
        write_file(&path, b"1", 0, |_| false).unwrap();
        assert!(write_file(&path, b"2", 0, |_| false).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"1");
    }

    #[test]
    fn a_directory_in_the_way_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(write_file(directory.path(), b"1", 1, |_| true).is_err());
        assert!(directory.path().is_dir());
    }
}
