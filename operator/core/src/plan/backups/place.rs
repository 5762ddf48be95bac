//! Where backups are: a volume or a bucket, as the pods that read and write them see it.

use serde_json::{Value, json};
use shared_config::backup;

use crate::api::backup::{PlatformBackup, RestoreFrom, S3};
use crate::component::Component;
use crate::plan::draft::{MissingKey, Sketch};
use crate::plan::pod;
use crate::resolve::Resolved;

/// Where a volume with backups is mounted.
const FOLDER: &str = "/backups";
/// Where the certificates of the storage's authority are mounted.
const AUTHORITY: &str = "/etc/storage";

/// A place for backups.
pub(crate) struct Place {
    /// Variables by which the program finds it.
    pub(crate) env: Vec<Value>,
    /// Volumes that belong to it.
    pub(crate) volumes: Vec<Value>,
    mounts: Vec<Value>,
    /// Keys of Secrets that are read as files or variables.
    secrets: Vec<(String, String)>,
}

impl Place {
    /// Where the backups of a platform go.
    pub(crate) fn of_backups(resolved: &Resolved, settings: &PlatformBackup) -> Self {
        let claim = super::name(&resolved.name);
        let mut place = settings
            .target
            .s3
            .as_ref()
            .map_or_else(|| Self::volume(&claim), Self::bucket);
        if let Some(verify) = &settings.verify {
            let from = &verify.identity_secret_ref;
            place.secrets.push((from.name.clone(), from.key.clone()));
        }
        place
    }

    /// Where a platform is restored from.
    pub(crate) fn of_restore(from: &RestoreFrom) -> Self {
        let claim = from.volume_claim.as_deref().unwrap_or_default();
        let bucket = from.s3.as_ref();
        let mut place = bucket.map_or_else(|| Self::volume(claim), Self::bucket);
        let identity = &from.identity_secret_ref;
        place
            .secrets
            .push((identity.name.clone(), identity.key.clone()));
        place
    }

    fn volume(claim: &str) -> Self {
        Self {
            env: vec![pod::variable(
                backup::BACKUP_TARGET,
                format!("file://{FOLDER}"),
            )],
            volumes: vec![json!({"name": "backups",
                "persistentVolumeClaim": {"claimName": claim}})],
            mounts: vec![json!({"name": "backups", "mountPath": FOLDER})],
            secrets: Vec::new(),
        }
    }

    fn bucket(s3: &S3) -> Self {
        let secret = &s3.credentials_secret_ref.name;
        let mut url = format!("s3://{}", s3.bucket);
        if let Some(prefix) = &s3.prefix {
            url = format!("{url}/{prefix}");
        }
        let mut place = Self {
            env: vec![
                pod::variable(backup::BACKUP_TARGET, url),
                pod::variable(backup::BACKUP_S3_ENDPOINT, &s3.endpoint),
                pod::variable(backup::BACKUP_S3_REGION, &s3.region),
                pod::secret_variable(backup::AWS_ACCESS_KEY_ID, secret, "accessKeyId"),
                pod::secret_variable(backup::AWS_SECRET_ACCESS_KEY, secret, "secretAccessKey"),
            ],
            volumes: Vec::new(),
            mounts: Vec::new(),
            secrets: Vec::new(),
        };
        if let Some(ca) = &s3.ca_secret_ref {
            let file = format!("{AUTHORITY}/ca.crt");
            place
                .env
                .push(pod::variable(backup::BACKUP_S3_CA_FILE, file));
            place.volumes.push(json!({"name": "authority", "secret": {
                "secretName": ca.name,
                "items": [{"key": ca.key, "path": "ca.crt"}],
            }}));
            place
                .mounts
                .push(json!({"name": "authority", "mountPath": AUTHORITY, "readOnly": true}));
            place.secrets.push((ca.name.clone(), ca.key.clone()));
        }
        place
    }

    /// Where a container has it.
    pub(crate) fn mounts(&self, read_only: bool) -> Vec<Value> {
        let mut mounts = self.mounts.clone();
        for mount in mounts.iter_mut().filter(|_| read_only) {
            mount["readOnly"] = json!(true);
        }
        mounts
    }

    /// Notes the files that are missing: a pod would wait for them without a word.
    pub(crate) fn require(&self, sketch: &mut Sketch<'_>, component: Component) {
        for (secret, key) in &self.secrets {
            if !sketch.observed.has_secret(secret, key) {
                sketch.missing.insert(MissingKey {
                    component,
                    secret: secret.clone(),
                    key: key.clone(),
                });
            }
        }
    }
}

/// The private key that opens backups, as a file.
pub(crate) mod identity {
    use serde_json::{Value, json};
    use shared_config::backup;

    use crate::api::workload::KeyRef;
    use crate::plan::pod;

    const FOLDER: &str = "/etc/identity";

    /// The volume with it.
    pub(crate) fn volume(from: &KeyRef) -> Value {
        json!({"name": "identity", "secret": {
            "secretName": from.name,
            "items": [{"key": from.key, "path": "key.txt"}],
        }})
    }

    /// Where a container has it.
    pub(crate) fn mount() -> Value {
        json!({"name": "identity", "mountPath": FOLDER, "readOnly": true})
    }

    /// The variable with its path.
    pub(crate) fn variable() -> Value {
        pod::variable(backup::BACKUP_IDENTITY_FILE, format!("{FOLDER}/key.txt"))
    }
}
