//! PostgreSQL: the tenant transaction is the only road to tenant tables.
