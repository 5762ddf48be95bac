//! The definitions: committed text is fresh, and everything in them is bounded.

use operator_core::{crds, crds_yaml};
use serde_json::Value;

use crate::fixtures::root;
use crate::golden;

#[test]
fn the_committed_definitions_are_fresh() {
    for crd in crds() {
        let name = format!("crds/{}.yaml", crd.spec.names.plural);
        let text = serde_yaml_ng::to_string(&crd).expect("YAML");
        golden::file(&root().join(name), &text);
    }
    assert_eq!(crds_yaml().expect("YAML").matches("\n---\n").count() + 1, 2);
}

#[test]
fn every_string_list_and_map_has_a_maximum() {
    let mut unbounded = Vec::new();
    for crd in crds() {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).expect("JSON");
        walk(
            &schema["openAPIV3Schema"],
            &crd.spec.names.kind,
            &mut unbounded,
        );
    }
    assert_eq!(unbounded, Vec::<String>::new());
}

fn walk(schema: &Value, path: &str, unbounded: &mut Vec<String>) {
    let bounded = match schema["type"].as_str() {
        Some("string") => schema.get("maxLength").is_some() || schema.get("enum").is_some(),
        Some("array") => schema.get("maxItems").is_some(),
        Some("integer") => schema.get("minimum").is_some(),
        Some("object") if schema.get("additionalProperties").is_some() => {
            schema.get("maxProperties").is_some()
        }
        _ => true,
    };
    if !bounded {
        unbounded.push(path.to_owned());
    }
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        walk(below, &format!("{path}.{name}"), unbounded);
    }
    for field in ["items", "additionalProperties"] {
        if let Some(below) = schema.get(field) {
            walk(below, &format!("{path}[]"), unbounded);
        }
    }
}

#[test]
fn an_optional_field_is_described_by_its_own_words() {
    for (at, kind, path, words) in [
        (1, "Plan", "/spec/properties/plan", "Pricing plan."),
        (
            0,
            "Plan",
            "/spec/properties/tenants/properties/highestPlan",
            "Highest plan of Tenants",
        ),
    ] {
        let crd = serde_json::to_value(&crds()[at]).unwrap();
        let path = path.replacen(
            "/spec",
            "/spec/versions/0/schema/openAPIV3Schema/properties/spec",
            1,
        );
        let field = crd.pointer(&path).unwrap();
        let description = field["description"].as_str().unwrap();
        assert!(description.starts_with(words), "{kind}: {description}");
        assert_eq!(field["enum"][0], "free", "{path}");
    }
}

#[test]
fn nothing_in_the_definitions_is_null_empty_or_unsigned() {
    let text = crds_yaml().expect("YAML");
    for word in ["null", "[]", "{}", "format: uint", "nullable"] {
        let found = text.lines().find(|line| {
            // This is how a subresource is asked for.
            let status = line.trim_start() == "status: {}";
            (line.ends_with(&format!(" {word}")) && !status)
                || line.trim_start().starts_with("nullable")
        });
        assert_eq!(found, None, "{word}");
    }
}
