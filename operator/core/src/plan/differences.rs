//! How a live object differs from what it shall be, lists compared the way the API server merges
//! them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::object::Kind;

/// What differs.
#[derive(Debug, Default, PartialEq)]
pub struct Differences {
    /// Paths of what the object shall have and does not have.
    pub paths: Vec<String>,
    /// The live value at each of `paths`; null where there is none.
    pub values: BTreeMap<String, Value>,
    /// Paths of list elements that others added.
    pub additions: Vec<String>,
    /// A strategic merge patch that removes `additions` and `conflicts`.
    pub removal: Option<Value>,
    /// Paths of list elements that others added and that keep ours from working.
    pub conflicts: Vec<String>,
    /// A strategic merge patch that removes `conflicts` only.
    pub removal_of_conflicts: Option<Value>,
}

/// Compares `live` with `desired`, both at `path` of an object. Fields that only the live object
/// has belong to others. What `accepted` has with the same value is no difference.
pub fn between(
    kind: Kind,
    path: &str,
    desired: &Value,
    live: &Value,
    accepted: &BTreeMap<String, Value>,
) -> Differences {
    let mut comparison = Comparison {
        kind,
        accepted,
        found: Differences::default(),
    };
    let removal = comparison.value(desired, live, path);
    let mut found = comparison.found;
    found.removal = removal.all;
    found.removal_of_conflicts = removal.conflicts;
    found
}

/// Patches that remove elements below one value.
#[derive(Default)]
struct Removal {
    all: Option<Value>,
    conflicts: Option<Value>,
}

/// A patch that changes something.
fn unless_empty(patch: Value) -> Option<Value> {
    let is_empty = match &patch {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        _ => true,
    };
    (!is_empty).then_some(patch)
}

struct Comparison<'a> {
    kind: Kind,
    accepted: &'a BTreeMap<String, Value>,
    found: Differences,
}

impl Comparison<'_> {
    fn value(&mut self, desired: &Value, live: &Value, path: &str) -> Removal {
        match (desired, live) {
            (Value::Object(ours), Value::Object(theirs)) => self.object(ours, theirs, path),
            (Value::Array(ours), Value::Array(theirs)) => {
                if let Some(key) = self.key_of(path) {
                    return self.keyed(&key, ours, theirs, path);
                }
                self.atomic(ours, theirs, path);
                Removal::default()
            }
            (ours, theirs) => {
                if ours != theirs {
                    self.differs(path, theirs);
                }
                Removal::default()
            }
        }
    }

    fn object(
        &mut self,
        ours: &Map<String, Value>,
        theirs: &Map<String, Value>,
        path: &str,
    ) -> Removal {
        let (mut all, mut conflicts) = (Map::new(), Map::new());
        for (field, value) in ours {
            let below = if path.is_empty() {
                field.clone()
            } else {
                format!("{path}.{field}")
            };
            let Some(other) = theirs.get(field) else {
                self.differs(&below, &Value::Null);
                continue;
            };
            let removal = self.value(value, other, &below);
            all.extend(removal.all.map(|patch| (field.clone(), patch)));
            conflicts.extend(removal.conflicts.map(|patch| (field.clone(), patch)));
        }
        Removal {
            all: unless_empty(Value::Object(all)),
            conflicts: unless_empty(Value::Object(conflicts)),
        }
    }

    /// A list whose elements have an identity: order and further elements do not matter.
    fn keyed(&mut self, key: &ListKey, ours: &[Value], theirs: &[Value], path: &str) -> Removal {
        let (mut all, mut conflicts) = (Vec::new(), Vec::new());
        for element in ours {
            let below = format!("{path}[{}]", key.name(element));
            let Some(other) = theirs.iter().find(|other| key.same(element, other)) else {
                self.differs(&below, &Value::Null);
                continue;
            };
            let removal = self.value(element, other, &below);
            all.extend(removal.all.map(|patch| key.identified(patch, element)));
            conflicts.extend(
                removal
                    .conflicts
                    .map(|patch| key.identified(patch, element)),
            );
        }
        for element in theirs {
            if ours.iter().any(|own| key.same(own, element)) {
                continue;
            }
            let below = format!("{path}[{}]", key.name(element));
            if self.accepted.get(&below) == Some(element) {
                continue;
            }
            self.found.values.insert(below.clone(), element.clone());
            let delete = key.identified(json!({"$patch": "delete"}), element);
            if key.conflicts(ours, element) {
                conflicts.push(delete.clone());
                self.found.conflicts.push(below);
            } else {
                self.found.additions.push(below);
            }
            all.push(delete);
        }
        Removal {
            all: unless_empty(Value::Array(all)),
            conflicts: unless_empty(Value::Array(conflicts)),
        }
    }

    /// A list that is one value.
    fn atomic(&mut self, ours: &[Value], theirs: &[Value], path: &str) {
        if ours.len() != theirs.len() {
            self.differs(path, &Value::Array(theirs.to_vec()));
            return;
        }
        for (index, (own, other)) in ours.iter().zip(theirs).enumerate() {
            self.value(own, other, &format!("{path}[{index}]"));
        }
    }

    fn differs(&mut self, path: &str, live: &Value) {
        if self.accepted.get(path) == Some(live) {
            return;
        }
        self.found.paths.push(path.to_owned());
        self.found.values.insert(path.to_owned(), live.clone());
    }

    /// How the elements of the list at `path` are told apart. The API server replaces lists of
    /// custom resources as a whole.
    fn key_of(&self, path: &str) -> Option<ListKey> {
        if self.kind.optional() {
            return None;
        }
        let field = path.rsplit('.').next().unwrap_or(path);
        let key = match field {
            "containers" | "initContainers" | "env" | "volumes" | "imagePullSecrets" => {
                ListKey::of("name", None)
            }
            "volumeMounts" => ListKey::of("mountPath", None),
            "ports" if self.kind == Kind::Service => ListKey::of("port", PROTOCOL),
            "ports" if path.contains("ontainers[") => ListKey::of("containerPort", PROTOCOL),
            "topologySpreadConstraints" => {
                ListKey::of("topologyKey", Some(("whenUnsatisfiable", "")))
            }
            "hostAliases" => ListKey::of("ip", None),
            "ownerReferences" => ListKey::of("uid", None),
            _ => return None,
        };
        Some(key)
    }
}

