//! Every single write for a Tenant, to Kubernetes or to auth, fails once, in three ways; the end
//! is the same, and then nothing is written any more.

use operator::context::Pace;
use operator_core::api::tenant::Tenant;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep, timeout};

use crate::tenants::{Tenants, is_ready, ready};
use crate::wire::Fault;
use crate::world::{Operator, PATIENCE};

/// Looks come often, so that what a fault left behind shows.
const PACE: Pace = Pace {
    tenant: Duration::from_millis(600),
    census: Duration::from_millis(100),
    counts: Duration::from_millis(200),
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn an_install_survives_a_fault_at_every_write() {
    matrix(&Scenario {
        name: "install",
        prepared: false,
        act: |_| None,
        over: is_ready,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_change_survives_a_fault_at_every_write() {
    matrix(&Scenario {
        name: "change",
        prepared: true,
        act: |_| {
            let quotas = json!({"documents": 7, "storage": "1Gi"});
            Some(json!({"displayName": "Ada", "plan": "free", "quotas": quotas}))
        },
        over: is_ready,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_suspension_survives_a_fault_at_every_write() {
    matrix(&Scenario {
        name: "suspend",
        prepared: true,
        act: |_| Some(json!({"suspend": true})),
        over: is_ready,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Kubernetes API: make test"]
async fn a_deletion_survives_a_fault_at_every_write() {
    matrix(&Scenario {
        name: "delete",
        prepared: true,
        act: |_| None,
        over: |_| false,
    })
    .await;
}

/// What is done to a Tenant.
struct Scenario {
    name: &'static str,
    /// Whether the Tenant is there and ready before the operator under test starts.
    prepared: bool,
    /// The change of the spec; none is the install or the deletion itself.
    act: fn(&str) -> Option<Value>,
    /// Whether a Tenant that is there is as it should be.
    over: fn(&Tenant) -> bool,
}

impl Scenario {
    fn deletes(&self) -> bool {
        self.name == "delete"
    }

    async fn begin(&self, tenants: &Tenants, name: &str) {
        match (self.act)(name) {
            Some(spec) => tenants.merge(name, json!({"spec": spec})).await,
            None if self.deletes() => tenants.delete(name).await,
            None => tenants.apply(&tenants.body(name)).await,
        }
    }

    async fn is_over(&self, tenants: &Tenants, name: &str) -> bool {
        match tenants.api().get_opt(name).await {
            Ok(Some(tenant)) => !self.deletes() && (self.over)(&tenant),
            Ok(None) => self.deletes(),
            Err(_) => false,
        }
    }

    async fn until_over(&self, tenants: &Tenants, name: &str, fault: Fault) {
        let over = async {
            while !self.is_over(tenants, name).await {
                sleep(Duration::from_millis(30)).await;
            }
        };
        let ended = timeout(PATIENCE, over).await;
        assert!(ended.is_ok(), "{fault:?}: {name} does not come to its end");
    }
}

async fn matrix(scenario: &Scenario) {
    let tenants = Tenants::new(scenario.name).await;
    let calm = run(&tenants, scenario, "calm", Fault::None).await;
    let numbers = 1..=calm.writes;
    let faults: Vec<Fault> = numbers
        .flat_map(|n| [Fault::Refused(n), Fault::Lost(n), Fault::Crash(n)])
        .collect();
    let mut struck = 0;
    for (number, fault) in faults.iter().enumerate() {
        let name = format!("faulty-{number}");
        let end = run(&tenants, scenario, &name, *fault).await;
        assert_eq!(end.state, calm.state, "{fault:?}");
        struck += usize::from(end.struck);
    }
    println!(
        "measured: {}: {struck} faults at {} writes, all converged",
        scenario.name, calm.writes
    );
    assert!(struck > calm.writes, "only {struck} of the faults struck");
}

/// How one run ended.
struct End {
    state: String,
    writes: usize,
    struck: bool,
}

async fn run(tenants: &Tenants, scenario: &Scenario, name: &str, fault: Fault) -> End {
    if scenario.prepared {
        let calm = tenants.operator_at(Fault::None, PACE).await;
        tenants.apply(&tenants.body(name)).await;
        tenants.until_ready(name).await;
        tenants.world.until_still(&calm).await;
        calm.stop().await;
    }
    let mut operator = tenants.operator_at(fault, PACE).await;
    sleep(Duration::from_millis(300)).await;
    scenario.begin(tenants, name).await;
    let struck_or_over = async {
        while !operator.calls.struck() && !scenario.is_over(tenants, name).await {
            sleep(Duration::from_millis(30)).await;
        }
    };
    let ended = timeout(PATIENCE, struck_or_over).await;
    assert!(ended.is_ok(), "{fault:?}: neither struck nor over");
    let struck = operator.calls.struck();
    if struck && matches!(fault, Fault::Crash(_)) {
        operator.kill().await;
        operator = tenants.operator_at(Fault::None, PACE).await;
    }
    scenario.until_over(tenants, name, fault).await;
    let writes = settled(&operator).await;
    operator.calls.clear();
    sleep(PACE.tenant * 2).await;
    let mut late = operator.calls.writes();
    // The number of Tenants is the platform's to tell, in its own time; test_converge has that.
    late.retain(|call| !call.path.contains("/creatorplatforms/"));
    assert!(late.is_empty(), "{fault:?}: {late:#?}");
    operator.stop().await;
    let state = state(tenants, name).await;
    clear_away(tenants, scenario, name).await;
    End {
        state,
        writes,
        struck,
    }
}

/// Waits until a while nothing was written: the number of Tenants is told a moment later, and by a
/// platform that has its own backoff. Answers the number of writes.
async fn settled(operator: &Operator) -> usize {
    let mut before = operator.calls.writes().len();
    loop {
        sleep(Duration::from_millis(1300)).await;
        let now = operator.calls.writes().len();
        if now == before {
            return now;
        }
        before = now;
    }
}

/// What is so in both worlds, without what differs between two Tenants.
async fn state(tenants: &Tenants, name: &str) -> String {
    let resource = format!("{}/{name}", tenants.world.namespace);
    let account = tenants.auth.sql(&format!(
        "select c.display_name, s.plan, s.quotas, s.allowed_origins, s.suspended_at is not null,
           (select count(*) from auth.users u where u.creator_id = c.creator_id),
           (select count(*) from auth.owner_invitations i where i.creator_id = c.creator_id)
         from auth.creators c left join platform.tenant_settings s using (creator_id)
         where c.managed_by = '{resource}'"
    ));
    let object = tenants.api().get_opt(name).await.unwrap();
    let told = object.as_ref().and_then(ready).map(|one| &one.reason);
    let kept = object.as_ref().map(|one| one.metadata.finalizers.clone());
    let opens = match tenants
        .owner_secret(name)
        .await
        .filter(|_| object.is_some())
    {
        Some(secret) => {
            let token = secret.data.unwrap()["token"].0.clone();
            let token = String::from_utf8(token).unwrap();
            tenants.auth.sql(&format!(
                "select count(*) from auth.owner_invitations i join auth.creators c
                   using (creator_id)
                 where token_hash = sha256('{token}') and c.managed_by = '{resource}'"
            ))
        }
        None => "no Secret".to_owned(),
    };
    format!("{account}; {told:?}; {kept:?}; {opens}")
}

/// What is left would be looked at by all who come after.
async fn clear_away(tenants: &Tenants, scenario: &Scenario, name: &str) {
    if scenario.deletes() {
        return;
    }
    tenants
        .merge(name, json!({"metadata": {"finalizers": null}}))
        .await;
    tenants.delete(name).await;
}
