//! Ctrl-C: the first one asks the training to save a checkpoint and end, the second one ends the program at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::EXIT_INTERRUPTED;
use crate::output::Output;

/// The flag that Ctrl-C raises. There is one per process, as there is one keyboard.
pub fn flag(output: &mut Output<'_>) -> Arc<AtomicBool> {
    static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();
    let mut failure = None;
    let flag = FLAG.get_or_init(|| {
        let flag = Arc::new(AtomicBool::new(false));
        let raised = Arc::clone(&flag);
        let handler = move || {
            if raised.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(EXIT_INTERRUPTED));
            }
        };
        failure = ctrlc::set_handler(handler).err();
        flag
    });
    if let Some(error) = failure {
        output.warn(format!("Ctrl-C will not save a checkpoint: {error}"));
    }
    Arc::clone(flag)
}
