//! A template of the user's own, rendered in a process of its own with limits of time and memory: a template can ask
//! for any amount of both, and can overflow the stack.

use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use seedtensors_checkpoint::{Config, render};
use serde::{Deserialize, Serialize};

use crate::advice;

/// The hidden subcommand that renders what it reads from its standard input.
pub(crate) const SUBCOMMAND: &str = "render-template";
/// The address space that rendering may take, in bytes.
const MEMORY: u64 = 2 << 30;
/// The time that rendering may take. A recipe of 92,000 tensors takes a second.
const TIME: Duration = Duration::from_secs(10);

/// The input of the child, as JSON.
#[derive(Serialize, Deserialize)]
struct Request {
    /// The variables of the template.
    config: Config,
    /// The name of the style.
    style: String,
    /// The name of the template, for messages.
    name: String,
    /// The text of the template.
    source: String,
}

/// Renders a template to a recipe.
pub(crate) fn render_apart(config: &Config, style: &str, name: &str, source: &str) -> anyhow::Result<String> {
    let request = Request { config: config.clone(), style: style.into(), name: name.into(), source: source.into() };
    let request = serde_json::to_vec(&request)?;
    let cannot = || format!("cannot start the process that renders {name}");
    // this very program: the hidden subcommand reads the request and answers with JSON. What a crash prints is
    // dropped
    let mut child = Command::new(std::env::current_exe().with_context(cannot)?)
        .arg(SUBCOMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(cannot)?;
    // the child reads everything before it writes anything, so neither waits for the other; a child that ends early
    // shows in its answer
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(&request);
    }
    // `stdin` was closed above: the child sees the end of its input
    match answer(&mut child)? {
        Some(Ok(text)) => Ok(text),
        Some(Err(message)) => bail!("{message}"),
        None => bail!(
            "{name} cannot be rendered: it takes more than {} s, more than {} GiB of memory, or nests too deeply",
            TIME.as_secs(),
            MEMORY >> 30
        ),
    }
}

/// The answer of a child, which is killed where it takes too long; none where it ended without one.
fn answer(child: &mut Child) -> anyhow::Result<Option<Result<String, String>>> {
    let Some(mut stdout) = child.stdout.take() else { return Ok(None) };
    // a pipe has no time limit for reads: a thread reads, and this one waits for it with a limit
    let (sender, receiver) = std::sync::mpsc::channel();
    let reader = std::thread::Builder::new().name("rendered".to_owned()).spawn(move || {
        let mut text = Vec::new();
        let read = stdout.read_to_end(&mut text);
        // nobody may be waiting any more
        let _ = sender.send(read.map(|_| text));
    })?;
    let end = Instant::now() + TIME;
    let text = receiver.recv_timeout(end.saturating_duration_since(Instant::now()));
    // an answer is whole, and a child that has given none is of no more use
    let _ = child.kill();
    // a killed child stays a zombie until it is waited for
    child.wait()?;
    // the pipe is closed by now, so the thread ends
    let _ = reader.join();
    Ok(text.ok().and_then(Result::ok).and_then(|text| serde_json::from_slice(&text).ok()))
}

/// Runs in the process that [`render_apart`] starts.
pub(crate) fn run() -> anyhow::Result<()> {
    // before any input is read
    limit_resources().context("cannot limit memory and time")?;
    let mut request = Vec::new();
    io::stdin().read_to_end(&mut request)?;
    let Request { config, style, name, source } = serde_json::from_slice(&request)?;
    let rendered = render(&config, &style, Some((&name, &source))).map_err(|error| advice::render(&error));
    io::stdout().write_all(&serde_json::to_vec(&rendered)?)?;
    Ok(())
}

#[cfg(unix)]
fn limit_resources() -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // no core file: an overflow of the stack is expected here. The limit of CPU time also ends a child whose parent
    // was killed
    for (resource, most) in [(Resource::As, MEMORY), (Resource::Cpu, TIME.as_secs()), (Resource::Core, 0)] {
        let Rlimit { current, maximum } = getrlimit(resource);
        // a limit cannot be raised above the one that the process was given
        let most = most.min(current.unwrap_or(u64::MAX)).min(maximum.unwrap_or(u64::MAX));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })?;
    }
    Ok(())
}

/// Only the time is limited, by the parent, where the system has no such limits.
#[cfg(not(unix))]
fn limit_resources() -> io::Result<()> {
    Ok(())
}
