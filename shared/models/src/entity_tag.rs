//! Entity tags (RFC 9110, section 8.8.3) from a version number, and `If-Match`.

/// The tag of a version; 0 is one that was never saved.
pub fn of_version(version: i32) -> String {
    format!("\"v{version}\"")
}

/// Whether an `If-Match` header matches a version. A weak tag never does.
pub fn matches(if_match: &str, version: i32) -> bool {
    let current = of_version(version);
    if_match
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag == current)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_current_version_matches() {
        assert!(matches("\"v3\"", 3));
        assert!(matches("\"v1\", \"v3\"", 3));
        assert!(matches("*", 3));
        for header in ["", "v3", "\"v2\"", "W/\"v3\"", "\"v33\""] {
            assert!(!matches(header, 3), "{header}");
        }
    }
}
