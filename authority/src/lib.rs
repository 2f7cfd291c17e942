//! The local ceremony: identities, certificates, the dealt key and the genesis
