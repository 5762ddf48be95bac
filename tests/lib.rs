//! Tests that see the whole platform: house rules (`tidy`), contracts between parts
//! (`integration`), the running platform (`e2e`).

use std::path::{Path, PathBuf};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(Path::to_path_buf)
        .unwrap_or_default()
}
