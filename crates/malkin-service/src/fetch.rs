//! Asking threat-intelligence providers: the only place of the house that dials out.
//!
//! All providers are asked at once, each on a thread of its own, with one deadline for the whole exchange; a provider that has not
//! answered by then is reported as silent and delays no other. Good answers and honest "not found" are kept in the store.
//! Keys go into one header and nowhere else.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use malkin_intel::record::MAX_ANSWER;
use malkin_intel::{Exchange, HashKind, Kind, Method, Provider, Record, Request, Status};
use malkin_store::{IntelAnswer, Store, Timestamp};
use parking_lot::Mutex;

/// Time for all providers together unless configured otherwise (the original service's default).
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);
/// How long an answer is good: of a provider that knows the hash, and of one that does not.
const FOUND_GOOD_FOR: Duration = Duration::from_hours(24);
const NOT_FOUND_GOOD_FOR: Duration = Duration::from_hours(1);
/// Requests that may be under way at the same time, over all look-ups. A look-up waits only while a request of its own is under
/// way, so this also bounds how many wait: half of the 512 threads on which the server answers at most.
const MAX_UNDER_WAY: usize = 256;
/// A provider that says "too often" so many times in a row is left alone for as long as it asked. A single such answer may
/// be about one hash.
const PATIENCE: u32 = 3;
/// Longest time a provider is left alone.
const MAX_HOLD: Duration = Duration::from_hours(1);

/// How providers are reached.
#[derive(Clone)]
pub struct IntelSettings {
    /// Time for a look-up.
    pub timeout: Duration,
    /// How long answers are kept: found, not found. Zero keeps none.
    pub good_for: (Duration, Duration),
    /// Requests a minute and key; none for no limit of ours.
    pub per_minute: Option<u32>,
    keys: HashMap<Provider, String>,
    bases: HashMap<Provider, String>,
}

impl Default for IntelSettings {
    fn default() -> Self {
        Self {
            timeout: DEFAULT_TIMEOUT,
            good_for: (FOUND_GOOD_FOR, NOT_FOUND_GOOD_FOR),
            per_minute: None,
            keys: HashMap::new(),
            bases: HashMap::new(),
        }
    }
}

impl std::fmt::Debug for IntelSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known: Vec<&str> = self.keys.keys().map(|provider| provider.as_str()).collect();
        f.debug_struct("IntelSettings")
            .field("timeout", &self.timeout)
            .field("keys_for", &known)
            .finish_non_exhaustive()
    }
}

