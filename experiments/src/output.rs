//! Directories that an experiment writes its files into.
//!
//! An experiment replaces what an earlier run of the same command has left, ledger included. So it must never take a
//! directory for its own that somebody else has filled, whatever the files in it are called: a directory is ours if it
//! was empty when we came, or if it holds the marker that we leave in every such directory.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::ExperimentError;

/// The file that marks a directory as the output of an experiment.
pub(crate) const MARKER: &str = "consilium-output.txt";

/// A command that writes a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Producer {
    /// `consilium replay`.
    Replay,
    /// `consilium attack`.
    Attack,
    /// `consilium bench`.
    Bench,
    /// `consilium insurance`.
    Insurance,
    /// `consilium defaults`.
    Defaults,
    /// `consilium figure4`.
    Figure4,
    /// `consilium table1`.
    Table1,
    /// `consilium simulate`.
    Simulate,
}

impl Producer {
    /// As it is typed.
    fn command(self) -> &'static str {
        match self {
            Self::Replay => "consilium replay",
            Self::Attack => "consilium attack",
            Self::Bench => "consilium bench",
            Self::Insurance => "consilium insurance",
            Self::Defaults => "consilium defaults",
            Self::Figure4 => "consilium figure4",
            Self::Table1 => "consilium table1",
            Self::Simulate => "consilium simulate",
        }
    }

    /// What the marker says, byte for byte. One command does not take the output of another for its own.
    fn marker(self) -> String {
        let command = self.command();
        format!(
            "Output of `{command}`.\n\
             The next `{command}` into this directory replaces what the last one wrote. Keep nothing else here.\n"
        )
    }
}

/// A directory that a command may write into: it was empty, or the same command has written it before.
#[derive(Debug)]
pub(crate) struct OutputDirectory {
    path: PathBuf,
}

impl OutputDirectory {
    /// Takes the directory at `path` for a new run of `producer`, and makes it where there is none.
    ///
    /// # Errors
    /// [`ExperimentError::Occupied`] for a directory that holds anything else than the output of `producer`; it is left
    /// as it is. [`ExperimentError::File`].
    pub(crate) fn claim(path: &Path, producer: Producer) -> Result<Self, ExperimentError> {
        fs::create_dir_all(path).map_err(ExperimentError::file(path))?;
        if !is_marked(path, producer)? {
            let mut entries = fs::read_dir(path).map_err(ExperimentError::file(path))?;
            if entries.next().is_some() {
                let command = producer.command();
                return Err(ExperimentError::Occupied { path: path.to_owned(), command });
            }
            let marker = path.join(MARKER);
            // Where another process has marked the directory meanwhile, it is that process's.
            fs::File::create_new(&marker)
                .and_then(|mut file| file.write_all(producer.marker().as_bytes()))
                .map_err(ExperimentError::file(&marker))?;
        }
        Ok(Self { path: path.to_owned() })
    }

    /// The directory of an earlier run of `producer`.
    ///
    /// # Errors
    /// [`ExperimentError::NoOutput`] for any other; [`ExperimentError::File`].
    pub(crate) fn open(path: &Path, producer: Producer) -> Result<Self, ExperimentError> {
        if !is_marked(path, producer)? {
            let command = producer.command();
            return Err(ExperimentError::NoOutput { path: path.to_owned(), command });
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Where a file of this name lies.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file, whole or not at all.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), ExperimentError> {
        let path = self.join(name);
        let next = self.join(&format!("{name}.next"));
        fs::write(&next, bytes).map_err(ExperimentError::file(&next))?;
        fs::rename(&next, &path).map_err(ExperimentError::file(&path))
    }

    /// Removes a file or folder of an earlier run, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), ExperimentError> {
        let path = self.join(name);
        // Of a link, the link itself goes and not what it leads to.
        let removed = fs::symlink_metadata(&path).and_then(|found| {
            if found.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }
        });
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(ExperimentError::file(&path)(error))
            }
            _ => Ok(()),
        }
    }

    /// The text of a file, if it is there.
    pub(crate) fn read_if_there(&self, name: &str) -> Result<Option<String>, ExperimentError> {
        let path = self.join(name);
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ExperimentError::file(&path)(error)),
        }
    }
}

