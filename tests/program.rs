//! A program that a test runs: its output is read along, and it never outlives the test.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::waiting::wait_for;

/// A running program. When it is dropped, it is killed.
#[derive(Debug)]
pub struct Program {
    command: String,
    child: Child,
    stdout: Output,
    stderr: Output,
}

/// What is left of a program that ended by itself.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status; none where a signal ended it.
    pub status: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it told.
    pub stderr: String,
}

/// One output, read by a thread, so that the program never waits for us.
#[derive(Debug)]
struct Output {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Program {
    /// Starts a program without any input.
    ///
    /// # Panics
    /// It cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = Output::read(child.stdout.take().expect("it is piped"));
        let stderr = Output::read(child.stderr.take().expect("it is piped"));
        Self { command: format!("{command:?}"), child, stdout, stderr }
    }

    /// What it has told so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Waits until it has told what `find` looks for.
    ///
    /// # Panics
    /// It ended without, or does not tell it in time.
    #[track_caller]
    pub fn wait_told<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let Self { command, child, stderr, .. } = self;
        let told = wait_for(&format!("{what} from {command}"), || {
            let is_over = child.try_wait().is_ok_and(|status| status.is_some()) && stderr.is_over();
            match find(&stderr.text()) {
                Some(found) => Ok(Some(found)),
                None if is_over => Ok(None),
                None => Err(stderr.text()),
            }
        });
        told.unwrap_or_else(|| panic!("{} ended without {what}: {}", self.command, self.stderr.text()))
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Presses Ctrl-C.
    ///
    /// # Panics
    /// The signal cannot be sent.
    #[track_caller]
    pub fn interrupt(&self) {
        self.send("INT");
    }

    /// Tells it to end, as whoever runs services does.
    ///
    /// # Panics
    /// The signal cannot be sent.
    #[track_caller]
    pub fn terminate(&self) {
        self.send("TERM");
    }

    #[track_caller]
    fn send(&self, signal: &str) {
        // The shell's own `kill`: the program of that name is not installed everywhere.
        let line = format!("kill -{signal} {}", self.id());
        let sent = Command::new("sh").args(["-c", &line]).status();
        assert!(sent.as_ref().is_ok_and(|status| status.success()), "kill: {sent:?}");
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// It does not.
    #[track_caller]
    pub fn ended(mut self) -> Ended {
        let Self { command, child, stdout, stderr } = &mut self;
        let status = wait_for(&format!("end of {command}"), || match child.try_wait() {
            Ok(Some(status)) if stdout.is_over() && stderr.is_over() => Ok(status),
            Ok(_) => Err(stderr.text()),
            Err(error) => Err(error.to_string()),
        });
        Ended { status: status.code(), stdout: stdout.text(), stderr: stderr.text() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended cannot be killed, and needs no more than this.
        let _has_ended = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let shared = bytes.clone();
        let thread = thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                shared.lock().unwrap_or_else(PoisonError::into_inner).extend(&chunk[..length]);
            }
        });
        Self { bytes, thread }
    }

    fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::start(Command::new("sh").args(["-c", script]))
    }

    #[test]
    fn both_outputs_and_the_status_are_kept() {
        let ended = shell("echo out; echo err >&2; exit 3").ended();
        assert_eq!((ended.status, &*ended.stdout, &*ended.stderr), (Some(3), "out\n", "err\n"));
    }

    #[test]
    fn what_it_tells_is_waited_for() {
        let mut program = shell("echo here >&2; exec sleep 60");
        program.wait_told("a line", |text| text.contains("here\n").then_some(()));
    }

    #[test]
    #[should_panic(expected = "ended without the line: something else")]
    fn an_end_without_what_is_waited_for_is_a_failure_at_once() {
        shell("echo something else >&2").wait_told("the line", |text| text.contains("here").then_some(()));
    }

    #[test]
    fn nothing_outlives_its_test() {
        let program = shell("echo $$; exec sleep 60");
        let pid = wait_for("process id", || program.stdout.text().trim().parse::<u32>().map_err(|e| e.to_string()));
        drop(program);
        let asked = Command::new("sh").args(["-c", &format!("kill -0 {pid} 2>&1")]).output().expect("a shell");
        assert!(!asked.status.success());
    }

    #[test]
    fn an_interrupt_arrives() {
        let mut program = shell("trap 'exit 7' INT; echo ready >&2; while :; do sleep 0.01; done");
        program.wait_told("ready", |text| text.contains("ready").then_some(()));
        program.interrupt();
        assert_eq!(program.ended().status, Some(7));
    }
}
