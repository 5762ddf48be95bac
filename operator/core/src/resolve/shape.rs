//! The structural half of the schema: types, required fields, bounds and patterns.
//!
//! The API server has run it on everything that it stores. A file that was never there, as in
//! `operator plan -f`, is checked here.

use regex::Regex;
use serde_json::Value;

use super::Problem;

/// Every place where a value does not have the shape that a schema asks for.
pub(super) fn problems(schema: &Value, value: &Value, path: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    check(schema, value, path, &mut found);
    found
}

fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<Problem>) {
    let mut wrong = |what: String| {
        found.push(Problem {
            path: path.to_owned(),
            wrong: what,
            remedy: String::new(),
        });
    };
    match (schema["type"].as_str(), value) {
        (Some("string"), Value::String(text)) => {
            string(schema, text).into_iter().for_each(wrong);
        }
        (Some("integer"), Value::Number(number)) if number.is_i64() => {
            number_bounds(schema, number.as_f64().unwrap_or_default())
                .into_iter()
                .for_each(wrong);
        }
        (Some("number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) | (None, _) => {}
        (Some("array"), Value::Array(items)) => {
            length(schema, "Items", items.len(), "item")
                .into_iter()
                .for_each(&mut wrong);
            for (index, item) in items.iter().enumerate() {
                check(&schema["items"], item, &format!("{path}[{index}]"), found);
            }
        }
        (Some("object"), Value::Object(_)) => object(schema, value, path, found),
        (Some(wanted), _) => wrong(format!("must be of type {wanted}")),
    }
}

fn object(schema: &Value, value: &Value, path: &str, found: &mut Vec<Problem>) {
    let mut wrong = |below: &str, what: String| {
        found.push(Problem {
            path: below.to_owned(),
            wrong: what,
            remedy: String::new(),
        });
    };
    let fields = value.as_object().into_iter().flatten();
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    for name in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        if value.get(name).is_none() {
            wrong(&below(name), "is required".to_owned());
        }
    }
    let count = fields.clone().count();
    for what in length(schema, "Properties", count, "entry") {
        wrong(path, what);
    }
    let open = schema["x-kubernetes-preserve-unknown-fields"] == true || path == "metadata";
    for (name, field) in fields {
        // The server itself checks these three, by schemas of its own.
        let built_in =
            path.is_empty() && ["apiVersion", "kind", "metadata"].contains(&name.as_str());
        match schema["properties"]
            .get(name)
            .or_else(|| schema.get("additionalProperties"))
        {
            Some(inner) => check(inner, field, &below(name), found),
            None if open || built_in => {}
            None => found.push(Problem {
                path: below(name),
                wrong: "is an unknown field".to_owned(),
                remedy: "check its spelling and indentation".to_owned(),
            }),
        }
    }
}

fn string(schema: &Value, text: &str) -> Vec<String> {
    let mut wrong = length(schema, "Length", text.chars().count(), "character");
    let choices = schema["enum"].as_array();
    if let Some(choices) = choices.filter(|all| !all.iter().any(|choice| choice == text)) {
        let choices: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
        wrong.push(format!("must be one of {}", choices.join(", ")));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let fits = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
        if !fits {
            wrong.push(format!("should match '{pattern}'"));
        }
    }
    wrong
}

fn length(schema: &Value, what: &str, count: usize, unit: &str) -> Vec<String> {
    let bound = |which: &str| {
        let bound = schema[format!("{which}{what}")].as_u64()?;
        usize::try_from(bound).ok()
    };
    let mut wrong = Vec::new();
    if bound("min").is_some_and(|fewest| count < fewest) {
        wrong.push(format!(
            "must have at least {} {unit}(s)",
            bound("min").unwrap_or_default()
        ));
    }
    if bound("max").is_some_and(|most| count > most) {
        wrong.push(format!(
            "must have at most {} {unit}(s)",
            bound("max").unwrap_or_default()
        ));
    }
    wrong
}

fn number_bounds(schema: &Value, number: f64) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(least) = schema["minimum"].as_f64().filter(|least| number < *least) {
        wrong.push(format!("should be greater than or equal to {least}"));
    }
    if let Some(most) = schema["maximum"].as_f64().filter(|most| number > *most) {
        wrong.push(format!("should be less than or equal to {most}"));
    }
    wrong
}
