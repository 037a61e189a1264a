//! Waiting with an end: what a test waits for is asked again and again, and its absence is a failure.

use std::thread;
use std::time::{Duration, Instant};

/// No test waits longer for anything. Long, because a machine may be busy with other things.
pub const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(10);

/// Asks until there is an answer.
///
/// # Panics
/// None came in time. The message says what is missing, and why the last attempt failed.
#[track_caller]
pub fn wait_for<T>(what: &str, ask: impl FnMut() -> Result<T, String>) -> T {
    wait_until(Instant::now() + PATIENCE, ask)
        .unwrap_or_else(|reason| panic!("still no {what} after {} s: {reason}", PATIENCE.as_secs()))
}

fn wait_until<T>(deadline: Instant, mut ask: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    loop {
        match ask() {
            Err(_) if Instant::now() < deadline => thread::sleep(PAUSE),
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_asks_again_until_there_is_an_answer() {
        let mut asked = 0;
        let answer = wait_for("third attempt", || {
            asked += 1;
            if asked < 3 { Err(format!("only {asked}")) } else { Ok(asked) }
        });
        assert_eq!(answer, 3);
    }

    #[test]
    fn the_last_reason_is_told_when_time_is_up() {
        assert_eq!(wait_until::<()>(Instant::now(), || Err("not there".into())), Err("not there".into()));
    }
}
