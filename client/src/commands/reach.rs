//! Where the coordinator is, and how it is reached.

use std::path::Path;

use clap::Args;
use consilium_cli::Failure;
use consilium_client::{Connector, Plain, Tls};
use consilium_identity::{InstitutionFiles, is_of_local_ceremony};
use consilium_transport::{check_choice, is_secure};

use super::failure;

/// Speaking plain TCP, which has to be said.
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct PlainTcp {
    /// Speak plain TCP with a coordinator on this machine that does so too, for simulations. Where all keys were made in one place
    /// an address with http:// says it.
    #[arg(long)]
    plain: bool,
}

impl PlainTcp {
    /// Said already by who has this folder of a simulation and gives an address without TLS.
    pub(crate) fn or_of(self, ceremony: &Path, address: &str) -> Self {
        let is_simulated = is_of_local_ceremony(ceremony) && !is_secure(address);
        Self { plain: self.plain || is_simulated }
    }

    /// How the coordinator is reached at this address.
    pub(crate) fn connector(
        self,
        address: &str,
        files: &InstitutionFiles,
    ) -> Result<Box<dyn Connector>, Failure> {
        self.check(address)?;
        if is_secure(address) {
            return Ok(Box::new(Tls::to(address, files).map_err(failure)?));
        }
        Ok(Box::new(Plain::to(address).map_err(failure)?))
    }

    /// Refuses an address that is reached otherwise than was said.
    pub(crate) fn check(self, address: &str) -> Result<(), Failure> {
        check_choice(address, self.plain)
            .map_err(|problem| Failure::unusable(format!("--coordinator: {problem}")))?;
        if self.plain {
            Plain::to(address).map_err(failure)?;
        }
        Ok(())
    }
}
