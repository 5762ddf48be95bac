//! Rate limits by GCRA: one number per subject, the server's clock, and an exact waiting time.

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

impl Limit {
    /// The time after which one more request is allowed, in microseconds.
    fn interval_micros(&self) -> u128 {
        self.window.as_micros() / u128::from(self.count.max(1))
    }
}

/// The outcome of taking from one or more limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// All limits allow the request.
    Allowed {
        /// Index of the limit with the least left.
        limiting_rule: usize,
        /// Requests that are still allowed at once.
        remaining: u32,
        /// Until the whole burst is available again.
        reset: Duration,
    },
    /// A limit is exhausted; nothing was taken from any limit.
    Refused {
        /// Index of the limit that refuses.
        by: usize,
        /// Until the next request is allowed.
        retry_after: Duration,
    },
}

/// Stores the theoretical arrival time in microseconds of the server's clock, so that replicas
/// agree; `%.0f`, since Lua prints large numbers in scientific notation and loses digits. All
/// limits are checked before any is taken from. At most half of what is left is prefetched, so
/// that a limit near its end is counted one request at a time.
static GCRA: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local cost, advance = tonumber(ARGV[1]), tonumber(ARGV[2])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local new, intervals, left, which = {}, {}, nil, 0
for i, key in ipairs(KEYS) do
  local interval, burst = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local tat = math.max(tonumber(redis.call('GET', key) or now), now)
  new[i], intervals[i] = tat + interval * math.min(cost, burst), interval
  local allow_at = new[i] - interval * burst
  if allow_at > now then
    return {0, i - 1, math.ceil((allow_at - now) / 1000), 0, 0}
  end
  local remaining = math.floor((now - allow_at) / interval)
  if not left or remaining < left then
    left, which = remaining, i
  end
end
advance = math.min(advance, math.floor(left / 2))
for i, key in ipairs(KEYS) do
  new[i] = new[i] + intervals[i] * advance
  redis.call('SET', key, string.format('%.0f', new[i]), 'PX', math.ceil((new[i] - now) / 1000))
end
return {1, which - 1, left - advance, math.ceil((new[which] - now) / 1000), advance}
",
    )
});

/// Takes `cost` from each limit, or from none, and up to `advance` more for later requests;
/// returns how many more it took.
pub(crate) async fn take(
    connection: &mut ConnectionManager,
    limits: &[(String, Limit)],
    cost: u32,
    advance: u32,
) -> RedisResult<(Decision, u32)> {
    let mut call = GCRA.prepare_invoke();
    call.arg(cost).arg(advance);
    for (key, limit) in limits {
        let interval = limit.interval_micros().to_string();
        call.key(key).arg(interval).arg(limit.burst);
    }
    let (allowed, which, first, reset, advanced): (u8, usize, u64, u64, u32) =
        call.invoke_async(connection).await?;
    let decision = if allowed == 1 {
        Decision::Allowed {
            limiting_rule: which,
            remaining: u32::try_from(first).unwrap_or(u32::MAX),
            reset: Duration::from_millis(reset),
        }
    } else {
        Decision::Refused {
            by: which,
            retry_after: Duration::from_millis(first),
        }
    };
    Ok((decision, advanced))
}

/// Lowers the stored arrival time by what was taken before. A key that is gone has nothing left to
/// give back.
static GIVE_BACK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        r"
local tat = tonumber(redis.call('GET', KEYS[1]) or '0')
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local new = tat - tonumber(ARGV[1])
if new > now then
  redis.call('SET', KEYS[1], string.format('%.0f', new), 'PX', math.ceil((new - now) / 1000))
elseif tat > 0 then
  redis.call('DEL', KEYS[1])
end
return 1
",
    )
});

/// Gives back `cost` that was taken from a limit.
pub(crate) async fn give_back(
    connection: &mut ConnectionManager,
    key: &str,
    limit: &Limit,
    cost: u32,
) -> RedisResult<()> {
    let given = limit.interval_micros() * u128::from(cost);
    let mut call = GIVE_BACK.prepare_invoke();
    call.key(key).arg(given.to_string());
    call.invoke_async(connection).await
}
