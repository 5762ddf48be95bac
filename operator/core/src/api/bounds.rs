//! Bounds that several sections share: every string, list and map of the schema has a maximum.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A label of a DNS name, of these characters.
macro_rules! label {
    ($letters:literal) => {
        concat!(
            "[",
            $letters,
            "0-9]([-",
            $letters,
            "0-9]{0,61}[",
            $letters,
            "0-9])?"
        )
    };
}

/// A DNS name, or an IPv4 address: a name whose last label is a number is no name at all.
macro_rules! host {
    ($letters:literal) => {
        concat!(
            "((",
            label!($letters),
            "\\.)*",
            "([0-9][-0-9]*)?[",
            $letters,
            "]([-",
            $letters,
            "0-9]{0,61}[",
            $letters,
            "0-9])?",
            "|((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])\\.){3}",
            "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9]))"
        )
    };
}

/// Up to so many groups of an IPv6 address, each behind a colon.
macro_rules! groups {
    ($hex:literal, $count:literal) => {
        concat!("(:[", $hex, "]{1,4}){1,", $count, "}")
    };
}

/// An IPv6 address (RFC 4291) of groups, without brackets, zone or dotted part.
macro_rules! ipv6 {
    ($hex:literal) => {
        concat!(
            "(([",
            $hex,
            "]{1,4}:){7}[",
            $hex,
            "]{1,4}",
            "|([",
            $hex,
            "]{1,4}:){1,7}:",
            "|([",
            $hex,
            "]{1,4}:){6}",
            groups!($hex, "1"),
            "|([",
            $hex,
            "]{1,4}:){5}",
            groups!($hex, "2"),
            "|([",
            $hex,
            "]{1,4}:){4}",
            groups!($hex, "3"),
            "|([",
            $hex,
            "]{1,4}:){3}",
            groups!($hex, "4"),
            "|([",
            $hex,
            "]{1,4}:){2}",
            groups!($hex, "5"),
            "|[",
            $hex,
            "]{1,4}:",
            groups!($hex, "6"),
            "|:",
            groups!($hex, "7"),
            "|::)"
        )
    };
}

/// A port from 1 to 65535, behind its colon.
macro_rules! port {
    () => {
        concat!(
            "(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}",
            "|655[0-2][0-9]|6553[0-5]))?"
        )
    };
}

/// Shape of a DNS name such as `db.example.org`, or of an IPv4 address.
pub const HOSTNAME: &str = concat!("^", host!("a-z"), "$");
/// Shape of a DNS name or of an address of either family, such as `fd00:10::5`.
pub const HOST: &str = concat!("^(", host!("a-z"), "|", ipv6!("0-9a-fA-F"), ")$");
/// Shape of the name of an object of Kubernetes, whose labels may be longer than those of DNS.
pub const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// Shape of a name that becomes one label of a DNS name.
pub const LABEL: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// Shape of a key of a Secret or ConfigMap.
pub const DATA_KEY: &str = r"^[-._a-zA-Z0-9]+$";
/// Shape of a base URL: no credentials, query or fragment. An IPv6 address stands in brackets.
pub const BASE_URL: &str = concat!(
    "^https?://(",
    host!("a-zA-Z"),
    r"|\[",
    ipv6!("0-9a-fA-F"),
    r"\])",
    port!(),
    "(/[-._~a-zA-Z0-9/]*)?$"
);
/// Shape of an image reference, by tag or digest.
pub const IMAGE: &str = r"^[a-zA-Z0-9][-._a-zA-Z0-9:/]*(@sha256:[a-f0-9]{64})?$";
/// Shape of a schedule of five fields or a macro such as `@daily`.
pub const SCHEDULE: &str =
    r"^(@(hourly|daily|weekly|monthly|yearly)|[-0-9*/,]+( [-0-9A-Za-z*/,?]+){4})$";
/// Shape of an email address. auth decides: it also refuses domains that IDNA does not know.
pub const EMAIL: &str = concat!(
    r#"^[^\s@<>()\[\],;:\\"\x00-\x1F\x7F]{1,64}@"#,
    // Labels of letters, digits and hyphens, which are no first or last character.
    r"([^\x00-\x2F\x3A-\x40\x5B-\x60\x7B-\x7F]",
    r"([^\x00-\x2C\x2E\x2F\x3A-\x40\x5B-\x60\x7B-\x7F]{0,61}",
    r"[^\x00-\x2F\x3A-\x40\x5B-\x60\x7B-\x7F])?\.)+",
    r"[^\x00-\x2F\x3A-\x40\x5B-\x60\x7B-\x7F]",
    r"([^\x00-\x2C\x2E\x2F\x3A-\x40\x5B-\x60\x7B-\x7F]{0,61}",
    r"[^\x00-\x2F\x3A-\x40\x5B-\x60\x7B-\x7F])?$",
);
/// Scheme, host and port as browsers send them: in lower case, without a path.
pub const ORIGIN: &str = concat!(
    "^https?://(",
    host!("a-z"),
    r"|\[",
    ipv6!("0-9a-f"),
    r"\])",
    port!(),
    "$"
);
/// Characters of an IP range such as `10.0.0.0/8`; a rule says whether it is one.
pub const IP_RANGE: &str = r"^[0-9a-fA-F.:]+(/[0-9]{1,3})?$";
/// Characters of an IP range with its length; a rule says whether it is one.
pub const NETWORK: &str = r"^[0-9a-fA-F.:]+/[0-9]{1,3}$";
const SPAN: &str = r"^[0-9]{1,7}(s|m|h|d)$";

/// A duration: a whole number followed by `s`, `m`, `h` or `d`, such as `15m`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub String);

impl Span {
    /// The span in seconds; what the schema does not admit counts as none.
    pub fn seconds(&self) -> i64 {
        let text = &self.0;
        let Some(unit) = text.chars().next_back() else {
            return 0;
        };
        let factor = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return 0,
        };
        text.strip_suffix(unit)
            .and_then(|n| n.parse::<i64>().ok())
            .map_or(0, |n| n * factor)
    }
}

impl From<&str> for Span {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Span {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": SPAN, "maxLength": 8})
    }
}

/// A map of short strings, such as labels, annotations or parameters.
pub fn string_map(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "maxLength": 1024},
    })
}

/// A list of objects that the server keeps as they are; who replaces one replaces all.
pub fn free_form_list(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 32,
        "x-kubernetes-list-type": "atomic",
        "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    })
}

/// An object that the server keeps as it is.
pub fn free_form(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}
