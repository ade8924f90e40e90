use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// What a program on this gateway logs at a level: the gateway's own lines, and of its libraries no
/// more than warnings. On their finer levels the libraries print whole frames and headers, and with
/// them users' data and tokens.
pub fn log_targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("flowmaestro_gateway", level)
}

/// Logs to standard error from now on, in colour only on a terminal and unless `NO_COLOR` is set.
///
/// # Panics
/// When the process logs somewhere already: this is for a program's `main`.
pub fn log_to_stderr(targets: Targets) {
    let mut lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // On a terminal the library's own choice stands, which honours `NO_COLOR`.
    if !std::io::stderr().is_terminal() {
        lines.set_ansi(false);
    }
    tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .init();
}
