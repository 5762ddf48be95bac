//! What a browser calls itself, in words that a person recognises.

/// Marks of browsers, the more special ones first: most claim to be several.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// Marks of systems, in the same order of special first.
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// `Firefox on Windows`; a program's own name; or that it said nothing.
pub(crate) fn device_name(user_agent: Option<&str>) -> String {
    let Some(agent) = user_agent.map(str::trim).filter(|agent| !agent.is_empty()) else {
        return "Unknown device".to_owned();
    };
    let of = |marks: &[(&str, &'static str)]| {
        let found = marks.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (of(&BROWSERS), of(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => {
            let product = agent.split(['/', ' ']).next().unwrap_or(agent);
            product.chars().take(40).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names_that_people_know() {
        let mozilla = |rest: &str| device_name(Some(&format!("Mozilla/5.0 {rest}")));
        assert_eq!(
            mozilla("(Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"),
            "Firefox on Windows"
        );
        assert_eq!(
            mozilla("(Windows NT 10.0) AppleWebKit/537.36 Chrome/126 Safari/537.36 Edg/126"),
            "Edge on Windows"
        );
        assert_eq!(
            mozilla("(iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1"),
            "Safari on iPhone"
        );
        assert_eq!(
            mozilla("(Linux; Android 14) AppleWebKit/537.36 Chrome/126 Mobile Safari/537.36"),
            "Chrome on Android"
        );
        assert_eq!(device_name(Some("curl/8.5.0")), "curl");
        assert_eq!(device_name(None), "Unknown device");
        assert_eq!(device_name(Some("  ")), "Unknown device");
    }
}
