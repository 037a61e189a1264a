//! hey, a load generator: what it was answered is what the service must have counted.

use std::collections::BTreeMap;
use std::process::Command;

use phasemeter_tests::program::Program;

use crate::running::binary;

/// A load, going on: so many requests by so many clients, each of which has one in flight at any time.
#[derive(Debug)]
pub(crate) struct Load {
    program: Program,
}

/// What came back, by hey's own count.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Answers {
    /// How many answers have which status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Requests without an answer.
    pub(crate) failed: u64,
}

impl Load {
    /// Starts one. hey sends only a multiple of `clients`.
    #[track_caller]
    pub(crate) fn start(requests: u64, clients: u64, arguments: &[&str]) -> Self {
        assert_eq!(requests % clients, 0, "hey would send fewer");
        let mut command = Command::new(binary("PHASEMETER_HEY", "hey"));
        command.args(["-n", &requests.to_string(), "-c", &clients.to_string()]).args(arguments);
        Self { program: Program::start(&mut command) }
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn answers(self) -> Answers {
        let ended = self.program.ended();
        assert_eq!(ended.status, Some(0), "{}", ended.stderr);
        parse(&ended.stdout)
    }

    /// Breaks it off: its clients hang up.
    pub(crate) fn hang_up(self) {
        drop(self.program);
    }
}

impl Answers {
    /// All of one status.
    #[track_caller]
    pub(crate) fn only(&self, status: u16) -> u64 {
        let count = self.statuses.get(&status).copied().unwrap_or_default();
        assert_eq!(*self, Self { statuses: [(status, count)].into(), failed: 0 });
        count
    }
}

/// Reads the two distributions at the end of a summary: `[200]\t2000 responses`, and `[4]\t` with a reason.
fn parse(summary: &str) -> Answers {
    let mut answers = Answers::default();
    let (_, statuses) = summary.split_once("Status code distribution:").unwrap_or_default();
    let (statuses, errors) = statuses.split_once("Error distribution:").unwrap_or((statuses, ""));
    for (status, text) in statuses.lines().filter_map(entry) {
        let count = text.strip_suffix(" responses").and_then(|count| count.parse().ok());
        answers.statuses.insert(status, count.unwrap_or_else(|| panic!("no number of responses: {text:?}")));
    }
    answers.failed = errors.lines().filter_map(entry).map(|(count, _)| u64::from(count)).sum();
    answers
}

/// `  [NUMBER]\tTEXT`.
fn entry(line: &str) -> Option<(u16, &str)> {
    let (number, text) = line.trim().strip_prefix('[')?.split_once("]\t")?;
    Some((number.parse().ok()?, text))
}

#[test]
fn both_distributions_are_read() {
    let summary = "Response time histogram:\n  0.1 [7]\t|\n\nStatus code distribution:\n  [200]\t12 responses\n  \
                   [400]\t3 responses\n\nError distribution:\n  [4]\tGet \"http://[::1]:1\": EOF\n  [2]\tGet: refused\n";
    assert_eq!(parse(summary), Answers { statuses: [(200, 12), (400, 3)].into(), failed: 6 });
    assert_eq!(parse("Status code distribution:\n  [202]\t5 responses\n\n\n").only(202), 5);
}
