//! Who has failed to log in, and how long to wait: delays that grow with each failure, per account and per address.
//!
//! Kept in memory, in a table of bounded size: a restart forgets it, and costs a guesser at most the free tries again. An attempt counts
//! as a failure from its beginning until it is known to have succeeded, so many at once gain nothing.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_types::{Error, Result};

/// Failures of one account without a delay.
pub const FREE_PER_ACCOUNT: u32 = 5;
/// Failures from one address without a delay: several people may share it.
pub const FREE_PER_ADDRESS: u32 = 20;
/// The first delay; each further failure doubles it.
pub const DELAY_FIRST: Duration = Duration::from_secs(1);
/// The longest delay. It bounds how long a stranger's failures can keep the owner of an account out.
pub const DELAY_MAX: Duration = Duration::from_secs(300);
/// Without further failures everything is forgotten after this time.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
/// Accounts and addresses that are remembered at once.
pub const REMEMBERED_MAX: usize = 10_000;
/// Passwords that are verified at the same time: each takes memory and a processor.
pub const VERIFIED_AT_ONCE_MAX: usize = 4;

/// The table.
#[derive(Default)]
pub struct Logins {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    failures: HashMap<Who, Failures>,
    verified_now: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Who {
    Account(String),
    Address(IpAddr),
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    last: Duration,
}

/// An attempt in progress. Dropped, it stays counted as a failure.
pub struct Attempt<'a> {
    logins: &'a Logins,
    account: Who,
    address: Who,
}

impl Logins {
    /// Begins an attempt, at a moment of the monotonic clock. `Busy` says how many seconds to wait; nothing is counted then.
    pub fn begin(&self, account: &str, address: IpAddr, now: Duration) -> Result<Attempt<'_>> {
        let (account, address) = (Who::Account(account.to_string()), Who::Address(network(address)));
        let mut inner = self.lock();
        let wait = [&account, &address].into_iter().map(|who| inner.wait(who, now)).max().unwrap_or_default();
        if !wait.is_zero() {
            let seconds = wait.as_millis().div_ceil(1000);
            return Err(Error::busy(format!("too many logins failed: wait {seconds} s, then try again")));
        }
        if inner.verified_now >= VERIFIED_AT_ONCE_MAX {
            return Err(Error::busy("too many logins at the same time: wait 1 s, then try again"));
        }
        inner.verified_now += 1;
        inner.failed(&account, now);
        inner.failed(&address, now);
        drop(inner);
        Ok(Attempt { logins: self, account, address })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The password was right: the account's failures are forgotten. Those of the address stay but for this one, or somebody with an
    /// account of his own could go on guessing others.
    pub fn succeeded(self) {
        let mut inner = self.logins.lock();
        inner.failures.remove(&self.account);
        if let Some(failures) = inner.failures.get_mut(&self.address) {
            failures.count = failures.count.saturating_sub(1);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut inner = self.logins.lock();
        inner.verified_now = inner.verified_now.saturating_sub(1);
    }
}

impl Inner {
    /// How long this one has to wait.
    fn wait(&self, who: &Who, now: Duration) -> Duration {
        let Some(failures) = self.failures.get(who) else { return Duration::ZERO };
        let until = failures.last.saturating_add(delay(who, failures.count));
        until.saturating_sub(now)
    }

    fn failed(&mut self, who: &Who, now: Duration) {
        if !self.failures.contains_key(who) {
            self.make_room(now);
        }
        let failures = self.failures.entry(who.clone()).or_insert(Failures { count: 0, last: now });
        if failures.last.saturating_add(FORGOTTEN_AFTER) <= now {
            failures.count = 0;
        }
        *failures = Failures { count: failures.count.saturating_add(1), last: now };
    }

