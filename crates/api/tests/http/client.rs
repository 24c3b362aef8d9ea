//! A small blocking HTTP client that shows everything that goes over the wire.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for an answer in any test.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks the shape of an error and gives its message.
    pub fn error(&self) -> String {
        let body = self.json();
        let message = body["message"].as_str().unwrap().to_string();
        assert_eq!(body["errors"][0]["message"], message.as_str());
        assert_eq!(body["errors"][0]["status"], self.status);
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        assert_eq!(self.header("content-type"), Some("application/json"));
        message
    }
}

/// A connection that is kept.
pub struct Client<S: Read + Write = TcpStream> {
    reader: BufReader<S>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { reader: BufReader::new(stream) }
    }

    /// Waits so long for anything to arrive; `Some(true)` if the other side closed, `None` if nothing happened.
    pub fn closed_within(&mut self, wait: Duration) -> Option<bool> {
        self.reader.get_ref().set_read_timeout(Some(wait)).unwrap();
        let outcome = self.reader.read(&mut [0]);
        self.reader.get_ref().set_read_timeout(Some(PATIENCE)).unwrap();
        match outcome {
            Ok(read) => Some(read == 0),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
            Err(_) => Some(true),
        }
    }
}

impl<S: Read + Write> Client<S> {
    pub fn raw(&mut self, buffer: &mut [u8]) -> usize {
        self.reader.read(buffer).unwrap_or(0)
    }

    pub fn over(stream: S) -> Self {
        Client { reader: BufReader::new(stream) }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.reader.get_mut().write_all(bytes).unwrap();
        self.reader.get_mut().flush().unwrap();
    }

    pub fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str("host: localhost\r\n");
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.send(head.as_bytes());
        // A server that refuses early may have closed before the body is out; its answer counts.
        let _ = self.reader.get_mut().write_all(body);
        self.reply()
    }

    pub fn reply(&mut self) -> Reply {
        let status = self.line();
        let status = status.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {status:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_string()));
        }
        let mut reply = Reply { status, headers, body: Vec::new() };
        let length = reply.header("content-length").map_or(0, |text| text.parse().unwrap());
        reply.body = vec![0; length];
        self.reader.read_exact(&mut reply.body).unwrap();
        reply
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_string()
    }
}

/// One request on a connection of its own, with the token of the tests.
pub fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> Reply {
    Client::connect(address).ask(method, path, &[("authorization", "aivenv1 good")], body.as_bytes())
}
