//! What receivers do wrong, over real sockets: nothing is lost that is counted, and nobody waits for them.

mod receiver;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Read;
use phasemeter_core::catalogue::PHASE_RUNS;
use phasemeter_core::{Labels, Samples, Snapshot, Value};
use phasemeter_otel::{Builder, Compression, Exporter, Guard, Outcome, Temporality};
use prost::Message as _;

use receiver::{LIMIT, Receiver, Reply, Request, nobody};

/// Beyond any test, so that only what is asked for is pushed.
const NEVER: Duration = Duration::from_secs(24 * 3600);

fn exporter(address: SocketAddr) -> Builder {
    let url = format!("http://{address}/v1/metrics");
    Exporter::builder().endpoint(&url).interval(NEVER).timeout(LIMIT).say(|_| {})
}

/// A count of runs, and the snapshot that shows it.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicU64>);

impl Runs {
    fn count(&self, more: u64) {
        self.0.fetch_add(more, Ordering::SeqCst);
    }

    fn snapshot(&self) -> Snapshot {
        let mut samples = Samples::default();
        samples.push_counted(&PHASE_RUNS, Labels::none(), Value::Count(self.0.load(Ordering::SeqCst)), 1);
        Snapshot::new(samples)
    }

    fn start(&self, builder: Builder) -> Guard {
        let runs = self.clone();
        builder.build().expect("valid settings").start(move || runs.snapshot()).expect("a thread")
    }
}

/// The count of runs that a request tells, and since when.
#[track_caller]
fn counted(request: &Request) -> (u64, u64) {
    let read = ExportMetricsServiceRequest::decode(&*request.body).expect("OTLP");
    let metric = &read.resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!(metric.name, PHASE_RUNS.otel);
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    let [point] = &*sum.data_points else { panic!("{sum:?}") };
    match point.value {
        Some(Read::AsInt(count)) => (u64::try_from(count).expect("a count"), point.start_time_unix_nano),
        ref other => panic!("{other:?}"),
    }
}

/// Two pushes: the first is replied to so and ends so, the second is taken and holds everything.
#[track_caller]
fn check(reply: Reply, outcome: Outcome) {
    let receiver = Receiver::start([reply]);
    let runs = Runs::default();
    let guard = runs.start(exporter(receiver.address));
    runs.count(3);
    assert_eq!(guard.flush(LIMIT), outcome.came_through());
    assert_eq!(guard.counts().exports(outcome), 1, "{:?}", guard.counts());
    assert_eq!(counted(&receiver.next()).0, 3);
    runs.count(4);
    let before = guard.counts().exports(Outcome::Ok);
    assert!(guard.flush(LIMIT));
    assert_eq!(guard.counts().exports(Outcome::Ok), before + 1);
    assert_eq!(counted(&receiver.next()), (7, 1));
}

fn status(status: u16, head: &'static str) -> Reply {
    Reply::Status(status, head, Vec::new())
}

#[test]
fn what_is_taken_is_counted_as_such() {
    check(Reply::Ok, Outcome::Ok);
}

#[test]
fn a_receiver_that_is_busy_gets_it_all_with_the_next_push() {
    check(status(429, "Retry-After: 3600\r\n"), Outcome::Unavailable);
    check(status(503, ""), Outcome::Unavailable);
}

#[test]
fn a_receiver_that_refuses_gets_it_all_with_the_next_push() {
    check(status(400, ""), Outcome::Refused);
    check(status(307, "Location: http://127.0.0.1:1/\r\n"), Outcome::Refused);
}

#[test]
fn an_answer_that_is_lost_loses_no_count() {
    check(Reply::Reset, Outcome::Unavailable);
    check(Reply::Half, Outcome::Unavailable);
}

#[test]
fn points_that_a_receiver_leaves_out_are_counted() {
    let partial = ExportMetricsPartialSuccess { rejected_data_points: 2, error_message: "too old".to_owned() };
    let body = ExportMetricsServiceResponse { partial_success: Some(partial) }.encode_to_vec();
    let receiver = Receiver::start([Reply::Status(200, "", body)]);
    let guard = Runs::default().start(exporter(receiver.address));
    assert!(guard.flush(LIMIT));
    assert_eq!((guard.counts().exports(Outcome::Partial), guard.counts().rejected_points()), (1, 2));
}

