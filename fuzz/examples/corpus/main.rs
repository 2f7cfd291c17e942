//! Writes a corpus for a fuzzer: a folder for each target, a file for each seed.

use std::{env, error::Error, fs, path::PathBuf};

mod seeds;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).map(PathBuf::from).ok_or("usage: corpus FOLDER")?;
    for (target, name, bytes) in seeds::seeds() {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}
