//! Looks for words in everything that the stores hold.

use std::fs;
use std::path::Path;

use redis::AsyncCommands as _;
use reqwest::Client;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool, Row as _};

/// Every table, and how many of its rows hold one of the words in whatever column, as text or as
/// bytes.
pub(crate) async fn in_postgres(admin: &PgPool, words: &[&str]) -> Vec<String> {
    let tables = sqlx::query(
        "select format('%I.%I', table_schema, table_name) from information_schema.tables
         where table_type = 'BASE TABLE'
           and table_schema not in ('pg_catalog', 'information_schema') order by 1",
    )
    .fetch_all(admin)
    .await
    .unwrap();
    assert!(tables.len() > 20, "the search looks at the tables");
    let patterns: Vec<String> = words
        .iter()
        .flat_map(|word| {
            let bytes: Vec<_> = word.bytes().map(|byte| format!("{byte:02x}")).collect();
            [format!("%{word}%"), format!("%{}%", bytes.concat())]
        })
        .collect();
    let mut found = Vec::new();
    for table in tables {
        let name: String = table.get(0);
        let sql = format!("select count(*) from {name} t where t::text ilike any ($1)");
        let row = sqlx::query(AssertSqlSafe(sql)).bind(&patterns);
        let count: i64 = row.fetch_one(admin).await.unwrap().get(0);
        if count > 0 {
            found.push(format!("{name}: {count}"));
        }
    }
    found
}

/// Every key of Redis that holds one of the words in its name or value.
pub(crate) async fn in_redis(address: &(String, u16), words: &[&str]) -> Vec<String> {
    let client = redis::Client::open(format!("redis://{}:{}", address.0, address.1)).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis.keys("*").await.unwrap();
    let mut found = Vec::new();
    for key in keys {
        let kind: String = redis::cmd("TYPE")
            .arg(&key)
            .query_async(&mut redis)
            .await
            .unwrap();
        // It may have ended in between; other kinds than text are not in use.
        assert!(
            matches!(kind.as_str(), "string" | "none"),
            "{key} is a {kind}"
        );
        let value: Option<Vec<u8>> = redis.get(&key).await.unwrap();
        let value = String::from_utf8_lossy(&value.unwrap_or_default()).into_owned();
        if words
            .iter()
            .any(|word| key.contains(word) || value.contains(word))
        {
            found.push(key);
        }
    }
    found
}

/// Every record of Chroma that holds one of the words in its id, metadata or text.
pub(crate) async fn in_chroma(http: &Client, base: &str, words: &[&str]) -> Vec<String> {
    let all =
        format!("{base}/api/v2/tenants/default_tenant/databases/default_database/collections");
    let collections: Value = http.get(&all).send().await.unwrap().json().await.unwrap();
    let mut found = Vec::new();
    for collection in collections.as_array().unwrap() {
        let url = format!("{all}/{}/get", collection["id"].as_str().unwrap());
        let body = json!({"include": ["metadatas", "documents"]});
        let records = http.post(url).json(&body).send().await.unwrap();
        let records: Value = records.json().await.unwrap();
        let ids = records["ids"].as_array().cloned().unwrap_or_default();
        for (at, id) in ids.iter().enumerate() {
            let about = [id, &records["metadatas"][at], &records["documents"][at]];
            let text = about.map(Value::to_string).join(" ");
            if words.iter().any(|word| text.contains(word)) {
                found.push(id.to_string());
            }
        }
    }
    found
}

/// Every file below a folder that holds one of the words in its path or content.
pub(crate) fn in_files(folder: &Path, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.display().to_string();
        if path.is_dir() {
            found.extend(in_files(&path, words));
        } else {
            let content = fs::read(&path).unwrap_or_default();
            let content = String::from_utf8_lossy(&content);
            if words.iter().any(|word| content.contains(word)) {
                found.push(name.clone());
            }
        }
        if words.iter().any(|word| name.contains(word)) {
            found.push(name);
        }
    }
    found
}
