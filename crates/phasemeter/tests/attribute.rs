//! What `#[phase]` records, for every way a function can end and every form a function can have.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Display;
use std::future::{Future, pending, ready};
use std::io;
use std::num::ParseIntError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::LazyLock;
use std::time::Duration;

use phasemeter::{Ending, Meter, Phase, phase};

static METER: LazyLock<Meter> = LazyLock::new(|| Meter::builder().pipeline("t").build());

/// Compares what a phase has counted, without the zeros, as `metric outcome value`.
#[track_caller]
fn check(phase: &str, expected: &[&str]) {
    let (_, body) = METER.render("");
    let text = String::from_utf8(body).unwrap();
    let counted: Vec<String> = text.lines().filter_map(|line| counted(line, phase)).collect();
    assert_eq!(counted, expected, "of {phase} in:\n{text}");
}

/// `phase_runs_total{outcome="ok",phase="embed",pipeline="t"} 1` as `runs ok 1`; an error's type without its module.
fn counted(line: &str, phase: &str) -> Option<String> {
    let (name, rest) = line.strip_prefix("phase_")?.split_once("_total{")?;
    let (labels, value) = rest.split_once("} ")?;
    let own = labels.strip_suffix(&format!(r#",phase="{phase}",pipeline="t""#))?;
    let (_, label) = own.strip_suffix('"')?.split_once("=\"")?;
    let label = label.rsplit("::").next()?;
    (value != "0").then(|| format!("{name} {label} {value}"))
}

mod endings {
    use super::*;

    #[test]
    fn ok_and_err_count_under_their_outcome() {
        static PARSE: Phase = Phase::new("parse");

        #[phase(PARSE, items = words.len(), bytes = words.join("").len())]
        fn parse(words: &[&str]) -> Result<Vec<u32>, ParseIntError> {
            let mut numbers = Vec::new();
            for word in words {
                numbers.push(word.parse()?);
            }
            Ok(numbers)
        }

        assert_eq!(parse(&["1", "22"]).unwrap(), [1, 22]);
        assert!(parse(&["1", "2", "x"]).is_err());
        let expected = [
            "bytes error 3",
            "bytes ok 3",
            "errors ParseIntError 1",
            "items error 3",
            "items ok 2",
            "runs error 1",
            "runs ok 1",
        ];
        check("parse", &expected);
    }

    #[test]
    fn an_early_return_of_err_is_an_error() {
        static OPEN: Phase = Phase::new("open");

        #[phase(OPEN)]
        fn open(present: bool) -> io::Result<()> {
            if !present {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(())
        }

        open(true).unwrap();
        open(false).unwrap_err();
        check("open", &["errors NotFound 1", "runs error 1", "runs ok 1"]);
    }

    #[test]
    fn the_trait_may_be_in_scope_beside_the_attribute() {
        static SAVE: Phase = Phase::new("save");

        #[phase(SAVE)]
        fn save() -> Result<(), std::fmt::Error> {
            Err(std::fmt::Error)
        }

        assert_eq!(save().error_type(), Some("core::fmt::Error"));
        check("save", &["errors Error 1", "runs error 1"]);
    }

    #[test]
    fn what_is_no_result_is_ok() {
        static PLAIN: Phase = Phase::new("plain");

        #[phase(PLAIN)]
        fn unit() {}

        #[phase(PLAIN)]
        fn none() -> Option<u8> {
            None
        }

        #[phase(PLAIN)]
        fn generic<T>(value: T) -> T {
            value
        }

        unit();
        assert_eq!(none(), None);
        assert_eq!(generic(Err::<(), _>(3)), Err(3));
        check("plain", &["runs ok 3"]);
    }

    #[test]
    fn a_panic_is_an_error() {
        static PANICS: Phase = Phase::new("panics");

        #[phase(PANICS, items = 2)]
        fn never() -> ! {
            panic!("as the test wants")
        }

        #[phase(PANICS)]
        fn number() -> Result<u8, ParseIntError> {
            unreachable!("as the test wants")
        }

        assert!(catch_unwind(|| never()).is_err());
        assert!(catch_unwind(number).is_err());
        check("panics", &["errors panic 2", "items error 2", "runs error 2"]);
    }

    #[tokio::test]
    async fn a_future_ends_like_a_function() {
        static FETCH: Phase = Phase::new("fetch");

        #[derive(Debug, PartialEq)]
        struct Bad;

        impl From<ParseIntError> for Bad {
            fn from(_: ParseIntError) -> Self {
                Self
            }
        }

        #[phase(FETCH, items = word.len())]
        async fn fetch(word: &str) -> Result<u32, Bad> {
            tokio::task::yield_now().await;
            let number = word.parse()?;
            if number == 7 {
                return Err(Bad);
            }
            Ok(number)
        }

        #[phase(FETCH)]
        async fn panics() {
            tokio::task::yield_now().await;
            panic!("as the test wants");
        }

        assert_eq!(fetch("345").await, Ok(345));
        assert_eq!(fetch("7").await, Err(Bad));
        assert_eq!(fetch("x").await, Err(Bad));
        assert!(tokio::spawn(panics()).await.is_err());
        check("fetch", &["errors Bad 2", "errors panic 1", "items error 2", "items ok 3", "runs error 3", "runs ok 1"]);
    }

    #[tokio::test]
    async fn a_dropped_future_is_cancelled_without_items() {
        static HANG: Phase = Phase::new("hang");

        #[phase(HANG, items = 5, bytes = 6)]
        async fn hang() -> io::Result<()> {
            pending().await
        }

        assert!(tokio::time::timeout(Duration::from_millis(1), hang()).await.is_err());
        check("hang", &["runs cancelled 1"]);
    }

    #[tokio::test]
    async fn a_future_never_polled_is_no_run() {
        static UNPOLLED: Phase = Phase::new("unpolled");

        #[phase(UNPOLLED, items = 5)]
        async fn unpolled() {}

        drop(unpolled());
        check("unpolled", &[]);
        unpolled().await;
        check("unpolled", &["items ok 5", "runs ok 1"]);
    }
}

mod arguments {
    use super::*;

    #[test]
    fn counts_are_evaluated_once_and_before_the_body() {
        static ONCE: Phase = Phase::new("once");

        #[phase(ONCE, bytes = { calls.set(calls.get() + 1); items.len() as i64 }, items = items.len())]
        fn consume(mut items: Vec<u8>, calls: &Cell<u32>) -> usize {
            assert_eq!(calls.get(), 1);
            items.clear();
            items.len()
        }

        let calls = Cell::new(0);
        assert_eq!(consume(vec![1, 2, 3], &calls), 0);
        assert_eq!(calls.get(), 1);
        check("once", &["bytes ok 3", "items ok 3", "runs ok 1"]);
    }

    #[test]
    fn a_negative_count_is_dropped() {
        static NEGATIVE: Phase = Phase::new("negative");

        #[phase(NEGATIVE, items = -1_i32, bytes = 4_u8)]
        fn run() {}

        run();
        check("negative", &["bytes ok 4", "runs ok 1"]);
    }

    #[test]
    fn the_phase_is_any_expression() {
        static PHASES: [Phase; 2] = [Phase::new("expression_0"), Phase::new("expression_1")];

        #[phase(&PHASES[n])]
        fn run(n: usize) {}

        struct Stage {
            phase: &'static Phase,
        }

        impl Stage {
            #[phase(self.phase)]
            async fn run(&self) {}

            #[phase(*self.phase)]
            fn borrowed(&mut self) -> &mut &'static Phase {
                &mut self.phase
            }
        }

        run(1);
        let mut stage = Stage { phase: &PHASES[0] };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(stage.run());
        stage.borrowed();
        check("expression_0", &["runs ok 2"]);
        check("expression_1", &["runs ok 1"]);
    }

    #[test]
    fn the_crate_can_have_another_name() {
        use phasemeter as renamed;

        static RENAMED: Phase = Phase::new("renamed");

        #[phase(RENAMED, crate = renamed)]
        fn run() -> Result<(), ()> {
            Err(())
        }

        run().unwrap_err();
        check("renamed", &["errors () 1", "runs error 1"]);
    }
}

mod forms {
    use super::*;

    #[tokio::test]
    async fn methods() {
        static METHODS: Phase = Phase::new("methods");

        #[derive(Default)]
        struct Index {
            docs: Vec<String>,
        }

        impl Index {
            #[phase(METHODS)]
            pub(crate) fn first(&self) -> Option<&str> {
                Some(self.docs.first()?)
            }

            #[phase(METHODS, items = 1)]
            fn add(&mut self, doc: impl Into<String>) -> &mut String {
                self.docs.push(doc.into());
                self.docs.last_mut().expect("one was pushed")
            }

            #[phase(METHODS)]
            async fn last(&mut self) -> Option<&mut String> {
                ready(()).await;
                self.docs.last_mut()
            }

            #[phase(METHODS)]
            fn boxed(self: Box<Self>) -> Vec<String> {
                self.docs
            }

            #[phase(METHODS)]
            async fn finish(mut self) -> Vec<String> {
                self.docs.sort();
                self.docs
            }
        }

        let mut index = Index::default();
        index.add("b").push('!');
        index.add("a");
        assert_eq!(index.first(), Some("b!"));
        assert_eq!(index.last().await.unwrap(), "a");
        assert_eq!(index.finish().await, ["a", "b!"]);
        assert!(Box::<Index>::default().boxed().is_empty());
        check("methods", &["items ok 2", "runs ok 6"]);
    }

    #[test]
    fn generics_lifetimes_and_patterns() {
        static GENERICS: Phase = Phase::new("generics");

        #[phase(GENERICS)]
        fn largest<'a, T, const N: usize>(items: &'a mut [T; N], (low, _): (T, T)) -> Result<&'a mut T, String>
        where
            T: Ord + Copy,
        {
            items.iter_mut().filter(|item| **item > low).max().ok_or_else(|| "none".to_owned())
        }

        #[phase(GENERICS)]
        fn countdown(mut n: u32) -> u32 {
            while n > 3 {
                n -= 1;
            }
            n
        }

        *largest(&mut [1, 5, 3], (2, 0)).unwrap() += 1;
        largest(&mut ["a"], ("b", "c")).unwrap_err();
        assert_eq!(countdown(9), 3);
        check("generics", &["errors String 1", "runs error 1", "runs ok 2"]);
    }

    #[tokio::test]
    async fn impl_trait_in_arguments_and_returns() {
        static OPAQUE: Phase = Phase::new("opaque");

        #[phase(OPAQUE)]
        fn evens<'a>(numbers: impl IntoIterator<Item = u32> + 'a) -> impl Iterator<Item = u32> + 'a {
            numbers.into_iter().filter(|n| n % 2 == 0)
        }

        #[phase(OPAQUE)]
        fn adder(n: u32) -> impl Fn(u32) -> u32 {
            move |m| m + n
        }

        #[phase(OPAQUE)]
        fn shown(word: &str) -> Result<impl Display + use<>, ParseIntError> {
            let number: u32 = word.parse()?;
            Ok(number)
        }

        #[phase(OPAQUE)]
        async fn shown_later(word: &str) -> Result<impl Display, ParseIntError> {
            let number: u32 = ready(word).await.parse()?;
            Ok(number)
        }

        #[phase(OPAQUE)]
        async fn debug_later() -> impl std::fmt::Debug {
            ready(3).await
        }

        assert_eq!(evens([1, 2, 4]).count(), 2);
        assert_eq!(adder(1)(2), 3);
        assert_eq!(shown("3").unwrap().to_string(), "3");
        assert!(shown("x").is_err());
        assert!(shown_later("x").await.is_err());
        assert_eq!(format!("{:?}", debug_later().await), "3");
        check("opaque", &["errors ParseIntError 2", "runs error 2", "runs ok 4"]);
    }

    #[tokio::test]
    async fn recursion() {
        static RECURSION: Phase = Phase::new("recursion");

        #[phase(RECURSION)]
        fn sum(n: u32) -> u32 {
            if n == 0 { 0 } else { n + sum(n - 1) }
        }

        #[phase(RECURSION)]
        async fn sum_later(n: u32) -> u32 {
            if n == 0 { 0 } else { n + Box::pin(sum_later(n - 1)).await }
        }

        assert_eq!(sum(3), 6);
        assert_eq!(sum_later(2).await, 3);
        check("recursion", &["runs ok 7"]);
    }

    #[tokio::test]
    async fn traits() {
        static TRAITS: Phase = Phase::new("traits");

        trait Load {
            type Error;

            fn name(&self) -> Result<String, Self::Error>;

            #[phase(TRAITS)]
            fn shout(&self) -> Result<String, Self::Error> {
                Ok(self.name()?.to_uppercase())
            }

            fn load<'a>(
                &'a self,
                name: &'a str,
            ) -> Pin<Box<dyn Future<Output = Result<u32, ParseIntError>> + Send + 'a>>;
        }

        struct Disk;

        impl Load for Disk {
            type Error = io::Error;

            #[phase(TRAITS)]
            fn name(&self) -> Result<String, Self::Error> {
                Ok("disk".to_owned())
            }

            // The form that `#[async_trait]` gives an `async fn`.
            #[phase(TRAITS, items = name.len())]
            fn load<'a>(
                &'a self,
                name: &'a str,
            ) -> Pin<Box<dyn Future<Output = Result<u32, ParseIntError>> + Send + 'a>> {
                Box::pin(async move {
                    ready(()).await;
                    name.parse()
                })
            }
        }

        assert_eq!(Disk.shout().unwrap(), "DISK");
        assert_eq!(Disk.load("12").await, Ok(12));
        assert!(Disk.load("x").await.is_err());
        drop(Disk.load("unpolled"));
        let expected = ["errors ParseIntError 1", "items error 1", "items ok 2", "runs error 1", "runs ok 3"];
        check("traits", &expected);
    }

    #[tokio::test]
    async fn a_future_with_borrowed_arguments_stays_send() {
        static SENT: Phase = Phase::new("sent");

        struct Store {
            words: Vec<String>,
        }

        impl Store {
            #[phase(SENT, items = words.len() + self.words.len())]
            async fn extend<'a>(
                &'a mut self,
                words: &[&str],
                end: &(dyn Fn(&str) -> String + Sync),
            ) -> Result<&'a str, Box<dyn Error + Send>> {
                for word in words {
                    tokio::task::yield_now().await;
                    self.words.push(end(word));
                }
                Ok(&self.words[0])
            }
        }

        fn sent<T: Send>(value: T) -> T {
            value
        }

        let mut store = Store { words: Vec::new() };
        assert_eq!(sent(store.extend(&["a", "b"], &|word| format!("{word}."))).await.unwrap(), "a.");
        let spawned = tokio::spawn(async move { store.extend(&[], &str::to_owned).await.map(str::len).ok() });
        assert_eq!(spawned.await.unwrap(), Some(2));
        check("sent", &["items ok 4", "runs ok 2"]);
    }

    #[tokio::test]
    async fn instrument_stands_above_or_below() {
        static INSTRUMENTED: Phase = Phase::new("instrumented");

        #[tracing::instrument(err)]
        #[phase(INSTRUMENTED)]
        async fn above(word: &str) -> Result<u32, ParseIntError> {
            Ok(ready(word).await.parse::<u32>()? + 1)
        }

        #[phase(INSTRUMENTED)]
        #[tracing::instrument(err)]
        async fn below(word: &str) -> Result<u32, ParseIntError> {
            Ok(ready(word).await.parse::<u32>()? + 1)
        }

        #[phase(INSTRUMENTED)]
        #[tracing::instrument(err)]
        fn below_sync(word: &str) -> Result<u32, ParseIntError> {
            Ok(word.parse::<u32>()? + 1)
        }

        assert_eq!(above("1").await, Ok(2));
        assert_eq!(below("1").await, Ok(2));
        assert_eq!(below_sync("1"), Ok(2));
        assert!(above("x").await.is_err() && below("x").await.is_err() && below_sync("x").is_err());
        check("instrumented", &["errors ParseIntError 3", "runs error 3", "runs ok 3"]);
    }

    #[test]
    fn other_attributes_stay() {
        static ATTRIBUTES: Phase = Phase::new("attributes");

        /// Its documentation, above.
        #[inline]
        #[phase(ATTRIBUTES)]
        #[must_use]
        #[cfg(test)]
        /// And below.
        fn kept() -> u8 {
            #![allow(unused_variables, reason = "an inner attribute belongs to the function")]
            let unused = ();
            1
        }

        #[phase(ATTRIBUTES)]
        #[cfg(not(test))]
        fn kept() -> Unknown {}

        let unwinds = catch_unwind(AssertUnwindSafe(kept));
        assert_eq!(unwinds.unwrap(), 1);
        check("attributes", &["runs ok 1"]);
    }
}