/// The protocol of a port, and what it is where none is given.
const PROTOCOL: Option<(&str, &str)> = Some(("protocol", "TCP"));

/// The fields that identify an element of a list, as in `x-kubernetes-list-map-keys`.
struct ListKey {
    field: &'static str,
    second: Option<(&'static str, &'static str)>,
}

impl ListKey {
    const fn of(field: &'static str, second: Option<(&'static str, &'static str)>) -> Self {
        Self { field, second }
    }

    fn same(&self, one: &Value, other: &Value) -> bool {
        let second = |of: &Value| {
            let (field, default) = self.second?;
            Some(of[field].as_str().unwrap_or(default).to_owned())
        };
        one[self.field] == other[self.field] && second(one) == second(other)
    }

    /// The identity of an element in a path.
    fn name(&self, element: &Value) -> String {
        let first = &element[self.field];
        let first = first
            .as_str()
            .map_or_else(|| first.to_string(), str::to_owned);
        match self.second.and_then(|(field, default)| {
            let second = element[field].as_str()?;
            (second != default).then(|| second.to_owned())
        }) {
            Some(second) => format!("{first}/{second}"),
            None => first,
        }
    }

    /// A patch of an element, with what identifies it.
    fn identified(&self, mut patch: Value, element: &Value) -> Value {
        patch[self.field] = element[self.field].clone();
        if let Some((field, _)) = self.second
            && let Some(second) = element.get(field)
        {
            patch[field] = second.clone();
        }
        patch
    }

    /// Whether an element that others added stands in the way of ours: a port of a Service with
    /// the name of ours is refused, and a container with the image of ours, as it is left after
    /// it was renamed, would take its port.
    fn conflicts(&self, ours: &[Value], element: &Value) -> bool {
        let shares = |field: &str| {
            let value = &element[field];
            !value.is_null() && ours.iter().any(|own| own[field] == *value)
        };
        match self.field {
            "port" => shares("name"),
            "name" => element.get("image").is_some() && shares("image"),
            _ => false,
        }
    }
}
