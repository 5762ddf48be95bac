//! The device of a sign-in, and a name that its owner recognises in the list of sessions.

use shared_web::ClientIp;

/// Where a sign-in comes from.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) ip: ClientIp,
    pub(crate) user_agent: Option<String>,
}

/// Marks of browsers and their names. Most browsers claim to be several, so the more specific
/// marks come first.
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

/// Marks of operating systems and their names, the more specific ones first.
const SYSTEMS: [(&str, &str); 7] = [
    ("Windows", "Windows"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Longest name that is taken from an unknown user agent.
const MAX_PRODUCT_LENGTH: usize = 40;

/// `Firefox on Windows`; the product name of an unknown user agent; `Unknown device` without one.
pub(crate) fn device_name(user_agent: Option<&str>) -> String {
    let Some(agent) = user_agent.map(str::trim).filter(|agent| !agent.is_empty()) else {
        return "Unknown device".to_owned();
    };
    let find = |marks: &[(&str, &'static str)]| {
        let found = marks.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => {
            let product = agent.split(['/', ' ']).next().unwrap_or(agent);
            product.chars().take(MAX_PRODUCT_LENGTH).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names_that_people_recognise() {
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
