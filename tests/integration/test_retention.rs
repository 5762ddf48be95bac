//! Every table of the schema has a retention, and every retention its clean-up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use shared_config::{Retention, Service};
use shared_jobs::retention::{After, By, Kept, Owner, Rule, TABLES, Table};
use shared_testkit::{Stores, TestDatabase, assert_golden};
use sqlx::PgPool;

fn rules() -> impl Iterator<Item = (&'static Table, &'static Rule)> {
    TABLES.iter().flat_map(|table| {
        let rules: &[Rule] = match table.kept {
            Kept::Deleted(rules) => rules,
            Kept::With(_) | Kept::Bounded(_) | Kept::Content(_) => &[],
        };
        rules.iter().map(move |rule| (table, rule))
    })
}

const SCHEMA: &str = "select c.oid::regclass::text from pg_class c
    where c.relkind in ('r', 'p')
      and c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' order by 1";

/// Tables without an entry, and entries without a table.
async fn unmatched(admin: &PgPool) -> Vec<String> {
    let real: Vec<String> = sqlx::query_scalar(SCHEMA).fetch_all(admin).await.unwrap();
    let real: BTreeSet<&str> = real.iter().map(String::as_str).collect();
    let declared: BTreeSet<&str> = TABLES.iter().map(|table| table.name).collect();
    assert_eq!(declared.len(), TABLES.len(), "one entry for each table");
    let differ = real.symmetric_difference(&declared);
    differ.map(|name| (*name).to_owned()).collect()
}

#[tokio::test]
async fn every_table_has_a_retention() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let admin = database.admin().await;
    let wrong = unmatched(&admin).await;
    let hint = "add the table to shared/jobs/src/retention/tables.rs";
    assert_eq!(wrong, Vec::<String>::new(), "{hint}");
    let add = sqlx::query("create table hub.forgotten (creator_id uuid)");
    add.execute(&admin).await.unwrap();
    assert_eq!(unmatched(&admin).await, ["hub.forgotten"]);
}

#[tokio::test]
async fn every_retention_has_its_clean_up() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let admin = database.admin().await;
    let real: Vec<(String, String, Option<String>)> =
        sqlx::query_as("select name, target, queue from platform.retention_rules")
            .fetch_all(&admin)
            .await
            .unwrap();
    let real: BTreeMap<String, (String, Option<String>)> = real
        .into_iter()
        .map(|(name, target, queue)| (name, (target, queue)))
        .collect();
    let mut declared = BTreeMap::new();
    for (table, rule) in rules() {
        let queue = match table.owner {
            Owner::Service(service) => Some(service.name().to_owned()),
            Owner::EachService | Owner::Migrations => None,
        };
        match rule.by {
            By::Rule(name) => {
                declared.insert(name.to_owned(), (table.name.to_owned(), queue));
            }
            By::Function(name) => {
                let exists = "select to_regprocedure($1 || '(interval, integer)') is not null";
                let exists = sqlx::query_scalar::<_, bool>(exists).bind(name);
                assert!(exists.fetch_one(&admin).await.unwrap(), "{name}");
            }
        }
    }
    assert_eq!(
        real, declared,
        "migrations and shared/jobs/src/retention/tables.rs"
    );
}

#[tokio::test]
async fn rows_that_go_with_another_table_have_its_foreign_key() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let admin = database.admin().await;
    for table in TABLES {
        let Kept::With(parent) = table.kept else {
            continue;
        };
        let cascades = "select exists (select from pg_constraint
            where contype = 'f' and confdeltype = 'c'
              and conrelid = $1::regclass and confrelid = $2::regclass)";
        let query = sqlx::query_scalar::<_, bool>(cascades).bind(table.name);
        let cascades = query.bind(parent).fetch_one(&admin).await.unwrap();
        assert!(cascades, "{} goes with {parent}", table.name);
    }
}

#[test]
fn every_setting_is_read_by_the_owner_of_what_it_is_about() {
    let mut used = BTreeSet::new();
    for (table, rule) in rules() {
        let After::Setting(setting) = rule.after else {
            continue;
        };
        used.insert(setting.field());
        let owners: Vec<Service> = match table.owner {
            Owner::Service(service) => vec![service],
            Owner::EachService | Owner::Migrations => Service::ALL.to_vec(),
        };
        for owner in owners {
            assert!(setting.concerns(owner), "{setting:?} of {}", table.name);
        }
    }
    let all: BTreeSet<_> = Retention::ALL
        .iter()
        .map(|setting| setting.field())
        .collect();
    assert_eq!(used, all);
}

/// `docs/retention.md`.
fn page() -> String {
    let mut page = String::from(include_str!("retention_intro.txt"));
    for setting in Retention::ALL {
        let (days, field) = (setting.days(), setting.field());
        let default = days
            .default
            .map_or_else(|| "kept".to_owned(), |days| days.to_string());
        let what: Vec<&str> = rules()
            .filter(|(_, rule)| rule.after == After::Setting(setting))
            .map(|(_, rule)| rule.rows)
            .collect();
        let (what, min, max) = (what.join("; "), days.min, days.max);
        writeln!(page, "| `{field}` | {default} | {min} to {max} | {what} |").unwrap();
    }
    page.push_str("\n## Tables\n\n| table | cleaned up by | what becomes of its rows |\n");
    page.push_str("| --- | --- | --- |\n");
    for table in TABLES {
        let owner = match table.owner {
            Owner::Service(service) => service.name(),
            Owner::EachService => "each service",
            Owner::Migrations => "migrations",
        };
        let kept = match table.kept {
            Kept::Deleted(rules) => rules.iter().map(sentence).collect::<Vec<_>>().join("; "),
            Kept::With(parent) => format!("go with those of `{parent}`"),
            Kept::Bounded(why) => format!("few: {why}"),
            Kept::Content(why) => format!("kept: {why}"),
        };
        writeln!(page, "| `{}` | {owner} | {kept} |", table.name).unwrap();
    }
    page
}

fn sentence(rule: &Rule) -> String {
    let when = match rule.after {
        After::Hours(hours) if hours % 24 == 0 && hours > 24 => format!("{} days", hours / 24),
        After::Hours(hours) => format!("{hours} hours"),
        After::Setting(setting) => format!("`{}`", setting.field()),
    };
    format!("{}: deleted after {when}", rule.rows)
}

#[test]
fn the_committed_page_of_retention_is_that_of_the_declaration() {
    assert_golden(&platform_tests::root().join("docs/retention.md"), &page());
}
