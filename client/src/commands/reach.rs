//! Where the coordinator is, and how it is reached.

use clap::Args;
use consilium_cli::Failure;
use consilium_client::{Connector, Plain, Tls};
use consilium_identity::InstitutionFiles;
use consilium_transport::{check_choice, is_secure};

use super::failure;

/// Speaking plain TCP, which has to be said.
#[derive(Args, Clone, Copy, Default)]
pub(crate) struct PlainTcp {
    /// Speak plain TCP with a coordinator on this machine that does so too, for simulations.
    #[arg(long)]
    plain: bool,
}

impl PlainTcp {
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
