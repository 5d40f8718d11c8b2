//! Advice that the command adds to the library's errors: which of its flags helps.

use anyhow::anyhow;
use seedtensors_checkpoint::{KeyError, RenderError, VerifyError, WriteError};

/// An error of writing, and the flag that resumes or replaces.
pub(crate) fn write(error: WriteError) -> anyhow::Error {
    // the library does not know the flags of this command, so that its messages fit any caller
    let advice = match &error {
        WriteError::Exists(_) | WriteError::Different(_) => "--force replaces it",
        WriteError::Stale(_) => "--force removes it",
        WriteError::Interrupted { .. } => "--resume goes on after them",
        _ => return error.into(),
    };
    anyhow!("{error}; {advice}")
}

/// An error of verifying, and the flags that give what a file does not record.
pub(crate) fn verify(error: VerifyError) -> anyhow::Error {
    match &error {
        VerifyError::NoRecord(_) => {
            anyhow!("{error}; give them: --seed N and a recipe (RECIPE.toml, --config or --like)")
        }
        _ => error.into(),
    }
}

/// A template's error as text, and the flag that gives a key or a template. Text, because the process that renders a
/// template of the user's own passes it on.
pub(crate) fn render(error: &RenderError) -> String {
    let advice = match error {
        RenderError::Key { error: KeyError::Type { name, .. }, .. } => format!("; --set {name}=VALUE changes it"),
        RenderError::Key { .. } | RenderError::Undefined { .. } => "; --set KEY=VALUE gives it".to_owned(),
        RenderError::Family { .. } => {
            "; `seedtensors families` lists all. --like takes the names and shapes of a checkpoint, --recipe your template"
                .to_owned()
        }
        RenderError::NoFamily => "; `seedtensors families` lists them, --recipe takes your own template".to_owned(),
        _ => String::new(),
    };
    format!("{error}{advice}")
}
