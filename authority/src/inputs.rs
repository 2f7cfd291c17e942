//! What a row is: so many features, or what a data dictionary says.

use std::path::PathBuf;

use clap::Args;
use consilium_authority::AgreedDictionary;

#[derive(Args)]
pub(crate) struct Inputs {
    /// Features of a row [default: what follows from --dictionary].
    #[arg(long, required_unless_present_any = ["dictionary", "tensors"])]
    inputs: Option<u32>,
    /// The data dictionary that all sites have agreed on. Its hash goes into the genesis, the file into the folders of the
    /// institutions, whose programs check their rows against it before they send anything. Without it nothing checks that
    /// the sites' columns mean the same.
    #[arg(long, value_name = "DICTIONARY.toml")]
    dictionary: Option<PathBuf>,
}

impl Inputs {
    /// Inputs of the model, and the dictionary that they follow from.
    pub(crate) fn resolve(&self) -> Result<(u32, Option<AgreedDictionary>), String> {
        let Some(path) = &self.dictionary else {
            return Ok((self.inputs.unwrap_or_default(), None));
        };
        let agreed = AgreedDictionary::load(path).map_err(|error| error.to_string())?;
        let expected = agreed.inputs();
        match self.inputs {
            Some(inputs) if inputs != expected => Err(format!(
                "--inputs is {inputs}, and {expected} follow from {}: leave --inputs out",
                path.display()
            )),
            _ => Ok((expected, Some(agreed))),
        }
    }
}