/// Whether `producer` has left its marker in this directory.
fn is_marked(directory: &Path, producer: Producer) -> Result<bool, ExperimentError> {
    let path = directory.join(MARKER);
    let expected = producer.marker();
    let mut found = Vec::new();
    // Whatever bears the marker's name may be of any length.
    let read = fs::File::open(&path)
        .and_then(|file| file.take(expected.len() as u64 + 1).read_to_end(&mut found));
    match read {
        Ok(_) => Ok(found == expected.as_bytes()),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(ExperimentError::file(&path)(error)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Somebody's directory, with files that bear the names of our own, and what is in it.
    pub(crate) fn site() -> (tempfile::TempDir, BTreeMap<PathBuf, Vec<u8>>) {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("ledger/store");
        fs::create_dir_all(&store).unwrap();
        fs::write(store.join("db"), "precious").unwrap();
        for name in [
            "config.toml",
            "accuracy.csv",
            "model.safetensors",
            "report.html",
            "attack.csv",
            "bench.csv",
            "bench.json",
        ] {
            fs::write(directory.path().join(name), format!("{name} of somebody")).unwrap();
        }
        let contents = contents(directory.path());
        (directory, contents)
    }

    /// Every file below a directory.
    pub(crate) fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(contents(&path));
            } else {
                files.insert(path.clone(), fs::read(&path).unwrap());
            }
        }
        files
    }

    const ALL: [Producer; 6] = [
        Producer::Replay,
        Producer::Attack,
        Producer::Bench,
        Producer::Insurance,
        Producer::Figure4,
        Producer::Table1,
    ];

    #[test]
    fn a_directory_that_is_missing_or_empty_is_taken_and_taken_again_by_the_same_command_alone() {
        for producer in ALL {
            let parent = tempfile::tempdir().unwrap();
            let path = parent.path().join("runs/new");
            OutputDirectory::claim(&path, producer).unwrap();
            let output = OutputDirectory::claim(&path, producer).unwrap();
            output.write("file", b"1").unwrap();
            for other in ALL.into_iter().filter(|other| *other != producer) {
                let before = contents(&path);
                let error = OutputDirectory::claim(&path, other).unwrap_err();
                assert!(matches!(error, ExperimentError::Occupied { .. }), "{error}");
                assert!(OutputDirectory::open(&path, other).is_err());
                assert_eq!(contents(&path), before);
            }
            OutputDirectory::claim(&path, producer).unwrap();
            assert_eq!(
                OutputDirectory::open(&path, producer).unwrap().read_if_there("file").unwrap(),
                Some("1".into())
            );
        }
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused_by_every_command_and_left_as_it_is() {
        for producer in ALL {
            let (directory, before) = site();
            let error = OutputDirectory::claim(directory.path(), producer).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let message = error.to_string();
            assert!(message.contains("choose another --out"), "{message}");
            assert!(OutputDirectory::open(directory.path(), producer).is_err());
            assert_eq!(contents(directory.path()), before);
        }
    }

    #[test]
    fn the_name_of_the_marker_alone_marks_nothing() {
        let marker = Producer::Replay.marker();
        let longer = format!("{marker}And this.\n");
        let shorter = &marker[..marker.len() - 1];
        for text in ["", "notes", &longer, shorter] {
            let directory = tempfile::tempdir().unwrap();
            fs::write(directory.path().join(MARKER), text).unwrap();
            assert!(OutputDirectory::claim(directory.path(), Producer::Replay).is_err());
            assert_eq!(fs::read_to_string(directory.path().join(MARKER)).unwrap(), text);
        }
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join(MARKER)).unwrap();
        assert!(OutputDirectory::claim(directory.path(), Producer::Replay).is_err());
    }

    #[test]
    fn a_file_that_is_in_the_way_is_an_error_and_stays() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("thesis");
        fs::write(&path, "words").unwrap();
        assert!(OutputDirectory::claim(&path, Producer::Replay).is_err());
        assert!(OutputDirectory::open(&path, Producer::Replay).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "words");
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_neither_removed_nor_overwritten() {
        let (site, before) = site();
        let directory = tempfile::tempdir().unwrap();
        let output = OutputDirectory::claim(directory.path(), Producer::Replay).unwrap();
        let link = |name: &str| {
            std::os::unix::fs::symlink(site.path().join(name), output.join(name)).unwrap();
        };
        link("ledger");
        link("config.toml");
        link("report.html");
        output.remove("ledger").unwrap();
        output.remove("config.toml").unwrap();
        output.remove("config.toml").unwrap();
        output.write("report.html", b"ours").unwrap();
        assert_eq!(output.read_if_there("report.html").unwrap(), Some("ours".into()));
        assert_eq!(contents(site.path()), before);
    }
}
