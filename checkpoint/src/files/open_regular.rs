//! Opens files that may come from anyone, and that need not be what they are taken for.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Opens a file that has an end. A pipe is refused, and never waited for.
///
/// # Errors
///
/// Whatever opening gives, and [`io::ErrorKind::InvalidInput`] for what is no regular file.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let refuse = || io::Error::new(io::ErrorKind::InvalidInput, "this is no regular file");
    // checked before it is opened, because opening a device can have effects: a tape rewinds
    if !fs::metadata(path)?.is_file() {
        return Err(refuse());
    }
    let mut options = fs::OpenOptions::new();
    options.read(true);
    // a pipe may have replaced the file since. Opening it without O_NONBLOCK would wait for a writer; regular files
    // ignore the flag
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(refuse()) }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(open_regular(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(open_regular(folder.path()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
