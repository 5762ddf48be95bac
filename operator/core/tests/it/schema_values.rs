//! Specs from the schema of the custom resource: every field that it has, also those to come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex};

use operator_core::api::CreatorPlatform;
use operator_core::resolve::admission;
use operator_core::{Observed, crds, resolve};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use regex::Regex;
use serde_json::{Map, Value, json};

/// Texts of many kinds; of a field those are used that its pattern admits.
const TEXTS: [&str; 36] = [
    "demo-1",
    "name-2",
    "a",
    "SOME_NAME",
    "OTHER",
    "work_mem",
    "demo.example.org",
    "shop.example.org",
    "10.0.0.7",
    "10.0.0.0/8",
    "192.168.0.0/16",
    "fd00::/8",
    "30s",
    "5m",
    "15m",
    "1h",
    "20d",
    "90d",
    "1",
    "100m",
    "2Gi",
    "12Gi",
    "20Gi",
    "512Mi",
    "@daily",
    "0 3 * * *",
    "https://a.example.org",
    "http://b.example.org:8080",
    "https://c.example.org/path",
    "registry.example.org/thing:1",
    "registry.example.org/thing:2",
    "example.org/key",
    "0.1.1",
    "0.1.2",
    "0.1.3",
    "a text, with a comma",
];

/// A field of the spec, or a section of it.
pub(crate) struct Field {
    path: Vec<String>,
    schema: Value,
}

/// Every field that can be set by itself.
pub(crate) static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let crd = crds().into_iter().next().expect("the platform's");
    let schema = serde_json::to_value(&crd.spec.versions[0].schema).expect("JSON");
    let spec = &schema["openAPIV3Schema"]["properties"]["spec"];
    let mut fields = Vec::new();
    collect(spec, &mut Vec::new(), &mut fields);
    fields
});

fn collect(schema: &Value, path: &mut Vec<String>, fields: &mut Vec<Field>) {
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        path.push(name.clone());
        fields.push(Field {
            path: path.clone(),
            schema: below.clone(),
        });
        collect(below, path, fields);
        path.pop();
    }
}

/// The same seed is the same sequence.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 16).expect("64 bits") % limit.max(1)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A value of that schema, by its types, bounds and patterns; rules across fields may refuse it.
fn generate(schema: &Value, random: &mut Random) -> Value {
    if schema["x-kubernetes-preserve-unknown-fields"] == true {
        return pod_template(random);
    }
    if let Some(choices) = schema["enum"].as_array() {
        return random.pick(choices).clone();
    }
    match schema["type"].as_str() {
        Some("boolean") => json!(random.below(2) == 1),
        Some("integer") => number(schema, random),
        Some("string") => json!(text(schema, random)),
        Some("array") => list(schema, random),
        Some("object") => object(schema, random),
        other => panic!("no generator for {other:?}: {schema}"),
    }
}

fn number(schema: &Value, random: &mut Random) -> Value {
    let bound = |name: &str, otherwise: i64| {
        #[expect(clippy::cast_possible_truncation, reason = "bounds are whole numbers")]
        schema[name]
            .as_f64()
            .map_or(otherwise, |bound| bound as i64)
    };
    let (least, most) = (bound("minimum", 0), bound("maximum", 1000));
    let near = i64::try_from(random.below(8)).expect("small");
    let number = match random.below(6) {
        0 => most,
        1 => schema["default"].as_i64().unwrap_or(least),
        _ => least + near,
    };
    json!(number.min(most))
}

fn text(schema: &Value, random: &mut Random) -> String {
    let pattern = schema["pattern"].as_str().unwrap_or("");
    let bound = |name: &str, otherwise: usize| {
        let bound = schema[name].as_u64();
        bound.map_or(otherwise, |bound| usize::try_from(bound).expect("small"))
    };
    let fits = |text: &str| {
        let count = text.chars().count();
        bound("minLength", 0) <= count && count <= bound("maxLength", 4096)
    };
    if random.below(8) > 0 {
        let known = known_texts(pattern);
        let known: Vec<&str> = known.into_iter().filter(|text| fits(text)).collect();
        if !known.is_empty() {
            return (*random.pick(&known)).to_owned();
        }
    }
    if pattern.is_empty() {
        return "text".to_owned();
    }
    let mut seed = [0; 32];
    for byte in &mut seed {
        *byte = u8::try_from(random.below(256)).expect("a byte");
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    // It makes whole texts anyway, and takes no anchors.
    let bare = pattern.trim_start_matches('^').trim_end_matches('$');
    let strategy = proptest::string::string_regex(bare).expect("a pattern");
    let mut made = (0..20).map(|_| strategy.new_tree(&mut runner).expect("a text").current());
    made.find(|text| fits(text)).unwrap_or_default()
}

fn known_texts(pattern: &str) -> Vec<&'static str> {
    static KNOWN: Mutex<BTreeMap<String, Vec<&'static str>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("no panic");
    let fitting = known.entry(pattern.to_owned()).or_insert_with(|| {
        let pattern = Regex::new(pattern).expect("a pattern");
        TEXTS
            .into_iter()
            .filter(|text| pattern.is_match(text))
            .collect()
    });
    fitting.clone()
}

