//! Rate limits by GCRA: one number a subject, the server's clock, an exact wait for free.

use std::sync::LazyLock;
use std::time::Duration;

use redis::aio::ConnectionManager;
use redis::{RedisResult, Script};

/// `count` requests per `window`, of which up to `burst` may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests per window.
    pub count: u32,
    /// The window.
    pub window: Duration,
    /// Requests that may come at once.
    pub burst: u32,
}

/// What the limit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allowed {
        /// Requests that could follow at once.
        remaining: u32,
        /// Until the whole burst is there again.
        reset: Duration,
    },
    /// Too many.
    Refused {
        /// Until the next request is allowed.
        wait: Duration,
    },
}

/// The theoretical arrival time is kept, in microseconds of the server's clock, so that replicas
/// agree; `%.0f`, since Lua prints large numbers in scientific notation and loses digits.
static GCRA: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local interval, burst, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local new = tat + interval * cost
local allow_at = new - interval * burst
if allow_at > now then
  return {0, math.ceil((allow_at - now) / 1000), math.ceil((tat - now) / 1000)}
end
redis.call('SET', KEYS[1], string.format('%.0f', new), 'PX', math.ceil((new - now) / 1000))
return {1, math.floor((now - allow_at) / interval), math.ceil((new - now) / 1000)}
",
    )
});

pub(crate) async fn take(
    connection: &mut ConnectionManager,
    key: &str,
    limit: &Limit,
    cost: u32,
) -> RedisResult<Verdict> {
    let interval = limit.window.as_micros() / u128::from(limit.count.max(1));
    let (allowed, first, reset): (u8, u64, u64) = GCRA
        .key(key)
        .arg(interval.to_string())
        .arg(limit.burst)
        .arg(cost.min(limit.burst))
        .invoke_async(connection)
        .await?;
    Ok(if allowed == 1 {
        let remaining = u32::try_from(first).unwrap_or(u32::MAX);
        Verdict::Allowed {
            remaining,
            reset: Duration::from_millis(reset),
        }
    } else {
        Verdict::Refused {
            wait: Duration::from_millis(first),
        }
    })
}
