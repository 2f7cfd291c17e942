//! A decrypted record into a file: a chunk at a time, under another name until all of it has been verified.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use consilium_audit::files::{failed, private, sync_folder_of};
use consilium_exchange::records::RecordError;

use crate::{RecordsError, error::Result, peer::Body};

/// Whatever decrypts a body as it comes.
pub trait Decrypts {
    /// Takes bytes from the front of `data`; called until none are left, it returns each decrypted chunk.
    ///
    /// # Errors
    /// [`RecordError`] for what does not decrypt.
    fn absorb(&mut self, data: &mut &[u8]) -> std::result::Result<Option<&[u8]>, RecordError>;
}

impl Decrypts for consilium_exchange::records::BodyDecryptor {
    fn absorb(&mut self, data: &mut &[u8]) -> std::result::Result<Option<&[u8]>, RecordError> {
        Self::absorb(self, data)
    }
}

impl Decrypts for consilium_exchange::records::Review {
    fn absorb(&mut self, data: &mut &[u8]) -> std::result::Result<Option<&[u8]>, RecordError> {
        Self::absorb(self, data)
    }
}

/// A file that is not there before it is whole. Without a name, what comes is verified and not kept.
pub struct Received {
    file: Option<(File, PathBuf, PathBuf)>,
}

impl Received {
    /// Begins a file, which must not exist.
    ///
    /// # Errors
    /// [`RecordsError::Unusable`] where there is something of this name, or none can be made.
    pub fn begin(out: Option<&Path>) -> Result<Self> {
        let Some(out) = out else { return Ok(Self { file: None }) };
        if out.symlink_metadata().is_ok() {
            let problem = format!("{} exists already; give another name", out.display());
            return Err(RecordsError::Unusable(problem));
        }
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        let partial = out.with_file_name(format!(".{name}.incomplete-{}", std::process::id()));
        let mut options = File::options();
        // Left by a process of this number that was killed.
        let file = private(options.write(true).create(true).truncate(true)).open(&partial);
        let file = file.map_err(|error| {
            RecordsError::Unusable(format!("cannot write {}: {error}", partial.display()))
        })?;
        Ok(Self { file: Some((file, partial, out.to_owned())) })
    }

    /// Decrypts the body into the file. What of it is true, the end of the decryption says.
    ///
    /// # Errors
    /// [`RecordsError::Untrue`] naming who served what does not decrypt; [`RecordsError::File`].
    pub async fn fill(
        &mut self,
        body: &mut Body<'_, '_>,
        decrypts: &mut impl Decrypts,
    ) -> Result<()> {
        while let Some(bytes) = body.next().await? {
            let mut data = bytes.as_slice();
            while !data.is_empty() {
                let chunk = decrypts.absorb(&mut data);
                let chunk =
                    chunk.map_err(|error| RecordsError::untrue(body.who(), "a body", error))?;
                if let Some((chunk, (file, path, _))) = chunk.zip(self.file.as_mut()) {
                    file.write_all(chunk).map_err(failed("write", path))?;
                }
            }
        }
        Ok(())
    }

    /// Gives the file its name, durably: everything in it has been verified.
    ///
    /// # Errors
    /// [`RecordsError::File`].
    pub fn finish(mut self) -> Result<()> {
        let Some((file, partial, out)) = self.file.take() else { return Ok(()) };
        let named = file.sync_all().and_then(|()| fs::rename(&partial, &out));
        if named.is_err() {
            let _ = fs::remove_file(&partial);
        }
        named.map_err(failed("write", &out))?;
        Ok(sync_folder_of(&out)?)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        // What was not verified to its end is not kept.
        if let Some((_, partial, _)) = &self.file {
            let _ = fs::remove_file(partial);
        }
    }
}
