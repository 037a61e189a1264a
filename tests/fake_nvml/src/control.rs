//! What a test tells the library, one line a time.

use std::ffi::{CStr, c_char};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use crate::state::{CHANGED, Part, State, gpu, state};

/// What an order answers that is none.
const NOT_UNDERSTOOD: u64 = u64::MAX;

/// How long is waited for something to happen, before the test is told that it did not.
const PATIENCE: Duration = Duration::from_secs(30);

/// Takes an order; answers a number where it asks for one, and otherwise 1.
///
/// ```text
/// gpus N                 there are so many; new ones are as the first ones were
/// set GPU NAME VALUE     a number of a GPU
/// text GPU uuid|model T  a text of it
/// field GPU ID VALUE     a field of it; `unset GPU ID` for none
/// sample GPU US PERCENT  a sample of its utilisation
/// process GPU PID BYTES  a process on it
/// mig GPU UUID TOTAL USED  a MIG device of it; `whole GPU` for none
/// lost GPU, back GPU     it is lost, or back
/// answer GPU|all F CODE  what function F answers
/// over CODE              what everything answers until it is entered anew
/// xid GPU NUMBER         a critical event
/// hurry                  whoever waits for events has waited long enough, from now on
/// hold F, release        function F does not come back until then
/// calls F, entered, sets, readings   numbers
/// await F N, await_sets N   waits until F was called so often, or so many sets of events are left; 0 where in vain
/// ```
///
/// # Safety
/// The order is a text that ends in 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn fake_nvml_tell(order: *const c_char) -> u64 {
    // SAFETY: as the caller says.
    let order = unsafe { CStr::from_ptr(order) }.to_string_lossy().into_owned();
    let words: Vec<_> = order.split(' ').collect();
    let answer = obey(&words).unwrap_or(NOT_UNDERSTOOD);
    CHANGED.notify_all();
    answer
}

fn obey(words: &[&str]) -> Option<u64> {
    let mut state = state();
    match words {
        ["gpus", count] => {
            let count = count.parse().ok()?;
            let known = state.gpus.len();
            state.gpus.truncate(count);
            state.gpus.extend((known..count).map(gpu));
        }
        ["over", code] => state.over = Some(code.parse().ok()?),
        ["hold", function] => state.held = Some((*function).to_owned()),
        ["release"] => state.held = None,
        ["hurry"] => state.is_hurried = true,
        ["answer", whom, function, code] => {
            let whom = if *whom == "all" { None } else { Some(whom.parse().ok()?) };
            state.answers.insert((whom, (*function).to_owned()), code.parse().ok()?);
        }
        ["calls", function] => return Some(state.calls.get(function).copied().unwrap_or(0)),
        ["entered"] => return Some(state.entered),
        ["sets"] => return Some(state.sets.len() as u64),
        ["readings"] => return Some(state.readings.len() as u64),
        ["await", function, count] => {
            let count = count.parse().ok()?;
            return Some(wait_until(state, |state| state.calls.get(function).is_some_and(|calls| *calls >= count)));
        }
        ["await_sets", count] => {
            let count = count.parse().ok()?;
            return Some(wait_until(state, |state| state.sets.len() == count));
        }
        [order, index, rest @ ..] => return obey_of_gpu(&mut state, order, index.parse().ok()?, rest),
        _ => return None,
    }
    Some(1)
}

fn obey_of_gpu(state: &mut State, order: &str, index: usize, rest: &[&str]) -> Option<u64> {
    let gpu = state.gpus.get_mut(index)?;
    match (order, rest) {
        ("set", ["bus", bus]) => gpu.bus = bus.parse().ok()?,
        ("set", [name, value]) => {
            gpu.numbers.insert((*name).to_owned(), value.parse().ok()?);
        }
        ("text", ["uuid", text]) => gpu.uuid = (*text).to_owned(),
        ("text", ["model", text]) => gpu.model = (*text).to_owned(),
        ("field", [id, value]) => {
            gpu.fields.insert(id.parse().ok()?, value.parse().ok()?);
        }
        ("unset", [id]) => {
            gpu.fields.remove(&id.parse().ok()?);
        }
        ("sample", [unix_us, percent]) => gpu.samples.push((unix_us.parse().ok()?, percent.parse().ok()?)),
        ("process", [pid, bytes]) => gpu.processes.push((pid.parse().ok()?, bytes.parse().ok()?)),
        ("mig", [uuid, total, used]) => {
            let (total_bytes, used_bytes) = (total.parse().ok()?, used.parse().ok()?);
            gpu.parts.push(Part { uuid: (*uuid).to_owned(), total_bytes, used_bytes });
        }
        ("whole", []) => gpu.parts.clear(),
        ("lost", []) => gpu.is_lost = true,
        ("back", []) => gpu.is_lost = false,
        ("xid", [number]) => gpu.events.push_back(number.parse().ok()?),
        _ => return None,
    }
    Some(1)
}

fn wait_until(state: MutexGuard<'_, State>, mut is_so: impl FnMut(&State) -> bool) -> u64 {
    let waited = CHANGED.wait_timeout_while(state, PATIENCE, |state| !is_so(state));
    let (_state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
    u64::from(!waited.timed_out())
}
