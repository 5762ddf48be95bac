#![doc = include_str!("../README.md")]

pub mod data_keys;
pub mod encryptor;

pub use data_keys::{DataKeys, read_key};
pub use encryptor::{Decrypted, EncryptionError, Encryptor};
