//! Amounts of CPU, memory and storage, written as the API server writes them.

use std::cmp::Ordering;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const SHAPE: &str = r"^[0-9]{1,12}(\.[0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$";
const BINARY: [(&str, i128); 5] = [
    ("Pi", 1 << 50),
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
];
const DECIMAL: [(&str, i128); 5] = [
    ("P", 1_000_000_000_000_000),
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1000),
];

/// An amount as Kubernetes writes it: `500m`, `1.5`, `10Gi`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(pub String);

impl Quantity {
    /// The amount in thousandths; `None` when the text is no quantity.
    pub fn milli(&self) -> Option<i128> {
        let split = self
            .0
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(self.0.len());
        let (number, suffix) = self.0.split_at(split);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.len() > 3 || whole.is_empty() {
            return None;
        }
        let fraction: i128 = format!("{fraction:0<3}").parse().ok()?;
        let milli = whole.parse::<i128>().ok()? * 1000 + fraction;
        match suffix {
            "" => Some(milli),
            "m" => Some(milli / 1000),
            _ => {
                let all = BINARY.iter().chain(&DECIMAL);
                let (_, factor) = all.into_iter().find(|(name, _)| *name == suffix)?;
                Some(milli * factor)
            }
        }
    }

    /// Whole units, such as bytes or seconds of CPU.
    pub fn units(&self) -> i64 {
        self.milli()
            .and_then(|milli| i64::try_from(milli / 1000).ok())
            .unwrap_or(0)
    }

    /// The same amount in the form that the API server stores, so that comparing is exact.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let Some(milli) = self.milli() else {
            return self.clone();
        };
        let binary = self.0.ends_with('i');
        if milli == 0 {
            return Self("0".to_owned());
        }
        if milli % 1000 != 0 {
            return Self(format!("{milli}m"));
        }
        let units = milli / 1000;
        let table: &[(&str, i128)] = if binary && units >= 1024 {
            &BINARY
        } else {
            &DECIMAL
        };
        let fitting = table.iter().find(|(_, factor)| units % factor == 0);
        Self(fitting.map_or_else(
            || units.to_string(),
            |(name, f)| format!("{}{name}", units / f),
        ))
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.milli()?.partial_cmp(&other.milli()?)
    }
}

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": SHAPE, "maxLength": 20})
    }
}

#[cfg(test)]
mod tests;
