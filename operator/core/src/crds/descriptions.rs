//! The descriptions of optional fields whose type is an enum.
//!
//! kube moves the values of such an enum into the field, and its description with them, which then
//! stands in the place of the field's own. The words of the field are taken from the schema as
//! schemars writes it, before kube changes it.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

/// The schema of a type as schemars writes it, with what it refers to.
pub(super) fn schema<T: JsonSchema>() -> Value {
    SchemaGenerator::default()
        .into_root_schema_for::<T>()
        .to_value()
}

/// Gives each field of `shown` its own description, where `written` has one.
pub(super) fn restore(shown: &mut Value, written: &Value) {
    restore_below(shown, written, written);
}

fn restore_below(shown: &mut Value, field: &Value, root: &Value) {
    if let (Some(own), Some(shown)) = (field.get("description"), shown.as_object_mut())
        && shown.contains_key("description")
    {
        shown.insert("description".to_owned(), own.clone());
    }
    for schema in parts(field, root) {
        if let (Some(fields), Some(shown)) = (
            schema.get("properties").and_then(Value::as_object),
            shown.get_mut("properties").and_then(Value::as_object_mut),
        ) {
            for (name, field) in fields {
                if let Some(shown) = shown.get_mut(name) {
                    restore_below(shown, field, root);
                }
            }
        }
        for key in ["items", "additionalProperties"] {
            if let (Some(field), Some(shown)) = (schema.get(key), shown.get_mut(key)) {
                restore_below(shown, field, root);
            }
        }
    }
}

/// The schemas that a field consists of: its own, the one that it refers to, and those of which it
/// is one, such as a type and null.
fn parts<'a>(field: &'a Value, root: &'a Value) -> Vec<&'a Value> {
    let mut parts = vec![field];
    let reference = field.get("$ref").and_then(Value::as_str);
    let target = reference.and_then(|reference| reference.strip_prefix('#'));
    if let Some(target) = target.and_then(|path| root.pointer(path)) {
        parts.extend(self::parts(target, root));
    }
    for key in ["anyOf", "allOf"] {
        let options = field.get(key).and_then(Value::as_array);
        for option in options.into_iter().flatten() {
            parts.extend(self::parts(option, root));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_has_its_own_words_and_its_type_keeps_them_where_it_has_none() {
        let written = json!({
            "properties": {
                "plan": {"description": "Plan of it.", "anyOf": [{"$ref": "#/$defs/Plan"},
                    {"type": "null"}]},
                "other": {"anyOf": [{"$ref": "#/$defs/Plan"}, {"type": "null"}]},
                "list": {"description": "All.", "items": {"$ref": "#/$defs/Item"}},
            },
            "$defs": {
                "Plan": {"description": "A plan.", "enum": ["free"]},
                "Item": {"description": "An item.",
                    "properties": {"plan": {"description": "Of the item.",
                        "anyOf": [{"$ref": "#/$defs/Plan"}]}}},
            },
        });
        let plan = json!({"description": "A plan.", "enum": ["free"]});
        let mut shown = json!({"properties": {
            "plan": plan, "other": plan,
            "list": {"description": "All.", "items": {"description": "An item.",
                "properties": {"plan": plan}}},
        }});
        restore(&mut shown, &written);
        let at = |path: &str| shown.pointer(path).unwrap().as_str().unwrap().to_owned();
        assert_eq!(at("/properties/plan/description"), "Plan of it.");
        assert_eq!(at("/properties/other/description"), "A plan.");
        assert_eq!(at("/properties/list/items/description"), "An item.");
        let within = "/properties/list/items/properties/plan/description";
        assert_eq!(at(within), "Of the item.");
    }
}
