//! Disks: which steps of writing fail, and what a kill or a power cut leaves of a folder.
//!
//! A folder is followed through the steps that pass [`consilium_disk`]: bytes that were flushed, names that were flushed. A
//! kill leaves what the folder holds; a power cut leaves of each durable name what was flushed of it last, and nothing else.
//! sled's files are one thing here, which its own flush makes durable.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use consilium_disk::{
    Step,
    fate::{Fate, Outcome},
};

/// sled's folder.
const STORE: &str = "store";

/// How a process ends that does not end itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// All that was written is there.
    Kill,
    /// What was not flushed is gone.
    PowerCut,
}

/// A step of writing that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Steps that succeed before.
    pub after: usize,
    /// Whether it is done before its failure is reported.
    pub done: bool,
    /// Whether everything after it fails as well.
    pub lasts: bool,
}

/// Files by their names below a folder.
pub type Image = Vec<(PathBuf, Vec<u8>)>;

/// What of a folder is durable. A name stands for a file, or for the folder of sled.
#[derive(Debug, Default)]
struct Folder {
    root: PathBuf,
    /// Files by name, numbered as they came; a number keeps to a file when it is renamed.
    names: BTreeMap<PathBuf, u64>,
    durable: BTreeMap<PathBuf, u64>,
    flushed: BTreeMap<u64, Image>,
    next: u64,
    fault: Option<Fault>,
    has_failed: bool,
    steps: usize,
    /// Flushes of names that end so do nothing.
    lies: Option<&'static str>,
}

impl Folder {
    /// Whether a path is below it. There is none before its party's first process.
    fn holds(&self, path: &Path) -> bool {
        !self.root.as_os_str().is_empty() && path.starts_with(&self.root)
    }

    /// The name of what is at a path.
    fn name(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap().to_owned()
    }

    fn number(&mut self, name: &Path) -> u64 {
        let next = &mut self.next;
        *self.names.entry(name.to_owned()).or_insert_with(|| {
            *next += 1;
            *next
        })
    }

    fn decide(&mut self) -> Outcome {
        self.steps += 1;
        let Some(fault) = &mut self.fault else { return Outcome::Done };
        if let Some(left) = fault.after.checked_sub(1) {
            fault.after = left;
            return Outcome::Done;
        }
        let Fault { done, lasts, .. } = *fault;
        if !lasts {
            self.fault = None;
        } else {
            // What comes after the first failure is lost.
            self.fault = Some(Fault { after: 0, done: false, lasts });
        }
        self.has_failed = true;
        if done { Outcome::DoneAndRefused } else { Outcome::Lost }
    }

    fn done(&mut self, step: Step<'_>) {
        let name = self.name(step.path());
        let is_flush = matches!(step, Step::Flush(_) | Step::FlushNames(_));
        if is_flush && self.lies.is_some_and(|about| name.to_string_lossy().ends_with(about)) {
            return;
        }
        match step {
            Step::Write(_) => _ = self.number(&name),
            Step::Flush(path) => {
                let number = self.number(&name);
                self.flushed.insert(number, image(path));
            }
            Step::Rename { from, .. } => {
                let from = self.name(from);
                let number = self.number(&from);
                self.names.remove(&from);
                self.names.insert(name, number);
            }
            Step::Remove(_) => _ = self.names.remove(&name),
            Step::FlushNames(path) => {
                let present = units(&self.root, path);
                let is_in = |known: &PathBuf| known.parent() == Some(&name);
                self.durable.retain(|known, _| !is_in(known));
                for unit in present {
                    let number = self.number(&unit);
                    self.durable.insert(unit, number);
                }
            }
        }
    }

    fn left_by(&self, crash: Crash) -> Image {
        match crash {
            Crash::Kill => image(&self.root),
            Crash::PowerCut => {
                let mut left = Image::new();
                for (name, number) in &self.durable {
                    match self.flushed.get(number) {
                        Some(files) => left.extend(files.iter().map(|(below, bytes)| {
                            let is_file = below.as_os_str().is_empty();
                            (if is_file { name.clone() } else { name.join(below) }, bytes.clone())
                        })),
                        None if name.ends_with(STORE) => {}
                        None => left.push((name.clone(), Vec::new())),
                    }
                }
                left
            }
        }
    }
}

/// The files below a path; the file itself under no name.
fn image(path: &Path) -> Image {
    if path.is_file() {
        return vec![(PathBuf::new(), fs::read(path).unwrap())];
    }
    let mut files = Image::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap().path();
            if entry.is_dir() {
                folders.push(entry);
            } else if let Ok(bytes) = fs::read(&entry) {
                files.push((entry.strip_prefix(path).unwrap().to_owned(), bytes));
            }
        }
    }
    files.sort();
    files
}

/// What is directly in a folder, by the names that it has below the root.
fn units(root: &Path, folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_unit = |path: &PathBuf| path.is_file() || path.ends_with(STORE);
    entries.filter(is_unit).map(|path| path.strip_prefix(root).unwrap().to_owned()).collect()
}

/// The folders of all parties, by party.
#[derive(Debug, Clone, Default)]
pub struct Disks(Arc<Mutex<BTreeMap<usize, Folder>>>);

impl Disks {
    fn folders(&self) -> MutexGuard<'_, BTreeMap<usize, Folder>> {
        self.0.lock().unwrap()
    }

    /// A party goes on in this folder, in which these files are made, all of them durable.
    pub fn begin(&self, party: usize, root: &Path, files: &Image) {
        for (name, bytes) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let mut folder = Folder { root: root.to_owned(), ..Folder::default() };
        let mut folders = vec![root.to_owned()];
        while let Some(path) = folders.pop() {
            for unit in units(root, &path) {
                let number = folder.number(&unit);
                folder.flushed.insert(number, image(&root.join(&unit)));
                folder.durable.insert(unit, number);
            }
            let below = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            folders.extend(below.filter(|path| path.is_dir() && !path.ends_with(STORE)));
        }
        let mut parties = self.folders();
        if let Some(before) = parties.remove(&party) {
            folder.lies = before.lies;
            folder.steps = before.steps;
            // One that was to fail before there was a process.
            folder.fault = before.fault.filter(|_| before.root.as_os_str().is_empty());
        }
        parties.insert(party, folder);
    }

    /// What a crash leaves of a party's folder.
    pub fn left_by(&self, party: usize, crash: Crash) -> Image {
        self.folders()[&party].left_by(crash)
    }

    /// A step of the party fails.
    pub fn break_down(&self, party: usize, fault: Fault) {
        self.folders().entry(party).or_default().fault = Some(fault);
    }

    /// Whether a step of the party's process has failed.
    pub fn has_failed(&self, party: usize) -> bool {
        self.folders()[&party].has_failed
    }

    /// Steps that the party has taken, in all of its processes.
    pub fn steps(&self, party: usize) -> usize {
        self.folders()[&party].steps
    }

    /// Flushes of what is named so do nothing from now on, in any process of the party.
    pub fn lie(&self, party: usize, about: &'static str) {
        self.folders().entry(party).or_default().lies = Some(about);
    }
}

impl Fate for Disks {
    fn decide(&mut self, step: Step<'_>) -> Outcome {
        let mut folders = self.folders();
        let of = folders.values_mut().find(|folder| folder.holds(step.path()));
        of.map_or(Outcome::Done, Folder::decide)
    }

    fn done(&mut self, step: Step<'_>) {
        let mut folders = self.folders();
        let of = folders.values_mut().find(|folder| folder.holds(step.path()));
        of.into_iter().for_each(|folder| folder.done(step));
    }
}