impl IntelSettings {
    /// Whether any provider has a key.
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Reads keys and addresses from named settings (environment variables): `VT_API_KEY`, `VT_BASE_URL` and their
    /// siblings, `DEFAULT_TIMEOUT` in seconds, `MALKIN_INTEL_PER_MINUTE`, `MALKIN_INTEL_FOUND_HOURS` and
    /// `MALKIN_INTEL_NOT_FOUND_MINUTES`. What makes no sense means the default.
    pub fn from_named(setting: impl Fn(&str) -> Option<String>) -> Self {
        let stated =
            |name: &str| setting(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let number = |name: &str| stated(name).and_then(|value| value.parse::<u32>().ok());
        let mut settings = Self::default();
        for provider in Provider::ALL {
            if let Some(key) = stated(provider.key_setting()) {
                settings.keys.insert(provider, key);
            }
            if let Some(base) = stated(provider.base_setting()) {
                settings.bases.insert(provider, base);
            }
        }
        if let Some(seconds) = number("DEFAULT_TIMEOUT").filter(|seconds| (1..=3600).contains(seconds)) {
            settings.timeout = Duration::from_secs(u64::from(seconds));
        }
        settings.per_minute = number("MALKIN_INTEL_PER_MINUTE").filter(|limit| *limit > 0);
        if let Some(hours) = number("MALKIN_INTEL_FOUND_HOURS") {
            settings.good_for.0 = Duration::from_secs(u64::from(hours) * 3600);
        }
        if let Some(minutes) = number("MALKIN_INTEL_NOT_FOUND_MINUTES") {
            settings.good_for.1 = Duration::from_secs(u64::from(minutes) * 60);
        }
        settings
    }
}

/// What is remembered about a provider between look-ups.
#[derive(Debug, Default)]
struct Manners {
    /// "Too often" in a row.
    refusals: u32,
    /// Left alone until then.
    held_until: Option<Instant>,
    /// Tokens of the bucket and when they were counted.
    bucket: Option<(f64, Instant)>,
}

/// Asks providers.
#[derive(Debug)]
pub struct Fetcher {
    settings: IntelSettings,
    agent: ureq::Agent,
    manners: Mutex<HashMap<Provider, Manners>>,
    under_way: Arc<AtomicUsize>,
}

/// Counts a request as under way until it is dropped.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Fetcher {
    /// A fetcher. A proxy is taken from the environment, as other programs do.
    pub fn new(settings: IntelSettings) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the key to another host.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(settings.timeout))
            .build();
        Self { settings, agent: config.into(), manners: Mutex::default(), under_way: Arc::default() }
    }

    /// Asks all providers about a hash and returns at the deadline even if a provider has not responded.
    pub fn look_up(&self, store: &dyn Store, now: Timestamp, hash: &str, kind: HashKind) -> Vec<Record> {
        let deadline = Instant::now() + self.settings.timeout;
        let known_as = hash.to_ascii_lowercase();
        let (send, receive) = mpsc::channel();
        let mut exchanges: HashMap<Provider, Exchange> = HashMap::new();
        let mut asked = 0;
        for provider in Provider::ALL {
            match self.before_asking(provider, store, now, &known_as, kind) {
                Some(exchange) => {
                    exchanges.insert(provider, exchange);
                }
                None => {
                    if self.ask(provider, hash, now, send.clone()) {
                        asked += 1;
                    } else {
                        exchanges.insert(provider, Exchange::HeldBack(None));
                    }
                }
            }
        }
        drop(send);
        while asked > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((provider, exchange)) = receive.recv_timeout(left) else { break };
            asked -= 1;
            self.note(provider, &exchange);
            self.keep(provider, store, now, &known_as, kind, &exchange);
            exchanges.insert(provider, exchange);
        }
        let name = Kind::Hash(kind).as_str();
        Provider::ALL
            .into_iter()
            .map(|provider| {
                Record::read(provider, name, &exchanges.remove(&provider).unwrap_or(Exchange::Timeout))
            })
            .collect()
    }

    /// What makes asking needless or impossible.
    fn before_asking(
        &self,
        provider: Provider,
        store: &dyn Store,
        now: Timestamp,
        hash: &str,
        kind: HashKind,
    ) -> Option<Exchange> {
        if !provider.takes(kind) {
            return Some(Exchange::Skipped);
        }
        if !self.settings.keys.contains_key(&provider) {
            return Some(Exchange::NoKey);
        }
        match store.intel_answer(provider.as_str(), hash, now) {
            Ok(Some(kept)) => {
                return Some(Exchange::Answer { status: kept.status, body: kept.body, retry_after: None });
            }
            Ok(None) => {}
            // A cache that fails costs time, not answers.
            Err(error) => tracing::warn!(provider = provider.as_str(), %error, "cannot read a kept answer"),
        }
        let mut manners = self.manners.lock();
        let manners = manners.entry(provider).or_default();
        let moment = Instant::now();
        if let Some(until) = manners.held_until.filter(|until| *until > moment) {
            return Some(Exchange::HeldBack(Some((until - moment).as_secs() + 1)));
        }
        let limit = f64::from(self.settings.per_minute?);
        let (tokens, counted) = manners.bucket.unwrap_or((limit, moment));
        let tokens = (tokens + (moment - counted).as_secs_f64() * limit / 60.0).min(limit);
        if tokens < 1.0 {
            manners.bucket = Some((tokens, moment));
            return Some(Exchange::HeldBack(Some(((1.0 - tokens) * 60.0 / limit).ceil() as u64)));
        }
        manners.bucket = Some((tokens - 1.0, moment));
        None
    }

    /// Begins to ask; false when too many requests are under way.
    fn ask(
        &self,
        provider: Provider,
        hash: &str,
        now: Timestamp,
        send: mpsc::Sender<(Provider, Exchange)>,
    ) -> bool {
        let Some(key) = self.settings.keys.get(&provider) else { return false };
        if self.under_way.fetch_add(1, Ordering::Relaxed) >= MAX_UNDER_WAY {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        let counted = UnderWay(Arc::clone(&self.under_way));
        let base = self.settings.bases.get(&provider).map_or(provider.default_base(), String::as_str);
        let request = provider.request(base, key, hash);
        let agent = self.agent.clone();
        let name = format!("intel-{}", provider.as_str());
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let exchange = exchange(&agent, &request, now);
            // Nobody listens any more when the deadline has passed.
            let _ = send.send((provider, exchange));
            drop(counted);
        });
        thread.is_ok()
    }

    fn note(&self, provider: Provider, exchange: &Exchange) {
        let Exchange::Answer { status, retry_after, .. } = exchange else { return };
        let mut manners = self.manners.lock();
        let manners = manners.entry(provider).or_default();
        manners.refusals = if *status == 429 { manners.refusals + 1 } else { 0 };
        if let Some(seconds) = retry_after.filter(|_| manners.refusals >= PATIENCE) {
            manners.held_until = Some(Instant::now() + Duration::from_secs(seconds).min(MAX_HOLD));
        }
    }

    fn keep(
        &self,
        provider: Provider,
        store: &dyn Store,
        now: Timestamp,
        hash: &str,
        kind: HashKind,
        exchange: &Exchange,
    ) {
        let Exchange::Answer { status, body, .. } = exchange else { return };
        let good_for = match Record::read(provider, Kind::Hash(kind).as_str(), exchange).status {
            Status::Found => self.settings.good_for.0,
            Status::NotFound => self.settings.good_for.1,
            _ => return,
        };
        let good_until = Timestamp::from_millis(now.millis().saturating_add(good_for.as_millis() as i64));
        let answer = IntelAnswer { status: *status, body: body.clone(), fetched_at: now };
        if let Err(error) = store.keep_intel_answer(provider.as_str(), hash, &answer, good_until) {
            tracing::warn!(provider = provider.as_str(), %error, "cannot cache a provider response");
        }
    }
}