    /// Where the table is full, the stale go; where none is stale, whoever failed least and longest ago: made-up names push out each
    /// other, not those that are being guessed.
    fn make_room(&mut self, now: Duration) {
        if self.failures.len() < REMEMBERED_MAX {
            return;
        }
        self.failures.retain(|_, failures| failures.last.saturating_add(FORGOTTEN_AFTER) > now);
        if self.failures.len() < REMEMBERED_MAX {
            return;
        }
        let least = self.failures.iter().min_by_key(|(_, failures)| (failures.count, failures.last));
        if let Some(who) = least.map(|(who, _)| who.clone()) {
            self.failures.remove(&who);
        }
    }
}

/// The delay after so many failures.
fn delay(who: &Who, count: u32) -> Duration {
    let free = match who {
        Who::Account(_) => FREE_PER_ACCOUNT,
        Who::Address(_) => FREE_PER_ADDRESS,
    };
    match count.checked_sub(free).and_then(|over| over.checked_sub(1)) {
        None => Duration::ZERO,
        Some(doublings) => DELAY_FIRST.saturating_mul(2_u32.checked_pow(doublings).unwrap_or(u32::MAX)).min(DELAY_MAX),
    }
}

/// Whoever has an IPv6 address usually has the 2^64 of its network: they count as one. (RFC 6177, "Recommendations".)
fn network(address: IpAddr) -> IpAddr {
    const INTERFACE_BITS: u32 = 64;
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> INTERFACE_BITS << INTERFACE_BITS)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn delays_of_an_account_grow_and_end_at_the_longest() {
        let logins = Logins::default();
        let mut now = s(1000);
        let mut waits = Vec::new();
        for number in 0..16_u8 {
            // Always another address: only the account is limited.
            let from = IpAddr::from([10, 0, 0, number]);
            while let Err(error) = logins.begin("ada", from, now) {
                assert_eq!(error.kind(), farshore_types::ErrorKind::Busy);
                let text = error.what().to_string();
                let seconds: u64 = text.split_whitespace().find_map(|word| word.parse().ok()).expect("seconds to wait");
                waits.push(seconds);
                assert!(logins.begin("ada", from, now + s(seconds) - Duration::from_millis(1)).is_err());
                now += s(seconds);
            }
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert!(logins.begin("grace", address("10.0.0.1"), now).is_ok());
        now += FORGOTTEN_AFTER;
        (0..=FREE_PER_ACCOUNT).for_each(|_| assert!(logins.begin("ada", address("10.1.1.1"), now).is_ok()));
        assert!(logins.begin("ada", address("10.1.1.1"), now).is_err());
    }

    #[test]
    fn an_address_is_limited_over_all_accounts_and_a_login_of_its_own_does_not_help() {
        let logins = Logins::default();
        let from = |number: u32| address(&format!("2001:db8::{number:x}"));
        for number in 0..=FREE_PER_ADDRESS {
            logins.begin("own", from(number), s(9)).unwrap().succeeded();
            drop(logins.begin(&format!("victim{number}"), from(number), s(9)).unwrap());
        }
        assert!(logins.begin("own", from(77), s(9)).is_err());
        assert!(logins.begin("own", address("2001:db8:0:1::1"), s(9)).is_ok());
    }

    #[test]
    fn a_success_clears_the_account() {
        let logins = Logins::default();
        for _ in 0..FREE_PER_ACCOUNT {
            drop(logins.begin("ada", address("10.0.0.1"), s(1)).unwrap());
        }
        logins.begin("ada", address("10.0.0.1"), s(1)).unwrap().succeeded();
        for _ in 0..=FREE_PER_ACCOUNT {
            drop(logins.begin("ada", address("10.0.0.2"), s(1)).unwrap());
        }
        assert!(logins.begin("ada", address("10.0.0.2"), s(1)).is_err());
    }

    #[test]
    fn only_so_many_passwords_are_verified_at_once() {
        let logins = Logins::default();
        let begin = |number: usize| logins.begin(&format!("user{number}"), address("10.0.0.1"), s(1));
        let held: Vec<Attempt<'_>> = (0..VERIFIED_AT_ONCE_MAX).map(|number| begin(number).unwrap()).collect();
        assert!(begin(99).is_err());
        drop(held);
        assert!(begin(99).is_ok());
    }

    #[test]
    fn made_up_names_fill_the_table_only_to_its_maximum_and_do_not_push_out_who_is_guessed() {
        let logins = Logins::default();
        for _ in 0..=FREE_PER_ACCOUNT {
            drop(logins.begin("ada", address("10.0.0.1"), s(1)).unwrap());
        }
        for number in 0..u32::try_from(REMEMBERED_MAX).unwrap() {
            drop(logins.begin(&format!("made-up-{number}"), IpAddr::from(number.to_be_bytes()), s(1)).unwrap());
        }
        assert!(logins.lock().failures.len() <= REMEMBERED_MAX);
        assert!(logins.begin("ada", address("10.9.9.9"), s(1)).is_err());
    }
}
