//! The data dictionary of a run, out of an institution's folder.

use consilium_datasets::dictionary::Dictionary;
use consilium_identity::InstitutionFiles;
use consilium_proto::training::Agreed;

use crate::ClientError;

/// The dictionary that the institutions of this run have agreed on; `None` where they have agreed on none.
///
/// # Errors
/// [`ClientError::Dictionary`] where the folder has another one than the genesis names, or has one or none where the genesis
/// does not.
pub fn agreed_dictionary(files: &InstitutionFiles) -> Result<Option<Dictionary>, ClientError> {
    let refuse = |problem: String| Err(ClientError::Dictionary { problem });
    // A plan that this program does not know names none that it does.
    let agreed = Agreed::decode(&files.parameters.training).ok();
    let named = agreed.and_then(|agreed| agreed.dictionary());
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