#[test]
fn a_receiver_that_is_too_slow_is_left_at_the_timeout() {
    let receiver = Receiver::start([Reply::Silent]);
    let guard = Runs::default().start(exporter(receiver.address).timeout(Duration::from_millis(50)));
    assert!(!guard.flush(LIMIT));
    assert_eq!(guard.counts().exports(Outcome::Unavailable), 1);
}

#[test]
fn a_receiver_that_was_dead_gets_everything_once_it_is_back() {
    let address = nobody();
    let runs = Runs::default();
    let guard = runs.start(exporter(address));
    for _ in 0..3 {
        runs.count(5);
        assert!(!guard.flush(LIMIT));
    }
    assert_eq!(guard.counts().exports(Outcome::Unavailable), 3);
    let receiver = Receiver::start_at(address, []);
    assert!(guard.flush(LIMIT));
    assert_eq!(counted(&receiver.next()), (15, 1));
    assert_eq!(receiver.so_far().len(), 0, "nothing was queued");
}

#[test]
fn who_was_away_is_tried_again_long_before_the_interval_is_over() {
    let receiver = Receiver::start([status(503, "")]);
    let guard = Runs::default().start(exporter(receiver.address));
    assert!(!guard.flush(LIMIT));
    receiver.next();
    receiver.next();
    drop(guard);
}

#[test]
fn it_pushes_by_itself_once_an_interval() {
    let receiver = Receiver::start([]);
    let guard = Runs::default().start(exporter(receiver.address).interval(Duration::from_millis(1)));
    (0..3).for_each(|_| drop(receiver.next()));
    drop(guard);
}

#[test]
fn differences_lose_nothing_either() {
    let receiver = Receiver::start([Reply::Ok, status(503, ""), status(400, ""), Reply::Ok]);
    let runs = Runs::default();
    let guard = runs.start(exporter(receiver.address).temporality(Temporality::Delta));
    let pushed = [3, 4, 5, 6].map(|more| {
        runs.count(more);
        guard.flush(LIMIT);
        counted(&receiver.next())
    });
    assert_eq!(pushed.map(|(count, _)| count), [3, 4, 9, 15]);
    assert_eq!(pushed[0].1, 1);
    assert!(pushed[1].1 > 1 && pushed[1..].iter().all(|(_, start)| *start == pushed[1].1), "{pushed:?}");
    drop(guard);
    assert_eq!(counted(&receiver.next()).0, 0);
}

#[test]
fn headers_and_the_kind_of_body_arrive() {
    let receiver = Receiver::start([]);
    let builder = exporter(receiver.address).header("X-Tenant", "acid").header("authorization", "Bearer x");
    let guard = Runs::default().start(builder);
    assert!(guard.flush(LIMIT));
    let request = receiver.next();
    assert_eq!(request.path, "/v1/metrics");
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!((request.header("x-tenant"), request.header("authorization")), (Some("acid"), Some("Bearer x")));
    assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("phasemeter-otel/")));
    assert_eq!(request.header("content-encoding"), None);
}

#[test]
fn what_is_compressed_is_gzip_and_smaller() {
    let receiver = Receiver::start([]);
    let runs = Runs::default();
    runs.count(2);
    let mut samples = Samples::default();
    for phase in 0..100 {
        samples.push(&PHASE_RUNS, Labels::new([("phase", phase.to_string())]).expect("valid"), Value::Count(phase));
    }
    let snapshot = Snapshot::new(samples);
    let builder = exporter(receiver.address).compression(Compression::Gzip);
    let guard = builder.build().expect("valid").start(move || snapshot.clone()).expect("a thread");
    // Twice: the second must not hold what is left of the first.
    for _ in 0..2 {
        assert!(guard.flush(LIMIT));
        let request = receiver.next();
        assert_eq!((request.header("content-encoding"), &request.sent[..2]), (Some("gzip"), &[0x1f, 0x8b][..]));
        assert!(request.sent.len() * 4 < request.body.len());
        let read = ExportMetricsServiceRequest::decode(&*request.body).expect("OTLP");
        let Some(Data::Sum(sum)) = &read.resource_metrics[0].scope_metrics[0].metrics[0].data else { panic!() };
        assert_eq!(sum.data_points.len(), 100);
    }
}

