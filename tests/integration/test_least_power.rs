//! What a service's database role reaches in the tables that all services share: its own part.

use shared_config::Service;
use shared_testkit::{Stores, TestDatabase};
use sqlx::{AssertSqlSafe, PgPool, Row as _};
use uuid::Uuid;

const NOT_ALLOWED: &str = "42501";

/// A database in which an account has a due job in each queue, and a stored response of each
/// service.
struct Shared {
    database: TestDatabase,
    admin: PgPool,
    account: Uuid,
}

impl Shared {
    async fn new() -> Self {
        let database = TestDatabase::new(&Stores::from_env()).await;
        let admin = database.admin().await;
        let account = Uuid::now_v7();
        for service in Service::ALL {
            let fill = format!(
                "insert into platform.jobs (creator_id, id, queue, kind, subject_id)
                 values ('{account}', gen_random_uuid(), '{}', 'export', gen_random_uuid());
                 insert into platform.idempotency_keys
                   (creator_id, route, key, request_hash, status, body, service)
                 values ('{account}', '{}/v1/things', 'k', sha256('x'), 201, '{{}}', '{}')",
                service.name(),
                service.prefix(),
                service.database_role(),
            );
            execute(&admin, &fill).await;
        }
        Self {
            database,
            admin,
            account,
        }
    }

    /// Runs a statement as a service for the account, and commits it: the number of rows, or the
    /// code of the refusal.
    async fn run(&self, service: Service, statement: &str) -> Result<u64, String> {
        let db = self.database.as_service(service);
        let mut tx = db.tenant(self.account.into()).await.unwrap();
        let statement = AssertSqlSafe(statement.to_owned());
        let done = sqlx::raw_sql(statement).execute(tx.conn()).await;
        let rows = done.map_err(|error| {
            let fault = error.as_database_error().unwrap();
            fault.code().unwrap().into_owned()
        })?;
        tx.commit().await.unwrap();
        Ok(rows.rows_affected())
    }

    /// The jobs that are untouched, by queue.
    async fn untouched(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select queue from platform.jobs where state = 'queued' and lease_until is null
               and run_at <= now() and attempts = 0 order by queue",
        )
        .fetch_all(&self.admin)
        .await
        .unwrap()
    }
}

async fn execute(admin: &PgPool, statement: &str) {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(admin).await.unwrap();
}

/// Queues that a service may put jobs into.
fn reaches(service: Service, queue: Service) -> bool {
    service == queue || (service, queue) == (Service::CreatorHub, Service::AiEngine)
}

fn claims(queue: Service, lease: &str) -> [String; 3] {
    let queue = queue.name();
    [
        format!("select * from platform.claim_job('{queue}', '{lease}', gen_random_uuid())"),
        format!("select * from platform.claim_next_job('{queue}', '{lease}', gen_random_uuid())"),
        format!(
            "select * from platform.claim_job_of_kinds('{queue}', array['export'], '{lease}',
               gen_random_uuid())"
        ),
    ]
}

#[tokio::test]
async fn a_service_claims_jobs_of_its_own_queue_only() {
    let shared = Shared::new().await;
    let all = shared.untouched().await;
    assert_eq!(all.len(), 4);
    for service in Service::ALL {
        for queue in Service::ALL.into_iter().filter(|queue| *queue != service) {
            for claim in claims(queue, "30 seconds") {
                let found = shared.run(service, &claim).await;
                let refused = found == Ok(0) || found == Err(NOT_ALLOWED.to_owned());
                assert!(refused, "{service:?}: {claim}: {found:?}");
                assert_eq!(shared.untouched().await, all, "{service:?}: {claim}");
            }
        }
        for claim in claims(service, "100 years") {
            let found = shared.run(service, &claim).await;
            assert_eq!(found, Err(NOT_ALLOWED.to_owned()), "{service:?}: {claim}");
        }
        for claim in claims(service, "30 seconds") {
            assert_eq!(shared.run(service, &claim).await, Ok(1), "{claim}");
            execute(
                &shared.admin,
                "update platform.jobs set state = 'queued', lease_until = null, attempts = 0",
            )
            .await;
        }
    }
}

