//! What each role may do, written out and committed: a right that comes or goes is seen in review.

use shared_testkit::{Stores, TestDatabase, assert_golden};
use sqlx::PgExecutor;

/// Every right, one a line.
pub(crate) async fn rights(executor: impl PgExecutor<'_>) -> String {
    let lines: Vec<String> = sqlx::query_scalar(include_str!("rights.sql"))
        .fetch_all(executor)
        .await
        .unwrap();
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn the_committed_rights_are_those_of_the_migrations() {
    let database = TestDatabase::new(&Stores::from_env()).await;
    let found = rights(&database.admin().await).await;
    assert!(found.lines().count() > 50, "the suite looks at rights");
    let file = platform_tests::root().join("tests/integration/rights.txt");
    assert_golden(&file, &found);
}