#[test]
fn the_end_pushes_once_more() {
    let receiver = Receiver::start([]);
    let runs = Runs::default();
    let guard = runs.start(exporter(receiver.address));
    runs.count(9);
    assert!(guard.shut_down());
    assert_eq!(counted(&receiver.next()).0, 9);
    let guard = runs.start(exporter(receiver.address));
    drop(guard);
    assert_eq!(counted(&receiver.next()).0, 9);
}

#[test]
fn a_panic_of_the_program_pushes_once_more() {
    let receiver = Receiver::start([]);
    let runs = Runs::default();
    let guard = runs.start(exporter(receiver.address));
    let worker = thread::spawn(move || {
        let _guard = guard;
        runs.count(2);
        panic!("this test wants it");
    });
    assert!(worker.join().is_err());
    assert_eq!(counted(&receiver.next()).0, 2);
}

/// Whatever `end` does, it returns long before the timeout of a push would let it.
#[track_caller]
fn check_returns(guard: Guard, expected: bool) {
    let (sender, returned) = channel();
    thread::spawn(move || sender.send(guard.shut_down()));
    assert_eq!(returned.recv_timeout(LIMIT), Ok(expected));
}

#[test]
fn the_end_does_not_wait_for_a_receiver_that_never_answers() {
    let receiver = Receiver::start([Reply::Silent, Reply::Silent]);
    let builder = || exporter(receiver.address).timeout(NEVER).shutdown(Duration::from_millis(50));
    let exporter = builder().build().expect("valid settings");
    let counts = exporter.counts();
    check_returns(exporter.start(Snapshot::default).expect("a thread"), false);
    // And the push is given up as well, so that no thread is left behind.
    let patience = Instant::now() + LIMIT;
    while counts.exports(Outcome::Unavailable) == 0 {
        assert!(Instant::now() < patience, "it goes on: {counts:?}");
        thread::yield_now();
    }
    // Nor for a push that is under way already.
    let guard = Arc::new(Runs::default().start(builder()));
    assert!(!guard.flush(Duration::from_millis(50)));
    check_returns(Arc::into_inner(guard).expect("the only one"), false);
}

#[test]
fn the_end_does_not_wait_for_a_receiver_that_is_dead() {
    check_returns(Runs::default().start(exporter(nobody())), false);
}

#[test]
fn the_end_does_not_wait_for_a_snapshot_that_never_comes() {
    let (never, come) = channel::<()>();
    let come = std::sync::Mutex::new(come);
    let source = move || {
        let _closed = come.lock().expect("only here").recv();
        Snapshot::default()
    };
    let builder = exporter(nobody()).shutdown(Duration::from_millis(50));
    check_returns(builder.build().expect("valid").start(source).expect("a thread"), false);
    drop(never);
}

#[test]
fn a_snapshot_that_panics_is_a_failed_push_and_no_end() {
    let receiver = Receiver::start([]);
    let asked = AtomicU64::new(0);
    let source = move || match asked.fetch_add(1, Ordering::SeqCst) {
        0 => panic!("this test wants it"),
        _ => Runs::default().snapshot(),
    };
    let guard = exporter(receiver.address).build().expect("valid").start(source).expect("a thread");
    assert!(!guard.flush(LIMIT));
    assert_eq!(guard.counts().exports(Outcome::Failed), 1);
    assert!(guard.flush(LIMIT));
}

#[test]
fn flushes_from_many_threads_are_all_answered() {
    let receiver = Receiver::start([]);
    let guard = Runs::default().start(exporter(receiver.address));
    thread::scope(|scope| {
        let flushes: Vec<_> = (0..8).map(|_| scope.spawn(|| guard.flush(LIMIT))).collect();
        assert!(flushes.into_iter().all(|flush| flush.join().expect("no panic")));
    });
    assert!((1..=8).contains(&guard.counts().exports(Outcome::Ok)));
}

#[test]
fn where_nothing_is_wanted_nothing_starts() {
    let exporter = Exporter::from_env(|_| None).expect("nothing is wrong");
    assert!(!exporter.is_enabled());
    let guard = exporter.start(|| panic!("nobody asks")).expect("no thread is needed");
    assert!(!guard.flush(LIMIT));
    assert!(guard.shut_down());
}
