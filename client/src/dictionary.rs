//! The data dictionary of a run, out of an institution's folder.

use consilium_datasets::dictionary::Dictionary;
use consilium_identity::InstitutionFiles;
use consilium_proto::training::Plan;

use crate::ClientError;

/// The dictionary that the institutions of this run have agreed on; `None` where they have agreed on none.
///
/// # Errors
/// [`ClientError::Dictionary`] where the folder has another one than the genesis names, or has one or none where the genesis
/// does not.
pub fn agreed_dictionary(files: &InstitutionFiles) -> Result<Option<Dictionary>, ClientError> {
    let refuse = |problem: String| Err(ClientError::Dictionary { problem });
    // A plan of another program names none that this one knows.
    let plan = Plan::decode(&files.parameters.training).ok();
    let named = plan.and_then(|plan| plan.dictionary);
    match (named, &files.dictionary) {
        (None, None) => Ok(None),
        (None, Some(_)) => refuse("is there, and the genesis names no data dictionary".to_owned()),
        (Some(expected), None) => {
            refuse(format!("is missing, and the genesis names the data dictionary {expected}"))
        }
        (Some(expected), Some(text)) => {
            let Ok(text) = std::str::from_utf8(text) else {
                return refuse("is not UTF-8 text".to_owned());
            };
            let dictionary = match Dictionary::parse(text) {
                Ok(dictionary) => dictionary,
                Err(error) => return refuse(error.to_string()),
            };
            let found = dictionary.hash();
            if found != expected {
                return refuse(format!(
                    "is another version: it is the data dictionary {found}, the genesis names {expected}"
                ));
            }
            Ok(Some(dictionary))
        }
    }
}
