//! The same over gRPC, against OpenTelemetry's own service: what it has, and what it does wrong.

mod receiver;

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver as Channel, Sender, channel};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use phasemeter_core::catalogue::PHASE_RUNS;
use phasemeter_core::{Labels, Samples, Snapshot, Value};
use phasemeter_otel::{Builder, Compression, Exporter, Guard, Outcome, Protocol};
use rcgen::generate_simple_self_signed;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

use receiver::{LIMIT, nobody};

const NEVER: Duration = Duration::from_secs(24 * 3600);
/// More than a stream of HTTP/2 may hold before the other side gives leave for more.
const MANY: u64 = 5_000;

/// What the service does with one request.
enum Reply {
    Partial(i64),
    Fail(Status),
    Silent,
}

struct Service {
    replies: Mutex<VecDeque<Reply>>,
    requests: Sender<(MetadataMap, ExportMetricsServiceRequest)>,
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let (metadata, _, message) = request.into_parts();
        let _ended = self.requests.send((metadata, message));
        let reply = self.replies.lock().expect("no test panics with it").pop_front();
        let partial_success = match reply {
            None => None,
            Some(Reply::Partial(rejected)) => {
                let error_message = "too old".to_owned();
                Some(ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message })
            }
            Some(Reply::Fail(status)) => return Err(status),
            Some(Reply::Silent) => std::future::pending().await,
        };
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}

/// Answers until the test ends.
struct Receiver {
    address: SocketAddr,
    requests: Channel<(MetadataMap, ExportMetricsServiceRequest)>,
}

impl Receiver {
    fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), replies, None)
    }

    fn start_at(address: SocketAddr, replies: impl IntoIterator<Item = Reply>, tls: Option<ServerTlsConfig>) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let address = listener.local_addr().expect("it listens");
        let (sender, requests) = channel();
        let service = Service { replies: Mutex::new(replies.into_iter().collect()), requests: sender };
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).expect("a listener"));
                let service = MetricsServiceServer::new(service).accept_compressed(CompressionEncoding::Gzip);
                let mut server = Server::builder();
                if let Some(tls) = tls {
                    server = server.tls_config(tls).expect("certificate and key fit");
                }
                server.add_service(service).serve_with_incoming(incoming).await
            })
        });
        Self { address, requests }
    }

    #[track_caller]
    fn next(&self) -> (MetadataMap, ExportMetricsServiceRequest) {
        self.requests.recv_timeout(LIMIT).expect("a request comes")
    }
}

fn exporter(address: SocketAddr) -> Builder {
    let builder = Exporter::builder().protocol(Protocol::Grpc).endpoint(&format!("http://{address}"));
    builder.interval(NEVER).timeout(LIMIT).say(|_| {})
}

fn snapshot() -> Snapshot {
    let mut samples = Samples::default();
    for phase in 0..MANY {
        let labels = Labels::new([("phase", format!("phase-{phase}"))]).expect("a valid name");
        samples.push_counted(&PHASE_RUNS, labels, Value::Count(phase), 1);
    }
    Snapshot::new(samples)
}

fn start(builder: Builder) -> Guard {
    builder.build().expect("valid settings").start(snapshot).expect("a thread")
}

/// It holds the whole snapshot.
#[track_caller]
fn check_whole(request: &ExportMetricsServiceRequest) {
    let metric = &request.resource_metrics[0].scope_metrics[0].metrics[0];
    assert_eq!(metric.name, PHASE_RUNS.otel);
    let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
    assert_eq!(sum.data_points.len() as u64, MANY);
}

/// Two pushes: the first is replied to so and ends so, the second is taken; both hold everything.
#[track_caller]
fn check(reply: Reply, outcome: Outcome) {
    let receiver = Receiver::start([reply]);
    let guard = start(exporter(receiver.address));
    assert_eq!(guard.flush(LIMIT), outcome.came_through());
    assert_eq!(guard.counts().exports(outcome), 1, "{:?}", guard.counts());
    check_whole(&receiver.next().1);
    assert!(guard.flush(LIMIT));
    check_whole(&receiver.next().1);
}

#[test]
fn a_push_arrives_whole_with_its_headers() {
    let receiver = Receiver::start([]);
    let guard = start(exporter(receiver.address).header("X-Tenant", "acid"));
    assert!(guard.flush(LIMIT));
    let (metadata, request) = receiver.next();
    check_whole(&request);
    assert_eq!(metadata.get("x-tenant").and_then(|tenant| tenant.to_str().ok()), Some("acid"));
    assert_eq!(metadata.get("grpc-encoding"), None);
    assert!(guard.shut_down());
    check_whole(&receiver.next().1);
}

#[test]
fn what_is_compressed_is_understood() {
    let receiver = Receiver::start([]);
    let guard = start(exporter(receiver.address).compression(Compression::Gzip));
    // Twice: the second must not hold what is left of the first.
    for _ in 0..2 {
        assert!(guard.flush(LIMIT));
        let (metadata, request) = receiver.next();
        assert_eq!(metadata.get("grpc-encoding").and_then(|encoding| encoding.to_str().ok()), Some("gzip"));
        check_whole(&request);
    }
}

