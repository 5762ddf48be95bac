//! utoipa copies the schema of a generic argument into each place that uses it, so that `Session`
//! stands both inside `Page_Session` and beside it. A generated client would get two classes.

use std::collections::BTreeMap;

use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Components, Ref};
use utoipa::openapi::{RefOr, Schema};

type Schemas = BTreeMap<String, RefOr<Schema>>;

/// Replaces each copy of a named object schema, inside the other schemas, by a reference to it.
pub(super) fn replace_copies(components: &mut Components) {
    let named = components.schemas.clone();
    for schema in components.schemas.values_mut() {
        if let RefOr::T(schema) = schema {
            replace_inside(schema, &named);
        }
    }
}

fn replace_inside(schema: &mut Schema, named: &Schemas) {
    match schema {
        Schema::Object(object) => {
            for property in object.properties.values_mut() {
                replace(property, named);
            }
            if let Some(AdditionalProperties::RefOr(values)) =
                object.additional_properties.as_deref_mut()
            {
                replace(values, named);
            }
        }
        Schema::Array(array) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                replace(items, named);
            }
        }
        Schema::OneOf(one) => one.items.iter_mut().for_each(|item| replace(item, named)),
        Schema::AllOf(all) => all.items.iter_mut().for_each(|item| replace(item, named)),
        Schema::AnyOf(any) => any.items.iter_mut().for_each(|item| replace(item, named)),
        _ => {}
    }
}

fn replace(place: &mut RefOr<Schema>, named: &Schemas) {
    let RefOr::T(schema) = place else { return };
    // Two kinds of short text may look the same without meaning the same; objects do not.
    let is_object = matches!(schema, Schema::Object(object) if !object.properties.is_empty());
    let copied = named.iter().find(|(_, other)| *other == place);
    match copied {
        Some((name, _)) if is_object => *place = Ref::from_schema_name(name).into(),
        _ => {
            if let RefOr::T(schema) = place {
                replace_inside(schema, named);
            }
        }
    }
}