#[tokio::test]
async fn a_service_sees_and_changes_jobs_of_its_own_queues_only() {
    let shared = Shared::new().await;
    let all = shared.untouched().await;
    for service in Service::ALL {
        for queue in Service::ALL {
            let name = queue.name();
            let of_queue = format!("where queue = '{name}'");
            let seen = shared
                .run(service, &format!("select * from platform.jobs {of_queue}"))
                .await;
            // auth copies for an account what all services share.
            let may_see = service == Service::Auth || reaches(service, queue);
            assert_eq!(seen, Ok(u64::from(may_see)), "{service:?} sees {queue:?}");
            let changes = u64::from(reaches(service, queue));
            for change in [
                "run_at = now()",
                "cancel_requested = false",
                "state = 'queued'",
            ] {
                let statement = format!("update platform.jobs set {change} {of_queue}");
                let found = shared.run(service, &statement).await;
                assert_eq!(found, Ok(changes), "{service:?}: {statement}");
            }
            let lease = format!(
                "update platform.jobs set lease_until = now() + interval '1 hour',
                   lease_token = gen_random_uuid() {of_queue}"
            );
            let found = shared.run(service, &lease).await;
            assert!(
                matches!(&found, Ok(0)) || found == Err(NOT_ALLOWED.to_owned()),
                "{service:?}: {lease}: {found:?}"
            );
            let insert = format!(
                "insert into platform.jobs (creator_id, id, queue, kind, subject_id, state,
                   lease_until, lease_token)
                 values ('{}', gen_random_uuid(), '{name}', 'export', gen_random_uuid(), 'running',
                   now() + interval '1 minute', gen_random_uuid())",
                shared.account
            );
            let found = shared.run(service, &insert).await;
            let expected = if service == queue {
                Ok(1)
            } else {
                Err(NOT_ALLOWED.to_owned())
            };
            assert_eq!(found, expected, "{service:?}: {insert}");
            execute(
                &shared.admin,
                "delete from platform.jobs where attempts = 0
              and state = 'running'",
            )
            .await;
        }
        assert_eq!(shared.untouched().await, all, "{service:?}");
    }
}

#[tokio::test]
async fn a_service_sees_and_deletes_its_own_stored_responses_only() {
    let shared = Shared::new().await;
    for service in Service::ALL {
        let role = service.database_role();
        let table = "platform.idempotency_keys";
        let seen = shared.run(service, &format!("select * from {table}")).await;
        assert_eq!(seen, Ok(1), "{service:?}");
        let deleted = shared.run(service, &format!("delete from {table}")).await;
        assert_eq!(deleted, Ok(1), "{service:?}");
        for other in Service::ALL {
            let insert = format!(
                "insert into {table} (creator_id, route, key, request_hash, status, body, service)
                 values ('{}', '/x', '{role}', sha256('x'), 201, '{{}}', '{}')",
                shared.account,
                other.database_role(),
            );
            let expected = if other == service {
                Ok(1)
            } else {
                Err(NOT_ALLOWED.to_owned())
            };
            assert_eq!(shared.run(service, &insert).await, expected, "{insert}");
        }
        // What is there by now: those of the services before, and of this one.
        let mine = format!("select * from {table} where service = '{role}' and key = '{role}'");
        assert_eq!(shared.run(service, &mine).await, Ok(1), "{service:?}");
    }
    // Rows from before the column are known by their route.
    execute(
        &shared.admin,
        "delete from platform.idempotency_keys;
         insert into platform.idempotency_keys
           (creator_id, route, key, request_hash, status, body, service)
         select creator_id, '/channels/v1/channels', 'k', sha256('x'), 201, '{}', 'before_0053'
         from platform.jobs limit 1",
    )
    .await;
    for service in Service::ALL {
        let seen = "select * from platform.idempotency_keys";
        let expected = u64::from(service == Service::Channel);
        assert_eq!(shared.run(service, seen).await, Ok(expected), "{service:?}");
    }
}

#[tokio::test]
async fn a_service_leases_scheduled_work_for_minutes_at_most() {
    let shared = Shared::new().await;
    let register = "select platform.register_schedules(array['w'], array[interval '1 minute'])";
    let claim = |lease: &str| {
        format!("select * from platform.claim_schedule(array['w'], '{lease}', gen_random_uuid())")
    };
    for service in Service::ALL {
        shared.run(service, register).await.unwrap();
        let long = shared.run(service, &claim("100 years")).await;
        assert_eq!(long, Err(NOT_ALLOWED.to_owned()), "{service:?}");
        assert_eq!(shared.run(service, &claim("1 minute")).await, Ok(1));
    }
    let leased = "select count(*) from platform.schedules where lease_until is not null";
    let row = sqlx::query(leased).fetch_one(&shared.admin).await.unwrap();
    assert_eq!(row.get::<i64, _>(0), 4);
}
