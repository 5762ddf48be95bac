//! Lists `migrations/*.sql` in order, so that the binary carries them.

use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    // Asked for at run time: a copied target folder has a build script of another checkout.
    let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    let folder = Path::new(&package)
        .join("../../migrations")
        .canonicalize()?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    let mut list = Vec::new();
    for path in files {
        println!("cargo::rerun-if-changed={}", path.display());
        let stem = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (number, name) = stem.split_once('_').unwrap_or((&stem, ""));
        let number = number.trim_start_matches('0');
        let text = path.display().to_string();
        list.push(format!(
            "    ({number}, {name:?}, include_str!({text:?})),\n"
        ));
    }
    let target = Path::new(&env::var_os("OUT_DIR").unwrap_or_default()).join("migrations.rs");
    fs::write(target, format!("&[\n{}]\n", list.concat()))
}
