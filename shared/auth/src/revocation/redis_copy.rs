//! The copy of the live rows in Redis, and the epoch that says that the copy is complete.
//!
//! The epoch is a random number that only auth writes, after it has copied every live row, and that
//! expires within seconds unless auth confirms it. So it is missing when Redis was emptied, when
//! auth is dead, and when auth has a row that it could not write.

use std::sync::LazyLock;
use std::time::Duration;

use redis::{RedisResult, Script};
use serde_json::Value;
use shared_cache::{Cache, Key};
use uuid::Uuid;

use super::Subject;
use super::rows::RevocationRow;
use super::subscription::Notice;

/// A refill that takes longer has died with its process; another one may begin.
const REFILL_TTL: Duration = Duration::from_secs(10);
/// How a lifted revocation begins; its version follows. Services of releases before 0.2 read
/// numbers only, so for them nothing is revoked.
const LIFTED: &str = "lifted:";

/// Writes rows unless newer ones are there, and announces them if a channel is given. Stops when
/// the token of a refill is gone: Redis was emptied in the meantime. The newest version is noted
/// last, so that it is lost whenever a revocation is.
static WRITE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local token, channel = ARGV[1], ARGV[2]
if token ~= '' and redis.call('GET', KEYS[1]) ~= token then
  return 0
end
local newest = tonumber(redis.call('GET', KEYS[2]) or '0')
for i = 1, (#KEYS - 2) / 2 do
  local value_key, version_key = KEYS[2 * i + 1], KEYS[2 * i + 2]
  local value, version, till, notice = unpack(ARGV, 4 * i - 1, 4 * i + 2)
  if tonumber(redis.call('GET', version_key) or '0') <= tonumber(version) then
    redis.call('SET', value_key, value, 'PXAT', till)
    redis.call('SET', version_key, version, 'PXAT', till)
    if channel ~= '' then
      redis.call('PUBLISH', channel, notice)
    end
  end
  newest = math.max(newest, tonumber(version))
end
redis.call('SET', KEYS[2], string.format('%.0f', newest), 'EX', 604800)
return 1
",
    )
});

/// Confirms the epoch, unless it is missing or Redis has lost what it had: then no epoch is left.
static EXTEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
if tonumber(redis.call('GET', KEYS[2]) or '0') < tonumber(ARGV[1]) then
  redis.call('DEL', KEYS[1])
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
",
    )
});

/// Marks the beginning of a refill, unless another one is under way.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new("return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) and 1 or 0")
});

/// Ends a refill with a new epoch, if Redis was not emptied since the refill began.
static FINISH: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
local newest = math.max(tonumber(redis.call('GET', KEYS[2]) or '0'), tonumber(ARGV[2]))
redis.call('SET', KEYS[2], string.format('%.0f', newest), 'EX', 604800)
redis.call('SET', KEYS[3], ARGV[3], 'PX', ARGV[4])
return 1
",
    )
});

/// What Redis has of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// Revoked at that time.
    Revoked(i64),
    /// Lifted by a row of that version.
    Lifted(i64),
}

impl Stored {
    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Number(at) => at.as_i64().map(Self::Revoked),
            Value::String(text) => {
                let version = text.strip_prefix(LIFTED)?;
                version.parse().ok().map(Self::Lifted)
            }
            _ => None,
        }
    }
}

/// Reads what Redis has of each subject, and the epoch, in one round trip.
pub(super) async fn read(
    cache: &Cache,
    subjects: &[Subject],
) -> RedisResult<(Vec<Option<Stored>>, Option<i64>)> {
    let mut keys: Vec<Key> = subjects.iter().map(|subject| subject.key()).collect();
    keys.push(Key::revocation_epoch());
    let mut found: Vec<Option<Value>> = cache.read_all(&keys).await?;
    let epoch = found.pop().flatten().as_ref().and_then(Value::as_i64);
    let parse = |value: Option<Value>| value.as_ref().and_then(Stored::parse);
    Ok((found.into_iter().map(parse).collect(), epoch))
}

/// Reads the epoch.
pub(super) async fn read_epoch(cache: &Cache) -> RedisResult<Option<i64>> {
    cache.read(&Key::revocation_epoch()).await
}

/// Writes rows and announces them to every service.
pub(super) async fn announce(cache: &Cache, rows: &[RevocationRow]) -> RedisResult<()> {
    let channel = cache.channel(&Key::revocations());
    write(cache, rows, String::new(), channel).await.map(|_| ())
}

/// Confirms the epoch for another `ttl`; false when there is none, or none any more because Redis
/// does not have the newest published version.
pub(super) async fn extend_epoch(cache: &Cache, newest: i64, ttl: Duration) -> RedisResult<bool> {
    let keys = [Key::revocation_epoch(), Key::newest_revocation()];
    let arguments = [newest.to_string(), ttl.as_millis().to_string()];
    cache.run_script(&EXTEND, &keys, &arguments).await
}

async fn write(
    cache: &Cache,
    rows: &[RevocationRow],
    token: String,
    channel: String,
) -> RedisResult<bool> {
    let mut keys = vec![Key::revocation_refill(), Key::newest_revocation()];
    let mut arguments = vec![token, channel];
    for row in rows {
        keys.extend([row.subject.key(), row.subject.version_key()]);
        arguments.extend([
            if row.lifted {
                format!("\"{LIFTED}{}\"", row.version)
            } else {
                row.at.to_string()
            },
            row.version.to_string(),
            row.until.to_string(),
            Notice::of(row).to_text(),
        ]);
    }
    cache.run_script(&WRITE, &keys, &arguments).await
}

/// A refill of an emptied Redis. It ends without an epoch if Redis is emptied again meanwhile.
#[derive(Debug)]
pub(super) struct Refill<'a> {
    cache: &'a Cache,
    token: String,
}

impl<'a> Refill<'a> {
    /// Begins one before the rows are loaded; none while another replica refills.
    pub(super) async fn begin(cache: &'a Cache) -> RedisResult<Option<Self>> {
        let token = Uuid::new_v4().to_string();
        let arguments = [token.clone(), REFILL_TTL.as_millis().to_string()];
        let keys = [Key::revocation_refill()];
        let begun: bool = cache.run_script(&BEGIN, &keys, &arguments).await?;
        Ok(begun.then_some(Self { cache, token }))
    }

    /// Writes rows; false when the refill is void.
    pub(super) async fn write(&self, rows: &[RevocationRow]) -> RedisResult<bool> {
        write(self.cache, rows, self.token.clone(), String::new()).await
    }

    /// Sets a new epoch, after all rows were written; false when the refill is void.
    pub(super) async fn finish(self, newest: i64, ttl: Duration) -> RedisResult<bool> {
        // A number that Lua and JSON represent exactly.
        let random = Uuid::new_v4().as_u128() & ((1 << 53) - 1);
        let epoch = u64::try_from(random).unwrap_or_default().max(1);
        let keys = [
            Key::revocation_refill(),
            Key::newest_revocation(),
            Key::revocation_epoch(),
        ];
        let arguments = [
            self.token,
            newest.to_string(),
            epoch.to_string(),
            ttl.as_millis().to_string(),
        ];
        self.cache.run_script(&FINISH, &keys, &arguments).await
    }
}
