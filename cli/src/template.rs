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

#[derive(Serialize, Deserialize)]
struct Request {
    config: Config,
    style: String,
    name: String,
    source: String,
}

/// Renders a template to a recipe.
pub(crate) fn render_apart(config: &Config, style: &str, name: &str, source: &str) -> anyhow::Result<String> {
    let request = Request { config: config.clone(), style: style.into(), name: name.into(), source: source.into() };
    let request = serde_json::to_vec(&request)?;
    let cannot = || format!("cannot start the process that renders {name}");
    let mut child = Command::new(std::env::current_exe().with_context(cannot)?)
        .arg(SUBCOMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(cannot)?;
    // it reads everything before it writes anything; where it ends early, its end says why
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(&request);
    }
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
    child.wait()?;
    let _ = reader.join();
    Ok(text.ok().and_then(Result::ok).and_then(|text| serde_json::from_slice(&text).ok()))
}

/// Runs in the process that [`render_apart`] starts.
pub(crate) fn run() -> anyhow::Result<()> {
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
    for (resource, most) in [(Resource::As, MEMORY), (Resource::Cpu, TIME.as_secs()), (Resource::Core, 0)] {
        let Rlimit { current, maximum } = getrlimit(resource);
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
