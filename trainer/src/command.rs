//! How a child is started: its words, its environment, its descriptors.

use std::{
    env,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::ProgramFailure;

/// What of the client's environment a program sees. `HOME` and `TMPDIR` are its private folder besides; whoever needs more
/// starts the program through `env NAME=VALUE`.
const VARIABLES: [&str; 9] = [
    "PATH",
    "LANG",
    "LC_ALL",
    "VIRTUAL_ENV",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "ONEAPI_DEVICE_SELECTOR",
];

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Splits a command as a shell would, without running one: quotes and backslashes, no variables, no patterns. A word
    /// that is the relative path of a file in `directory` becomes absolute, because the program is started elsewhere.
    ///
    /// # Errors
    /// [`ProgramFailure::Command`] for a command without a word, or a quote that is not closed.
    pub fn split(command: &str, directory: &Path) -> Result<Self, ProgramFailure> {
        let words = shlex::split(command).filter(|words| !words.is_empty());
        let mut words = words.ok_or_else(|| ProgramFailure::Command(command.to_owned()))?;
        for (place, word) in words.iter_mut().enumerate() {
            let path = directory.join(&*word);
            // A bare first word is looked for in PATH, as a shell does.
            let is_looked_up = place == 0 && !word.contains('/');
            if !is_looked_up && path.is_file() {
                *word = path.display().to_string();
            }
        }
        Ok(Self(words))
    }

    /// Starts the program in `folder`, at the head of a process group of its own, with three pipes and no other descriptor.
    pub(crate) fn start(&self, folder: &Path) -> Result<Child, ProgramFailure> {
        let Some((program, arguments)) = self.0.split_first() else {
            return Err(ProgramFailure::Command(String::new()));
        };
        // What this process opens is closed on exec anyway; what it was started with is not.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let kept = VARIABLES.iter().filter_map(|name| Some((name, env::var_os(name)?)));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(kept)
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().map_err(|source| ProgramFailure::Start { program: program.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_command_is_split_as_a_shell_would_and_files_become_absolute() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.py"), "").unwrap();
        fs::write(folder.path().join("python"), "").unwrap();
        let script = folder.path().join("train.py").display().to_string();
        let split = |command: &str| Words::split(command, folder.path()).unwrap().0;
        assert_eq!(split("python train.py"), ["python", &script]);
        assert_eq!(
            split("./train.py 'a b' -x"),
            [&format!("{}/./train.py", folder.path().display()), "a b", "-x"]
        );
        assert_eq!(split("/bin/sh nowhere.sh"), ["/bin/sh", "nowhere.sh"]);
        for none in ["", "  ", "python 'train.py"] {
            let error = Words::split(none, folder.path()).unwrap_err();
            assert!(matches!(error, ProgramFailure::Command(_)), "{none}: {error}");
        }
    }
}
