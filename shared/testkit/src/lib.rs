//! Real stores for tests: a database, a Redis prefix, a collection for each test.