#[test]
fn points_that_a_receiver_leaves_out_are_counted() {
    let receiver = Receiver::start([Reply::Partial(2), Reply::Partial(0)]);
    let guard = start(exporter(receiver.address));
    assert!(guard.flush(LIMIT) && guard.flush(LIMIT));
    let counts = guard.counts();
    assert_eq!((counts.exports(Outcome::Partial), counts.exports(Outcome::Ok)), (1, 1));
    assert_eq!(counts.rejected_points(), 2);
}

#[test]
fn a_status_says_whether_it_is_worth_another_try() {
    for code in [Code::Unavailable, Code::Aborted, Code::DeadlineExceeded, Code::Cancelled, Code::DataLoss] {
        check(Reply::Fail(Status::new(code, "not now")), Outcome::Unavailable);
    }
    for code in [Code::InvalidArgument, Code::Unauthenticated, Code::Unimplemented, Code::ResourceExhausted] {
        check(Reply::Fail(Status::new(code, "not ever")), Outcome::Refused);
    }
}

/// `google.rpc.Status` with a `RetryInfo` of 7 s, as it is written.
#[test]
fn a_receiver_that_is_exhausted_and_says_for_how_long_is_worth_another_try() {
    let name = b"type.googleapis.com/google.rpc.RetryInfo";
    let any = [&[0x0a, name.len() as u8], &name[..], &[0x12, 4, 0x0a, 2, 0x08, 7]].concat();
    let details = [&[0x08, 8, 0x1a, any.len() as u8], &any[..]].concat();
    let status = Status::with_details(Code::ResourceExhausted, "later", details.into());
    check(Reply::Fail(status), Outcome::Unavailable);
}

#[test]
fn a_receiver_that_is_too_slow_is_left_at_the_timeout() {
    let receiver = Receiver::start([Reply::Silent]);
    let guard = start(exporter(receiver.address).timeout(Duration::from_millis(300)));
    assert!(!guard.flush(LIMIT));
    assert_eq!(guard.counts().exports(Outcome::Unavailable), 1);
}

#[test]
fn a_receiver_that_was_dead_gets_everything_once_it_is_back() {
    let address = nobody();
    let guard = start(exporter(address));
    assert!(!guard.flush(LIMIT));
    assert_eq!(guard.counts().exports(Outcome::Unavailable), 1);
    let receiver = Receiver::start_at(address, [], None);
    assert!(guard.flush(LIMIT));
    check_whole(&receiver.next().1);
}

#[test]
fn a_connection_that_is_reset_and_a_receiver_of_something_else_are_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it listens");
    let peer = thread::spawn(move || {
        drop(listener.accept());
        let (mut stream, _) = listener.accept().expect("the second");
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("it listens");
    });
    let guard = start(exporter(address));
    assert!(!guard.flush(LIMIT) && !guard.flush(LIMIT));
    assert_eq!(guard.counts().exports(Outcome::Unavailable), 2);
    peer.join().expect("no panic");
}

#[test]
fn the_end_does_not_wait_for_a_receiver_that_never_answers() {
    let receiver = Receiver::start([Reply::Silent]);
    let guard = start(exporter(receiver.address).timeout(NEVER).shutdown(Duration::from_millis(50)));
    let (sender, returned) = channel();
    thread::spawn(move || sender.send(guard.shut_down()));
    assert_eq!(returned.recv_timeout(LIMIT), Ok(false));
}

#[test]
fn who_is_named_is_trusted_and_nobody_else_and_we_are_known() {
    let [own, client] =
        ["localhost", "acid"].map(|host| generate_simple_self_signed([host.to_owned()]).expect("a key"));
    let identity = Identity::from_pem(own.cert.pem(), own.signing_key.serialize_pem());
    let tls = ServerTlsConfig::new().identity(identity).client_ca_root(Certificate::from_pem(client.cert.pem()));
    let receiver = Receiver::start_at("127.0.0.1:0".parse().expect("an address"), [], Some(tls));
    let to = || exporter(receiver.address).endpoint(&format!("https://localhost:{}", receiver.address.port()));
    let trusting = || to().certificate(own.cert.pem().as_bytes());
    let (chain, key) = (client.cert.pem(), client.signing_key.serialize_pem());
    for builder in [to(), trusting(), to().client_certificate(chain.as_bytes(), key.as_bytes())] {
        let guard = start(builder.shutdown(Duration::ZERO));
        assert!(!guard.flush(LIMIT));
        assert_eq!(guard.counts().exports(Outcome::Unavailable), 1);
    }
    let guard = start(trusting().client_certificate(chain.as_bytes(), key.as_bytes()));
    assert!(guard.flush(LIMIT));
    check_whole(&receiver.next().1);
}
