//! A platform that answers what a test tells it to, one connection after the other, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_farshore");
pub const TOKEN: &str = "the-token-of-the-test";
const BODY_BYTES_MAX: usize = 1 << 20;

/// What was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub method: String,
    /// Without `/v1`.
    pub path: String,
    pub authorization: String,
    pub body: Value,
}

/// A platform of a test.
pub struct Canned {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Canned {
    /// Answers with status and JSON, as the function says.
    pub fn start(answer: impl Fn(&Asked) -> (u16, Value) + Send + 'static) -> Canned {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        // Ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                heard.lock().unwrap().push(request.clone());
                let (status, body) = answer(&request);
                write(&stream, status, &body);
            }
        });
        Canned { url, asked }
    }

    /// All that was asked until now.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The program as a user of this platform types it.
    pub fn farshore(&self, line: &str) -> Command {
        let mut command = bare(line);
        command.env("AIVEN_WEB_URL", &self.url).env("AIVEN_AUTH_TOKEN", TOKEN).env("AIVEN_PROJECT", "main");
        command
    }

    /// Runs it to its end.
    pub fn run(&self, line: &str) -> Ended {
        Ended::of(&mut self.farshore(line))
    }
}

/// The program without anything that says where a platform is.
pub fn bare(line: &str) -> Command {
    let mut command = Command::new(BINARY);
    command.args(line.split_whitespace()).stdin(Stdio::null()).env("HOME", "/nowhere");
    for name in
        ["AIVEN_WEB_URL", "AIVEN_AUTH_TOKEN", "AIVEN_PROJECT", "AIVEN_CA_CERT", "XDG_DATA_HOME", "XDG_CONFIG_HOME"]
    {
        command.env_remove(name);
    }
    command
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub errors: String,
}

impl Ended {
    pub fn of(command: &mut Command) -> Ended {
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended { code: status.code().unwrap(), out: text(stdout), errors: text(stderr) }
    }

    /// What was printed by one that went well.
    pub fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_string(), words.next()?.to_string());
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = value.to_string(),
            _ => {}
        }
    }
    let mut body = vec![0; usize::min(length, BODY_BYTES_MAX)];
    reader.read_exact(&mut body).ok()?;
    let path = path.strip_prefix("/v1").unwrap_or(&path).to_string();
    Some(Asked { method, path, authorization, body: serde_json::from_slice(&body).unwrap_or(Value::Null) })
}

fn write(mut stream: &TcpStream, status: u16, body: &Value) {
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} Status\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    // The client may have gone, which is its own affair.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
}

/// A refusal as the API writes it.
pub fn refusal(message: &str, status: u16) -> (u16, Value) {
    (status, json!({"message": message, "errors": [{"message": message, "status": status}]}))
}

/// A service as the API writes it, as far as it is read.
pub fn service(state: &str) -> Value {
    json!({
        "service_id": "pg-1-00ff", "service_name": "pg-1", "service_type": "pg", "service_type_description": "PostgreSQL",
        "state": state, "plan": "startup-4", "cloud_name": "local-north", "create_time": "2026-11-21T10:00:00Z",
        "service_uri": "postgres://avnadmin:hush@127.0.0.1:5433/defaultdb?sslmode=require",
        "service_uri_params": {"dbname": "defaultdb", "host": "127.0.0.1", "password": "hush", "port": "5433",
                               "sslmode": "require", "user": "avnadmin"},
        "users": [{"username": "avnadmin", "password": "hush", "type": "primary"},
                  {"username": "dora", "password": "new-hush", "type": "normal"}],
        "node_states": [], "service_notifications": [], "metadata": {"version": "15.13", "data_at_risk_seconds": 2.0},
    })
}

/// A run as the API writes it.
pub fn run(id: &str, state: &str, error: Option<&str>) -> Value {
    json!({
        "id": id, "kind": "create", "service_name": "pg-1", "state": state, "create_time": "2026-11-21T10:00:00Z",
        "end_time": null, "step": "restore", "steps_done": 1, "steps": 4, "error": error,
        "progress": {"bytes_done": 500_000_000, "bytes_expected": 2_000_000_000, "bytes_per_second": 100_000_000,
                     "seconds_left": 15},
    })
}
