//! The reference of the custom resources as Markdown, made from their schemas.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::crds::crds;

/// Longest default that is shown; the defaults of whole sections follow from their fields.
const DEFAULT_MAX: usize = 80;

/// The whole page.
pub fn markdown() -> String {
    let mut text = String::from(
        "# Custom resources\n\nGenerated from the CRD schemas by a test of `operator/core`; `make \
         generate` rewrites this page. The API\nserver enforces the rules, and the operator checks \
         them again.\n",
    );
    for crd in crds() {
        let names = &crd.spec.names;
        let version = &crd.spec.versions[0];
        let short = names.short_names.clone().unwrap_or_default().join(", ");
        let _ = writeln!(
            text,
            "\n## {}\n\n`apiVersion: {}/{}`, namespaced, short name `{short}`.",
            names.kind, crd.spec.group, version.name
        );
        let schema = version
            .schema
            .as_ref()
            .and_then(|all| all.open_api_v3_schema.as_ref());
        let schema = serde_json::to_value(schema).unwrap_or_default();
        resource(&schema, &mut text);
    }
    text
}

fn resource(schema: &Value, text: &mut String) {
    let rules = own_rules(schema);
    if !rules.is_empty() {
        let _ = writeln!(text, "\nRules: {}.", rules.join("; "));
    }
    for part in ["spec", "status"] {
        let below = &schema["properties"][part];
        let rules = own_rules(below);
        let _ = writeln!(text, "\n### {part}\n\n{}", sentence(below));
        if !rules.is_empty() {
            let _ = writeln!(text, "\nRules: {}.", rules.join("; "));
        }
        // Plain fields first, in one table; then a table for each section.
        let fields = below["properties"].as_object().cloned().unwrap_or_default();
        let (sections, plain): (Map<_, _>, Map<_, _>) = fields
            .into_iter()
            .partition(|(_, field)| field.get("properties").is_some());
        if !plain.is_empty() {
            head(text);
            rows(&plain, &required(below), part, text);
        }
        for (name, section) in sections {
            let path = format!("{part}.{name}");
            let _ = writeln!(text, "\n#### {path}\n\n{}", sentence(&section));
            let rules = own_rules(&section);
            if !rules.is_empty() {
                let _ = writeln!(text, "\nRules: {}.", rules.join("; "));
            }
            head(text);
            let fields = section["properties"]
                .as_object()
                .cloned()
                .unwrap_or_default();
            rows(&fields, &required(&section), &path, text);
        }
    }
}

fn head(text: &mut String) {
    text.push_str("\n| Field | Type | Default | Rules | Description |\n");
    text.push_str("| --- | --- | --- | --- | --- |\n");
}

fn rows(fields: &Map<String, Value>, required: &[&str], path: &str, text: &mut String) {
    for (name, field) in fields {
        let path = format!("{path}.{name}");
        let mut rules = bounds(field);
        if required.contains(&name.as_str()) {
            rules.insert(0, "required".to_owned());
        }
        rules.extend(own_rules(field));
        let _ = writeln!(
            text,
            "| `{path}` | {} | {} | {} | {} |",
            kind(field),
            default(field),
            cell(&rules.join("; ")),
            cell(&sentence(field)),
        );
        let inner = if field["type"] == "array" {
            &field["items"]
        } else {
            field
        };
        let path = if field["type"] == "array" {
            format!("{path}[]")
        } else {
            path
        };
        if let Some(below) = inner["properties"].as_object() {
            rows(below, &self::required(inner), &path, text);
        }
    }
}

fn required(schema: &Value) -> Vec<&str> {
    schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn kind(field: &Value) -> String {
    let kind = field["type"].as_str().unwrap_or("any");
    match kind {
        "array" => format!(
            "list of {}",
            field["items"]["type"].as_str().unwrap_or("any")
        ),
        "object" if field.get("additionalProperties").is_some() => "map".to_owned(),
        "object" if field.get("properties").is_none() => "free-form object".to_owned(),
        _ => kind.to_owned(),
    }
}

fn default(field: &Value) -> String {
    let Some(default) = field.get("default") else {
        return String::new();
    };
    let shown = default
        .as_str()
        .map_or_else(|| default.to_string(), str::to_owned);
    let whole = default.is_object() || shown.len() > DEFAULT_MAX;
    if whole {
        "per field".to_owned()
    } else {
        format!("`{}`", cell(&shown))
    }
}

/// Choices, ranges and lengths, in words.
fn bounds(field: &Value) -> Vec<String> {
    let mut rules = Vec::new();
    if let Some(choices) = field["enum"].as_array() {
        let choices: Vec<String> = choices
            .iter()
            .filter_map(Value::as_str)
            .map(|word| format!("`{word}`"))
            .collect();
        rules.push(format!("one of {}", choices.join(", ")));
    }
    for (low, high, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " entries"),
    ] {
        match (field[low].as_f64(), field[high].as_f64()) {
            (Some(low), Some(high)) => rules.push(format!("{low} to {high}{unit}")),
            (Some(low), None) => rules.push(format!("at least {low}{unit}")),
            (None, Some(high)) => rules.push(format!("at most {high}{unit}")),
            (None, None) => {}
        }
    }
    if let Some(pattern) = field["pattern"].as_str() {
        rules.push(format!("`{pattern}`"));
    }
    rules
}

fn own_rules(schema: &Value) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten();
    rules
        .filter_map(|rule| rule["message"].as_str().map(str::to_owned))
        .collect()
}

fn sentence(schema: &Value) -> String {
    schema["description"]
        .as_str()
        .unwrap_or_default()
        .replace('\n', " ")
}

/// Text that cannot break a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
