//! The wire: messages, services and strict decoding
