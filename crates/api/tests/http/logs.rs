//! What stands in the log, and what never does.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::client::ask;
use crate::site::{settings, start};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Sink;

    fn make_writer(&'a self) -> Sink {
        self.clone()
    }
}

#[test]
fn the_log_names_patterns_and_inner_words_but_no_token() {
    let sink = Sink::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(sink.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = start(settings()).unwrap();
    assert_eq!(ask(server.address(), "DELETE", "/v1/access_token/hush-hush?also=hush-hush", "").status, 200);
    assert_eq!(ask(server.address(), "GET", "/v1/access_token/hush-hush", "").status, 405);
    assert_eq!(ask(server.address(), "GET", "/v1/access/hush-hush", "").status, 404);
    let reply = ask(server.address(), "PUT", "/v1/fail/bug", r#"{"password":"hush-hush"}"#);
    assert!(reply.status == 500 && !reply.error().contains("inner words"));
    server.stop();
    let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("/v1/access_token/{token}") && log.contains("inner words"), "{log}");
    assert!(!log.contains("hush-hush") && !log.contains("aivenv1"), "{log}");
}
