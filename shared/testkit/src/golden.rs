//! Golden files: generated files are committed, and a test fails when they are stale.

use std::path::Path;
use std::{env, fs};

use similar::TextDiff;

/// Compares a file with its expected content; `UPDATE_GOLDEN=1` rewrites it instead.
#[track_caller]
pub fn assert_golden(path: &Path, text: &str) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).expect("the folder of a golden file");
        }
        fs::write(path, text).expect("a golden file");
        return;
    }
    let committed = fs::read_to_string(path).unwrap_or_default();
    if committed != text {
        let difference = TextDiff::from_lines(committed.as_str(), text);
        let shown = difference.unified_diff().context_radius(2).to_string();
        let shown: String = shown.chars().take(4000).collect();
        panic!("{} is stale: run `make generate`\n{shown}", path.display());
    }
}
