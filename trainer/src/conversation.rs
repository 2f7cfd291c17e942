//! One child: a request and its reply at a time, with a deadline.

use std::{
    io::{BufReader, Write as _},
    path::{Path, PathBuf},
    process::{ChildStderr, ChildStdin, ChildStdout},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::Duration,
};

use serde::de::DeserializeOwned;

use crate::{
    ProgramFailure, Words,
    folder::PrivateFolder,
    lines::{self, Line},
    protocol::{MAX_REPLY_BYTES, Reply, Request},
    slot::Slot,
};

/// Longest line of standard error that is logged whole, in bytes.
const MAX_LOG_BYTES: usize = 4 << 10;

/// Most lines of standard error that are logged between two requests.
const MAX_LOG_LINES: usize = 200;

/// How much of what a program says a message repeats, in characters.
const MAX_QUOTE: usize = 300;

/// How long a child that was asked to stop may take before it is killed, and one whose output has ended before it is asked
/// how it ended.
const GRACE: Duration = Duration::from_secs(2);

/// A child and what it is asked. When this is dropped, the child and its folder are gone.
pub(crate) struct Conversation {
    slot: Arc<Slot>,
    folder: PathBuf,
    /// Where a thread writes from, so that a child that does not read keeps nobody waiting.
    requests: Sender<String>,
    replies: Receiver<Line>,
    /// Lines of standard error since the last request.
    logged: Arc<AtomicUsize>,
    last_id: u64,
}

impl Conversation {
    /// Starts a child in a folder of its own in `scratch`.
    pub(crate) fn begin(
        words: &Words,
        scratch: &Path,
        slot: &Arc<Slot>,
    ) -> Result<Self, ProgramFailure> {
        if slot.is_stopped() {
            return Err(ProgramFailure::Stopped);
        }
        let private = PrivateFolder::create(scratch)?;
        let folder = private.path().to_owned();
        let mut process = words.start(&folder)?;
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        slot.hold(process, private)?;
        let (requests, lines) = channel();
        // One line of room: a child that talks on is read no further.
        let (found, replies) = sync_channel(1);
        let logged = Arc::new(AtomicUsize::new(0));
        if let (Some(stdin), Some(stdout), Some(stderr)) = pipes {
            let counted = Arc::clone(&logged);
            thread::spawn(move || write_requests(stdin, &lines));
            thread::spawn(move || read_replies(stdout, &found));
            thread::spawn(move || log(stderr, &counted));
        }
        Ok(Self { slot: Arc::clone(slot), folder, requests, replies, logged, last_id: 0 })
    }

    /// A file in the private folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask<T: DeserializeOwned>(
        &mut self,
        request: &Request<'_>,
        deadline: Duration,
    ) -> Result<T, ProgramFailure> {
        let name = request.name();
        self.last_id += 1;
        self.logged.store(0, Ordering::Relaxed);
        let no_reply = |line: &[u8], problem: String| ProgramFailure::NoReply {
            request: name,
            line: quote(&String::from_utf8_lossy(line)),
            problem,
        };
        let line = request.line(self.last_id).map_err(|error| no_reply(b"", error.to_string()))?;
        // Where nobody reads any more, the replies have ended as well.
        let _ = self.requests.send(line);
        let line = match self.replies.recv_timeout(deadline) {
            Ok(Line::Whole(line)) => line,
            Ok(Line::Cut(_)) => {
                return Err(ProgramFailure::Long { request: name, limit: MAX_REPLY_BYTES });
            }
            Err(RecvTimeoutError::Timeout) => {
                return Err(ProgramFailure::Deadline {
                    request: name,
                    seconds: deadline.as_secs_f64(),
                });
            }
            Err(RecvTimeoutError::Disconnected) => {
                if self.slot.is_stopped() {
                    return Err(ProgramFailure::Stopped);
                }
                self.slot.await_end(GRACE);
                return Err(ProgramFailure::Ended { request: name, status: self.slot.end() });
            }
        };
        let reply: Reply<T> =
            serde_json::from_slice(&line).map_err(|error| no_reply(&line, error.to_string()))?;
        if reply.id != self.last_id {
            let problem = format!("it is for request {}, not {}", reply.id, self.last_id);
            return Err(no_reply(&line, problem));
        }
        if let Some(said) = reply.error {
            return Err(ProgramFailure::Said { request: name, said: quote(&said) });
        }
        reply.answer.ok_or_else(|| no_reply(&line, format!("fields of {name} are missing")))
    }

    /// Asks the child to stop, and gives it a moment to do so.
    pub(crate) fn stop(mut self) {
        self.last_id += 1;
        if let Ok(line) = Request::Stop.line(self.last_id) {
            let _ = self.requests.send(line);
            self.slot.await_end(GRACE);
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.slot.end();
    }
}

fn quote(text: &str) -> String {
    text.chars().take(MAX_QUOTE).collect()
}

fn write_requests(mut stdin: ChildStdin, lines: &Receiver<String>) {
    // Until the conversation is dropped, or the child does not read any more. Then standard input is closed.
    while let Ok(line) = lines.recv() {
        if stdin.write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_replies(stdout: ChildStdout, found: &SyncSender<Line>) {
    let mut reader = BufReader::new(stdout);
    while let Some(line) = lines::next(&mut reader, MAX_REPLY_BYTES) {
        if found.send(line).is_err() {
            return;
        }
    }
}

fn log(stderr: ChildStderr, logged: &AtomicUsize) {
    let mut reader = BufReader::new(stderr);
    while let Some(line) = lines::next(&mut reader, MAX_LOG_BYTES) {
        let (Line::Whole(line) | Line::Cut(line)) = line;
        // Escaped: a program writes neither colours nor lines of its own into the log.
        let line = String::from_utf8_lossy(&line).escape_debug().to_string();
        match logged.fetch_add(1, Ordering::Relaxed) {
            ..MAX_LOG_LINES => tracing::info!("trainer: {line}"),
            MAX_LOG_LINES => tracing::warn!("trainer: further lines are left out"),
            _ => {}
        }
    }
}
