//! What the program does before there is a node: the coordinator's keys, and the genesis beside them.

use std::path::Path;

use consilium_cli::Failure;
use consilium_identity::{install_coordinator, is_plain_name, request_as_coordinator};
use rand_core::OsRng;

/// Makes the keys, and says what to do with the request.
pub(crate) fn request(name: &str, out: &Path) -> Result<String, Failure> {
    if !is_plain_name(name) {
        let problem = "a name has 1 to 64 letters, digits, - and _";
        return Err(Failure::unusable(format!("--name {name}: {problem}")));
    }
    let request = request_as_coordinator(out, name, &mut OsRng).map_err(Failure::unusable)?;
    Ok(request.instructions(out, "consilium-coordinator"))
}

/// Puts the genesis beside the keys.
pub(crate) fn install(ceremony: &Path, from: &Path) -> Result<String, Failure> {
    let files = install_coordinator(ceremony, from).map_err(Failure::unusable)?;
    let chain = files.parameters.chain_id;
    Ok(format!("chain {chain}: compare it with the others before you serve them\n"))
}