fn list(schema: &Value, random: &mut Random) -> Value {
    let bound = |name: &str, otherwise: u64| schema[name].as_u64().unwrap_or(otherwise);
    let least = usize::try_from(bound("minItems", 0)).expect("small");
    let most = usize::try_from(bound("maxItems", 3).min(3)).expect("small");
    let count = least + random.below(most.saturating_sub(least) + 1);
    let keys = schema["x-kubernetes-list-map-keys"].as_array();
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for _ in 0..count {
        let item = generate(&schema["items"], random);
        let key = keys.map_or_else(
            || item.to_string(),
            |keys| {
                let values = keys.iter().filter_map(Value::as_str);
                values.map(|key| item[key].to_string()).collect()
            },
        );
        if seen.insert(key) {
            items.push(item);
        }
    }
    Value::Array(items)
}

fn object(schema: &Value, random: &mut Random) -> Value {
    let mut fields = Map::new();
    let required = schema["required"].as_array();
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        let is_required =
            required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)));
        if is_required || random.below(4) == 0 {
            fields.insert(name.clone(), generate(below, random));
        }
    }
    if schema["additionalProperties"].is_object() {
        for _ in 0..random.below(3) {
            let key = *random.pick(&["work_mem", "example.org/a", "b", "C", "max_connections"]);
            fields.insert(
                key.to_owned(),
                generate(&schema["additionalProperties"], random),
            );
        }
    }
    Value::Object(fields)
}

/// What people put into overrides; the server writes some of it in another way.
fn pod_template(random: &mut Random) -> Value {
    let overrides = [
        json!({}),
        json!({"metadata": {"annotations": {"example.org/note": "one"}}}),
        json!({"metadata": {"labels": {"team": "shop"}}}),
        json!({"spec": {"nodeSelector": {"disk": "ssd"}}}),
        json!({"spec": {"tolerations": []}}),
        json!({"spec": {"tolerations": [{"key": "spot", "operator": "Exists"}]}}),
        json!({"spec": {"hostNetwork": false, "priorityClassName": "high"}}),
        json!({"spec": {"terminationGracePeriodSeconds": 45}}),
        json!({"spec": {"volumes": [{"name": "extra", "emptyDir": {"sizeLimit": "1024Mi"}}]}}),
        json!({"spec": {"containers": [{"name": "proxy", "image": "mesh/proxy:2"}]}}),
    ];
    random.pick(&overrides).clone()
}

/// Sets a field to a value of its schema, or removes it; answers the platform if the API server
/// would admit the change and the operator accepts it.
pub(crate) fn edited(
    platform: &CreatorPlatform,
    field: usize,
    seed: Option<u64>,
) -> Option<CreatorPlatform> {
    let field = &FIELDS[field % FIELDS.len()];
    let old = serde_json::to_value(platform).expect("JSON");
    let mut new = old.clone();
    let (name, above) = field.path.split_last()?;
    let mut place = &mut new["spec"];
    for part in above {
        place = &mut place[part];
        if place.is_null() {
            *place = json!({});
        }
    }
    let place = place.as_object_mut()?;
    match seed {
        Some(seed) => {
            let value = generate(&field.schema, &mut Random::new(seed));
            place.insert(name.clone(), value);
        }
        None => drop(place.remove(name)),
    }
    // The server fills in defaults before it runs the rules.
    let changed: CreatorPlatform = serde_json::from_value(new).ok()?;
    let new = serde_json::to_value(&changed).expect("JSON");
    let admitted = new != old && admission("CreatorPlatform", &new, Some(&old)).is_empty();
    (admitted && resolve(&changed, &Observed::default()).is_ok()).then_some(changed)
}