/// Sends a request and reads the answer within the agent's time.
fn exchange(agent: &ureq::Agent, request: &Request, now: Timestamp) -> Exchange {
    let answer = match &request.method {
        Method::Get => {
            let mut call = agent.get(&request.url).header(request.key_header, &request.key);
            for (name, value) in &request.headers {
                call = call.header(*name, *value);
            }
            call.call()
        }
        Method::PostForm(fields) => {
            let mut call = agent.post(&request.url).header(request.key_header, &request.key);
            for (name, value) in &request.headers {
                call = call.header(*name, *value);
            }
            call.send_form(fields.iter().map(|(name, value)| (*name, value.as_str())))
        }
    };
    let mut answer = match answer {
        Ok(answer) => answer,
        Err(error) => return failure(&error),
    };
    let stated = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = stated.and_then(|stated| seconds_of(stated.trim(), now));
    let mut body = Vec::new();
    let limit = MAX_ANSWER as u64 + 1;
    match answer.body_mut().as_reader().take(limit).read_to_end(&mut body) {
        Ok(_) => Exchange::Answer { status: answer.status().as_u16(), body, retry_after },
        Err(error) => failure(&ureq::Error::from(error)),
    }
}

/// `Retry-After`: seconds, or a moment as HTTP states it (RFC 9110 section 10.2.3); one that has passed is no time at all.
fn seconds_of(stated: &str, now: Timestamp) -> Option<u64> {
    if let Ok(seconds) = stated.parse() {
        return Some(seconds);
    }
    let moment = jiff::fmt::rfc2822::parse(stated).ok()?.timestamp();
    let left = moment.as_millisecond().saturating_sub(now.millis());
    Some(u64::try_from(left).unwrap_or_default().div_ceil(1000))
}

/// The cause is not shown: it may name hosts of the network behind a proxy.
fn failure(error: &ureq::Error) -> Exchange {
    let timed_out = match error {
        ureq::Error::Timeout(_) => true,
        ureq::Error::Io(error) => error.kind() == std::io::ErrorKind::TimedOut,
        _ => false,
    };
    if timed_out { Exchange::Timeout } else { Exchange::Failed }
}

#[cfg(test)]
mod tests;
