//! What an account has a quota of is one list, `shared_models::Quota`. The operator does not
//! compile that crate, and has its own types: they name the same.

use std::collections::BTreeSet;

use operator_core::api::tenant::{Limits, Usage};
use operator_core::api::tenants;
use operator_core::tenant::wire;
use serde::Serialize;
use serde_json::Value;
use shared_models::Quota;

/// The names of the fields as the list has them.
fn names(fields: &impl Serialize) -> BTreeSet<String> {
    let Value::Object(fields) = serde_json::to_value(fields).unwrap() else {
        panic!("an object")
    };
    fields
        .into_iter()
        .map(|(name, _)| in_the_list(&name))
        .collect()
}

/// `messagesPerMonth` is `messages_per_month`. Two fields say what they count in another way.
fn in_the_list(name: &str) -> String {
    let mut words = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(letter.to_ascii_lowercase());
    }
    match words.as_str() {
        "messages_this_month" => Quota::MessagesPerMonth.as_str().to_owned(),
        "storage" => Quota::StorageBytes.as_str().to_owned(),
        _ => words,
    }
}

#[test]
fn the_operator_and_auth_have_quotas_of_the_same() {
    let quotas: BTreeSet<String> = Quota::ALL.map(|quota| quota.as_str().to_owned()).into();
    let wire = wire::Quotas {
        documents: Some(1),
        channels: Some(1),
        members: Some(1),
        messages_per_month: Some(1),
        storage_bytes: Some(1),
    };
    let limits = Limits {
        documents: Some(1),
        messages_per_month: Some(1),
        storage_bytes: Some(1),
        channels: Some(1),
        members: Some(1),
    };
    let usage = Usage {
        documents: 1,
        messages_this_month: 1,
        storage_bytes: 1,
        channels: Some(1),
        members: Some(1),
    };
    let spec = tenants::Quotas {
        documents: Some(1),
        channels: Some(1),
        members: Some(1),
        messages_per_month: Some(1),
        storage: Some("1Mi".into()),
    };
    assert_eq!(names(&wire), quotas, "what the operator tells auth");
    assert_eq!(names(&limits), quotas, "the limits in a status");
    assert_eq!(names(&usage), quotas, "the usage in a status");
    assert_eq!(names(&spec), quotas, "the plans and quotas of a spec");
}
